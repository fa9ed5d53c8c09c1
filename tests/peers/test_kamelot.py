"""kamelot as the scheduler of a queue of a real OAR 2.5.9: every kind of job comes to its right end."""

import re

import pytest

from tests.peers.peer import OURS, SHIPPED, Peer, nodes_of

OVERLAP = "touch met$1; for i in $(seq 300); do [ -e met1 ] && [ -e met2 ] && exit 0; sleep 0.1; done; exit 9"
"""A command that ends well when another one, with the other number, runs at the same time."""


WAITING = (
    ("-l", "nodes=2,walltime=0:30:0"),
    ("-l", "nodes=1,walltime=1"),
    ("-l", "/network_address=3/core=1,walltime=0:10:0"),
    ("-l", "core=5,walltime=0:15:0"),
    ("-p", "network_address = 'node3'", "-l", "core=1,walltime=2"),
    ("-l", "nodes=3,walltime=0:5:0"),
    ("-l", "{network_address = 'node1'}/core=1+{network_address = 'node2'}/core=2,walltime=0:40:0"),
    ("-l", "nodes=2,walltime=3", "-l", "nodes=1,walltime=0:10:0"),
)
"""Requests that have to wait for a whole cluster to be free."""


@pytest.fixture
def ours(peer: Peer) -> Peer:
    """OAR 2 with kamelot for the queue default; the others keep their schedulers."""
    peer.schedule_with(OURS)
    return peer


def test_the_machine_runs_a_job_with_the_scheduler_that_oar_2_ships(peer):
    peer.schedule_with(SHIPPED)
    job = peer.ended(peer.submit("-l", "nodes=2", "true"))
    assert (job.state, job.exit_code, len(job.resources)) == ("Terminated", "0", 4)


def test_a_passive_job_runs_and_its_exit_code_is_kept(ours):
    job = ours.ended(ours.submit("-l", "nodes=2,walltime=0:10:0", "echo it ran > out; exit 3"))
    assert (job.state, int(job.exit_code) >> 8, job.resources) == ("Terminated", 3, (1, 2, 3, 4))
    assert ours.user("cat", "out") == "it ran\n"
    assert job.message.startswith("R=4,W=0:10:0,J=B")


def test_an_interactive_job_gives_a_shell(ours):
    with ours.terminal("-l", "nodes=1,walltime=0:5:0", typed="echo inside $OAR_JOB_ID; exit") as (
        job_id,
        type_,
        shown,
    ):
        ours.until(job_id, "Running")
        type_()
        assert f"inside {job_id}" in shown.result()


def test_the_jobs_of_an_array_all_run(ours):
    jobs = [ours.ended(one) for one in ours.submit_all("--array", "4", "-l", "core=2", "true")]
    assert [(job.state, len(job.resources)) for job in jobs] == [("Terminated", 2)] * 4


def test_the_alternative_that_ends_first_is_taken(ours):
    first, second = ("-l", "nodes=3,walltime=2"), ("-l", "nodes=1,walltime=0:30:0")
    assert len(ours.ended(ours.submit(*first, *second, "true")).resources) == 2


def test_levels_of_a_request_are_kept_apart(ours):
    job = ours.ended(ours.submit("-l", "/network_address=3/core=1", "true"))
    assert (len(job.resources), nodes_of(job.resources)) == (3, ["node1", "node2", "node3"])


def test_filters_of_job_and_group_hold(ours):
    job = ours.ended(ours.submit("-p", "network_address != 'node1'", "-l", "{core > 4}/core=1", "true"))
    assert nodes_of(job.resources) == ["node3"]


def test_a_job_waits_for_the_one_it_depends_on(ours):
    first = ours.submit("-l", "nodes=1,walltime=0:5:0", "sleep 3")
    second = ours.submit("-a", str(first), "-l", "nodes=1,walltime=0:5:0", "true")
    job = ours.ended(second)
    assert (job.state, job.start_time >= ours.job(first).stop_time > 0) == ("Terminated", True)


