"""The pure pieces of oarexec."""

import signal
from pathlib import Path

import pytest

from oar.core.messages import JobReport, parse_line
from oar.node import oarexec
from oar.node.oarexec_job import server_host
from oar.node.oarexec_processes import process_files
from oar.node.oarexec_report import REPORT_AFTER_S, report_line
from oar.node.oarexec_signals import signal_number
from oar.remote.programs import READY_LINE


def test_the_ready_line_is_the_one_the_server_waits_for() -> None:
    assert oarexec.READY_LINE == READY_LINE


def test_a_server_with_a_name_is_reported_to_by_name() -> None:
    assert server_host("server.example.org", "10.0.0.1 5000 10.0.0.2 6667") == "server.example.org"


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_server_that_calls_itself_localhost_is_where_ssh_came_from(name: str) -> None:
    assert server_host(name, "10.0.0.1 5000 10.0.0.2 6667") == "10.0.0.1"


@pytest.mark.parametrize("connection", ["", "127.0.0.1 5000 127.0.2.1 6667", "::1 5000 ::1 6667"])
def test_on_the_servers_own_machine_localhost_is_right(connection: str) -> None:
    assert server_host("localhost", connection) == "localhost"


@pytest.mark.parametrize(
    ("name", "number"),
    [("USR1", signal.SIGUSR1), ("SIGTERM", signal.SIGTERM), ("12", 12), ("hup", signal.SIGHUP)],
)
def test_a_signal_is_known_by_name_and_number(name: str, number: int) -> None:
    assert signal_number(name) == number


@pytest.mark.parametrize("name", ["", "NONE", "0", "999", "_DFL", "$(id)"])
def test_what_is_no_signal_is_none(name: str) -> None:
    assert signal_number(name) == 0


def test_reports_are_spaced_from_a_second_to_a_quarter_of_an_hour() -> None:
    spaces = REPORT_AFTER_S
    assert (spaces[0], spaces[-1]) == (1, 900)
    assert list(spaces) == sorted(spaces)


def test_the_report_is_a_line_that_the_server_reads() -> None:
    assert report_line(12, 40, None, "4711") == "OAREXEC_12_40_N_4711\n"
    assert parse_line(report_line(12, 0, 768, "4711")) == JobReport(12, 0, 768, "4711")


def test_bad_data_ends_with_31(capsys: pytest.CaptureFixture[str]) -> None:
    assert oarexec.main(b"") == 31
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_processes_enter_every_hierarchy_that_has_the_group(tmp_path: Path) -> None:
    for name in ("cpuset", "freezer"):
        group = tmp_path / name / "oar" / "alice_12"
        group.mkdir(parents=True)
        (group / "cgroup.procs").write_text("")
    (tmp_path / "memory").mkdir()
    found = process_files("/oar/alice_12", str(tmp_path))
    assert found == [f"{tmp_path}/{name}/oar/alice_12/cgroup.procs" for name in ("cpuset", "freezer")]


def test_a_job_without_group_enters_none() -> None:
    assert process_files("") == []
