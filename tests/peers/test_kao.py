"""kao as the metascheduler of a real OAR 2.5.9, instead of its own."""

import re
from collections.abc import Iterator

import pytest

from tests.peers.peer import OURS, SHIPPED, Peer, install_kao

OURS_ALL = "/usr/lib/oar/kao"
OF_OAR2 = "oar_meta_sched"


@pytest.fixture(scope="module")
def with_kao(machine: Peer) -> Iterator[Peer]:
    """OAR 2 with kao, which plans the queues that had OAR 2's scheduler, and that of kamelot."""
    machine.settle()
    install_kao(machine)
    machine.schedule_with(OURS)
    machine.schedule_rounds_with(OURS_ALL)
    yield machine
    machine.settle()
    machine.schedule_rounds_with(OF_OAR2)


@pytest.fixture
def kao(with_kao: Peer) -> Iterator[Peer]:
    """OAR 2 with kao, idle before and after."""
    yield with_kao
    with_kao.settle()


def reserve(peer: Peer, in_s: int, request: str, command: str) -> tuple[int, int, str]:
    """Ask for a reservation; its id, its date, and what oarsub said of it."""
    date, words = peer.date(in_s)
    said = peer.inside(
        "runuser",
        "-u",
        "alice",
        "--",
        "sh",
        "-c",
        f"cd; oarsub -r '{words}' -l {request} '{command}'",
        check=False,
    ).stdout
    return int(re.search(r"OAR_JOB_ID=(\d+)", said)[1]), date, said


def test_a_job_goes_through_all_its_states(kao):
    job = kao.ended(kao.submit("-l", "nodes=2,walltime=0:10:0", "exit 3"))
    assert (job.state, int(job.exit_code) >> 8, len(job.resources)) == ("Terminated", 3, 4)
    assert " kao round: " in kao.log()
    states = [row[0] for row in kao.query(
        f"SELECT job_state FROM job_state_logs WHERE job_id = {job.job_id} ORDER BY job_state_log_id"  # noqa: S608
    )]  # fmt: skip
    assert states == ["Waiting", "toLaunch", "Launching", "Running", "Finishing", "Terminated"]


def test_the_plan_that_users_see_has_what_runs_what_waits_and_the_date_of_the_round(kao):
    running = kao.submit("-l", "nodes=3,walltime=0:10:0", "sleep 300")
    kao.until(running, "Running")
    waiting = kao.submit("-l", "nodes=1,walltime=0:10:0", "true")
    end = kao.job(running).start_time + 600
    assert end < kao.planned(waiting)[0] < end + 120
    assert kao.planned(running) == (kao.job(running).start_time, (1, 2, 3, 4, 5, 6))
    assert kao.query("SELECT count(*) FROM gantt_jobs_predictions_visu WHERE moldable_job_id = 0") == [["1"]]
    assert str(waiting) in kao.user("oarstat")


def test_who_waits_at_a_terminal_is_told_when_the_job_is_to_start(kao):
    kao.until(kao.submit("-l", "nodes=3,walltime=0:10:0", "sleep 600"), "Running")
    with kao.terminal("-l", "nodes=1,walltime=0:5:0") as (job_id, type_, shown):
        kao.planned(job_id)
        kao.user("oardel", str(job_id))
        kao.ended(job_id)
        type_()
        assert "Start prediction: 20" in shown.result()


def test_a_besteffort_job_makes_room(kao):
    victim = kao.submit("-t", "besteffort", "-l", "nodes=3,walltime=1", "sleep 600")
    kao.until(victim, "Running")
    job = kao.ended(kao.submit("-l", "nodes=1,walltime=0:5:0", "true"))
    assert (job.state, job.exit_code, kao.ended(victim).state) == ("Terminated", "0", "Error")
    assert "BESTEFFORT_KILL" in kao.events(victim)


def test_a_besteffort_job_with_a_checkpoint_is_told_and_may_end_by_itself(kao):
    command = "trap 'touch saved; exit 0' USR2; while :; do sleep 0.2; done"
    victim = kao.submit("-t", "besteffort", "--checkpoint", "300", "-l", "nodes=3,walltime=1", command)
    kao.until(victim, "Running")
    job = kao.ended(kao.submit("-l", "nodes=1,walltime=0:5:0", "true"))
    assert (job.state, kao.ended(victim).state) == ("Terminated", "Terminated")
    assert kao.user("ls", "saved") == "saved\n"
    assert "BESTEFFORT_KILL" not in kao.events(victim)


def test_a_round_that_fails_ends_with_a_code_that_does_not_stop_the_server(kao):
    for conf in ("/nonexistent", "/share/nowhere.conf"):
        kao.root("sh", "-c", "sed s/^DB_PORT=.*/DB_PORT=1/ /etc/oar/oar.conf > /share/nowhere.conf")
        done = kao.inside("env", f"OARCONFFILE={conf}", "/usr/lib/oar/kao", check=False)
        assert done.returncode == 1


def test_a_reservation_is_acknowledged_and_starts_at_its_date(kao):
    job_id, date, said = reserve(kao, 20, "nodes=3,walltime=0:10:0", "true")
    assert "Reservation valid --> OK" in said
    job = kao.ended(job_id)
    assert (job.state, job.exit_code, len(job.resources)) == ("Terminated", "0", 6)
    assert date <= job.start_time < date + 60


def test_a_reservation_that_has_no_room_is_refused_and_its_oarsub_hears_why(kao):
    kao.until(kao.submit("-l", "nodes=3,walltime=1", "sleep 600"), "Running")
    job_id, _, said = reserve(kao, 60, "nodes=1,walltime=0:10:0", "true")
    assert "Reservation not valid --> KO" in said
    assert kao.ended(job_id).state == "Error"


def test_arrays_containers_and_dependencies_run(kao):
    array = kao.submit_all("--array", "3", "-l", "core=1,walltime=0:5:0", "true")
    container = kao.submit("-t", "container", "-l", "nodes=2,walltime=0:10:0", "sleep 300")
    inner = kao.submit("-t", f"inner={container}", "-l", "nodes=1,walltime=0:2:0", "true")
    last = kao.submit("-a", str(inner), "-l", "nodes=1,walltime=0:5:0", "true")
    ends = [kao.ended(one) for one in (*array, inner, last)]
    assert [(job.state, job.exit_code) for job in ends] == [("Terminated", "0")] * 5
    assert set(ends[3].resources) < set(kao.job(container).resources)
    assert ends[4].start_time >= ends[3].stop_time


def test_a_job_that_will_never_run_is_ended_with_the_reason(kao):
    job = kao.ended(kao.submit("-t", "expire=2001-01-01", "-l", "nodes=1", "true"))
    assert (job.state, job.start_time) == ("Error", 0)
    assert "expire=2001-01-01" in job.message


def test_nothing_is_lost_when_the_metascheduler_of_oar_2_takes_over_again(kao):
    running = kao.submit("-l", "nodes=3,walltime=0:10:0", "while [ ! -e on ]; do sleep 0.2; done")
    kao.until(running, "Running")
    waiting = kao.submit("-l", "nodes=3,walltime=0:10:0", "true")
    kao.planned(waiting)
    kao.schedule_rounds_with(OF_OAR2)
    kao.schedule_with(SHIPPED)
    kao.user("touch", "on")
    ends = [kao.ended(one) for one in (running, waiting)]
    kao.schedule_with(OURS)
    kao.schedule_rounds_with(OURS_ALL)
    assert [(job.state, job.exit_code) for job in ends] == [("Terminated", "0")] * 2