def test_an_inner_job_runs_in_its_container(ours):
    container = ours.submit("-t", "container", "-l", "nodes=2,walltime=0:10:0", "sleep 300")
    inside = ours.ended(ours.submit("-t", f"inner={container}", "-l", "nodes=1,walltime=0:2:0", "true"))
    assert (inside.state, inside.exit_code) == ("Terminated", "0")
    around = ours.job(container)
    assert (around.state, set(inside.resources) < set(around.resources)) == ("Running", True)


def test_timesharing_jobs_hold_the_same_resources_together(ours):
    words = ("-t", "timesharing=*,*", "-p", "core=1", "-l", "core=1,walltime=0:5:0")
    jobs = [ours.submit(*words, f"set -- {number}; {OVERLAP}") for number in (1, 2)]
    ends = [ours.ended(one) for one in jobs]
    assert [(job.state, job.exit_code, job.resources) for job in ends] == [("Terminated", "0", (1,))] * 2


def test_a_besteffort_job_of_a_queue_with_the_shipped_scheduler_makes_room(ours):
    victim = ours.submit("-t", "besteffort", "-l", "nodes=3,walltime=1", "sleep 600")
    ours.until(victim, "Running")
    job = ours.ended(ours.submit("-l", "nodes=1,walltime=0:5:0", "true"))
    assert (job.state, job.exit_code) == ("Terminated", "0")
    assert ours.ended(victim).state == "Error"
    assert "BESTEFFORT_KILL" in ours.events(victim)


def test_besteffort_jobs_are_planned_by_kamelot_too(ours):
    ours.schedule_with(OURS, "besteffort", 0)
    job = ours.ended(ours.submit("-t", "besteffort", "-l", "nodes=3,walltime=1", "true"))
    ours.schedule_with(SHIPPED, "besteffort", 0)
    assert (job.state, job.exit_code, len(job.resources)) == ("Terminated", "0", 6)


def test_a_deploy_job_runs_on_the_frontend(ours):
    job = ours.ended(ours.submit("-t", "deploy", "-l", "nodes=1,walltime=0:5:0", "hostname > where"))
    assert (job.state, job.exit_code, len(job.resources)) == ("Terminated", "0", 2)
    assert ours.user("cat", "where") == "server\n"


def test_a_noop_job_holds_its_resources_until_its_walltime_is_over(ours):
    job_id = ours.submit("-t", "noop", "-l", "nodes=1,walltime=0:0:5", "true")
    assert ours.until(job_id, "Running").resources == (1, 2)
    job = ours.ended(job_id)
    assert job.stop_time - job.start_time >= 5


def test_jobs_are_planned_round_an_advance_reservation_and_it_starts_at_its_date(ours):
    date, words = ours.date(25)
    said = ours.user("oarsub", "-r", words, "-l", "nodes=2,walltime=0:10:0", "true")
    reserved = int(re.search(r"OAR_JOB_ID=(\d+)", said)[1])
    assert "Reservation valid --> OK" in said
    beside = ours.submit("-l", "nodes=1,walltime=0:30:0", "true")
    behind = ours.submit("-l", "nodes=3,walltime=0:30:0", "true")
    assert ours.planned(behind)[0] > date + 600
    assert ours.ended(beside).start_time < date
    job = ours.ended(reserved)
    assert (job.state, job.exit_code, len(job.resources)) == ("Terminated", "0", 4)
    assert date <= job.start_time < date + 60


def test_a_job_that_will_never_run_is_refused_with_the_reason(ours):
    job = ours.ended(ours.submit("-t", "expire=2001-01-01", "-l", "nodes=1", "true"))
    assert (job.state, job.start_time) == ("Error", 0)
    assert "expire=2001-01-01" in job.message


def test_a_held_job_starts_when_it_is_resumed(ours):
    job_id = ours.submit("--hold", "-l", "nodes=1,walltime=0:5:0", "true")
    other = ours.ended(ours.submit("-l", "nodes=3,walltime=0:5:0", "true"))
    assert (other.state, ours.job(job_id).state) == ("Terminated", "Hold")
    ours.user("oarresume", str(job_id))
    assert ours.ended(job_id).state == "Terminated"


