"""oarsub -r on a real database: what is registered, and what is refused before that."""

import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from oar.cli.oarsub import oarsub
from oar.core.durations import parse_date
from oar.db.resources import add_resource
from oar.db.tables_jobs import JobRow, MoldableRow
from oar.db.waiting_reservations import count_waiting_reservations
from oar.settings import NodeSettings
from tests.integration.commands.terminal import Terminal

REQUEST = ("-l", "{type = 'default'}/resource_id=1")
LATER = "2035-01-01 08:00:00"


@pytest.fixture
def frontend(terminal: Terminal) -> Terminal:
    """A terminal where nobody waits for the answers of a server that is down; one resource is there."""
    with terminal.database.engine.begin() as connection:
        add_resource(connection, "node1", {"cpuset": "0"}, now=100)
    return terminal


def reserve(frontend: Terminal, date: str, *more: str) -> Result:
    return frontend.run(oarsub, "--no-wait", "-r", date, *REQUEST, *more)


def jobs(frontend: Terminal) -> list[Any]:
    with frontend.database.engine.connect() as connection:
        return list(connection.execute(select(*JobRow.__table__.columns).order_by(JobRow.job_id)))


def test_a_reservation_is_registered_with_its_date(frontend: Terminal):
    reserve(frontend, LATER, "true")
    (job,) = jobs(frontend)
    assert (job.state, job.reservation, job.start_time) == ("Waiting", "toSchedule", parse_date(LATER))


def test_nobody_is_told_of_a_reservation_whose_oarsub_does_not_wait(frontend: Terminal):
    reserve(frontend, LATER, "true")
    assert jobs(frontend)[0].info_type.endswith(":")


def test_the_message_of_a_reservation_says_that_it_is_one(frontend: Terminal):
    reserve(frontend, LATER, "true")
    assert jobs(frontend)[0].message == "R=1,W=2:0:0,J=R"


def test_an_end_gives_the_walltime(frontend: Terminal):
    reserve(frontend, f"{LATER}, 11:30", "true")
    with frontend.database.engine.connect() as connection:
        assert connection.scalar(select(MoldableRow.moldable_walltime)) == 3.5 * 3600


def test_now_is_the_date_of_the_registration(frontend: Terminal):
    before = int(time.time())
    reserve(frontend, "now", "true")
    (job,) = jobs(frontend)
    assert job.start_time == job.submission_time >= before


def test_each_job_of_an_array_is_a_reservation(frontend: Terminal):
    reserve(frontend, LATER, "--array", "2", "true")
    assert [(job.reservation, job.start_time) for job in jobs(frontend)] == [
        ("toSchedule", parse_date(LATER))
    ] * 2


def test_a_line_of_a_script_reserves_too(frontend: Terminal, tmp_path: Path):
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\n#OAR -r {LATER}\n")
    frontend.run(oarsub, "--no-wait", *REQUEST, "-S", str(script))
    assert jobs(frontend)[0].start_time == parse_date(LATER)


def test_a_time_without_a_day_is_one_of_today(frontend: Terminal):
    reserve(frontend, "23:59:59", "true")
    date = datetime.fromtimestamp(jobs(frontend)[0].start_time)
    assert (date.hour, date.minute, date.second) == (23, 59, 59)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("-r", "soon", "true"), 7, "-r: the start, 'soon', is no date"),
        (("-r", LATER, "--hold", "true"), 7, "leave out --hold"),
        (("-r", LATER, "-a", "1", "true"), 7, "leave out -a"),
        (("-r", LATER, "-I"), 7, "-I"),
        (("-r", LATER, "-t", "besteffort", "true"), 254, "both be of type besteffort and be a reservation"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_registered(
    frontend: Terminal, arguments: tuple[str, ...], code: int, told: str
):
    result = frontend.run(oarsub, *REQUEST, *arguments)
    assert (result.exit_code, jobs(frontend)) == (code, [])
    assert told in result.stderr + result.stdout


def test_a_third_waiting_reservation_is_refused(frontend: Terminal):
    for _ in range(2):
        reserve(frontend, LATER, "true")
    result = frontend.run(oarsub, "--no-wait", "-r", LATER, *REQUEST, "true")
    assert result.exit_code == 254
    assert "you cannot have more than 2 waiting advance reservations" in result.stderr + result.stdout
    assert len(jobs(frontend)) == 2


def test_an_array_is_as_many_reservations_as_it_has_jobs(frontend: Terminal):
    reserve(frontend, LATER, "true")
    assert reserve(frontend, LATER, "--array", "2", "true").exit_code == 254
    assert len(jobs(frontend)) == 1


def test_reservations_of_one_user_are_counted_one_submission_after_the_other(frontend: Terminal):
    engine = frontend.database.engine
    with engine.begin() as first, engine.begin() as second:
        count_waiting_reservations(first, "alice")
        second.exec_driver_sql("SET LOCAL lock_timeout = 100")
        assert count_waiting_reservations(second, "bob") == 0
        with pytest.raises(OperationalError, match="lock timeout"):
            count_waiting_reservations(second, "alice")


def test_a_reservation_that_ends_after_the_last_date_there_is_is_refused(frontend: Terminal):
    request = "{type = 'default'}/resource_id=1,walltime=48:00:00"
    result = frontend.run(oarsub, "--no-wait", "-r", "2038-01-16 08:00:00", "-l", request, "true")
    assert (result.exit_code, jobs(frontend)) == (7, [])
    assert "the last date is 2038-01-17" in result.stderr


def test_users_whom_the_administrators_name_have_any_number_of_reservations(
    frontend: Terminal, tmp_path: Path
):
    (tmp_path / "unlimited_reservation.users").write_text("alice\noar\n")
    settings = replace(frontend.settings, nodes=NodeSettings(runtime_directory=str(tmp_path)))
    privileged = replace(frontend, settings=settings)
    for _ in range(3):
        assert (
            "is granted the privilege to do unlimited reservations"
            in reserve(privileged, LATER, "true").stdout
        )
    assert len(jobs(frontend)) == 3


def test_reservations_that_have_begun_do_not_count(frontend: Terminal):
    for _ in range(2):
        reserve(frontend, LATER, "true")
    with frontend.database.engine.begin() as connection:
        connection.execute(update(JobRow).values(state="Running"))
    reserve(frontend, LATER, "true")
    assert len(jobs(frontend)) == 3


def test_an_inner_reservation_needs_a_reserved_container(frontend: Terminal):
    frontend.run(oarsub, *REQUEST, "-t", "container", "true")
    result = frontend.run(oarsub, "--no-wait", "-r", LATER, *REQUEST, "-t", "inner=1", "true")
    assert "requires the container to be an advance reservation as well" in result.stderr + result.stdout


def test_an_inner_reservation_in_a_reserved_container_is_registered(frontend: Terminal):
    reserve(frontend, LATER, "-t", "container", "true")
    reserve(frontend, LATER, "-t", "inner=1", "true")
    assert len(jobs(frontend)) == 2
