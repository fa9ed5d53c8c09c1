"""The place in cgroup v2 that systemd is asked for."""

from pathlib import Path

from oar.node.delegation import KEEPER, ask_for_place, runs_systemd


def test_a_place_that_is_kept_is_not_asked_for_again(tmp_path: Path) -> None:
    (tmp_path / "oar-jobs.service" / "keeper").mkdir(parents=True)
    (tmp_path / "oar-jobs.service" / "keeper" / "cgroup.procs").write_text("4711\n")
    assert ask_for_place(str(tmp_path), "/nonexistent") == ""


def test_a_node_without_systemd_run_says_so(tmp_path: Path) -> None:
    assert "/nonexistent" in ask_for_place(str(tmp_path), "/nonexistent")


def test_a_service_that_does_not_start_is_not_waited_for(tmp_path: Path) -> None:
    assert ask_for_place(str(tmp_path), "false").startswith("oar-jobs.service did not start")


def test_systemd_finds_nothing_to_replace_in_the_command_of_the_service() -> None:
    assert not set("$%\n") & set(KEEPER)


def test_the_first_process_is_systemd_where_it_has_its_folder(tmp_path: Path) -> None:
    assert runs_systemd(str(tmp_path))
    assert not runs_systemd(str(tmp_path / "nothing"))