def test_a_scheduler_that_cannot_reach_the_database_costs_a_round_and_not_the_queue(ours):
    """The next test would find the queue switched off if one had been."""
    broken = "sed s/^DB_PORT=.*/DB_PORT=1/ /etc/oar/oar.conf > /share/broken.conf"
    run = 'OARCONFFILE=/share/broken.conf exec /usr/lib/oar/kamelot "$@"'
    ours.share.chmod(0o777)
    (ours.share / "failing").write_text(f"#!/bin/sh\n{broken}\ntouch /share/failed\n{run}\n")
    ours.root("install", "-m", "755", "/share/failing", "/usr/lib/oar/schedulers/failing")
    ours.schedule_with("failing")
    job = ours.submit("-l", "nodes=1,walltime=0:5:0", "true")
    ours.wait((ours.share / "failed").exists, "a round")
    ours.wait(lambda: "does not answer" in ours.log(), "the log to say it")
    assert ours.query("SELECT state FROM queues WHERE queue_name = 'default'") == [["Active"]]
    ours.schedule_with(OURS)
    assert ours.ended(job).state == "Terminated"


def test_nothing_is_lost_when_the_shipped_scheduler_takes_over_again(ours):
    running = ours.submit("-l", "nodes=3,walltime=0:10:0", "while [ ! -e go ]; do sleep 0.2; done")
    waiting = ours.submit("-l", "nodes=3,walltime=0:10:0", "true")
    held = ours.submit("--hold", "-l", "nodes=1,walltime=0:10:0", "true")
    ours.until(running, "Running")
    before = ours.planned(waiting)
    ours.schedule_with(SHIPPED)
    late = ours.submit("-l", "nodes=1,walltime=0:10:0", "true")
    ours.planned(late)
    start, resources = ours.planned(waiting)
    assert (abs(start - before[0]) <= 2, resources) == (True, before[1])
    ours.user("touch", "go")
    ours.user("oarresume", str(held))
    ends = [ours.ended(one) for one in (running, waiting, held, late)]
    assert [(job.state, job.exit_code) for job in ends] == [("Terminated", "0")] * 4


def test_the_plan_is_the_one_that_the_scheduler_of_oar_2_makes(ours):
    """Starts may differ by the second that OAR 2 leaves between two jobs, once for each job before."""
    ours.until(ours.submit("-l", "nodes=3,walltime=0:20:0", "sleep 1200"), "Running")
    jobs = [ours.submit(*words, "true") for words in WAITING]
    plans = []
    for scheduler in (SHIPPED, OURS):
        ours.schedule_with(scheduler)
        mark = ours.submit(
            "-l", "core=1,walltime=0:1:0", "true"
        )  # the last in the plan: all others are there
        ours.planned(mark)
        plans.append([ours.planned(one) for one in jobs])
        ours.user("oardel", str(mark))
        ours.ended(mark)
    shipped, kamelot = plans
    assert [len(resources) for _, resources in kamelot] == [len(resources) for _, resources in shipped]
    apart = [abs(one - other) for (one, _), (other, _) in zip(kamelot, shipped, strict=True)]
    assert max(apart) <= len(jobs), list(zip(WAITING, shipped, kamelot, strict=True))


def test_the_schema_of_oar_2_is_as_it_was(ours):
    ours.ended(ours.submit("-l", "nodes=1,walltime=0:5:0", "true"))
    ours.root("sh", "-c", "runuser -u postgres -- createdb fresh && runuser -u postgres -- psql -q -f"
              " /usr/lib/oar/database/pg_structure.sql fresh")  # fmt: skip
    columns = (
        "SELECT table_name, column_name, data_type, column_default FROM information_schema.columns"
        " WHERE table_schema = 'public' AND column_name <> 'core' ORDER BY 1, 2"
    )
    fresh = ours.root("runuser", "-u", "postgres", "--", "psql", "-At", "-F", "\t", "-c", columns, "fresh")
    assert ours.query(columns) == [line.split("\t") for line in fresh.splitlines()]
