"""The server dies at chosen moments of a job's life: the job still runs once, and ends once as it should.

Each moment is hit exactly: a script of the site or a lock in the database holds the job there.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM

import pytest

from oar.dev.processes import children
from tests.acceptance.site import Job, Site

COMMAND = "echo $OAR_JOB_ID >> starts.$OAR_JOB_ID; until [ -e go.$OAR_JOB_ID ]; do sleep 0.1; done; exit 5"
LAUNCHING = ("toLaunch", "server-prologue", "prologue", "started")
ENDING = ("running", "epilogue", "reported", "server-epilogue", "cleaned")
BARRED = {"toLaunch": "Launching", "started": "Running", "reported": "Finishing", "cleaned": "Terminated"}
"""The moments before a state is stored."""
SCRIPTED = ("server-prologue", "prologue", "epilogue", "server-epilogue")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job."""

    job: Job
    starts: int
    ends: list[str]


def crash_at(site: Site, moments: tuple[str, ...], go_first: bool) -> dict[str, Outcome]:
    """Bring a job to each moment, kill the server, let them go on, start it again; tell their ends."""
    held = site.submit_all("--hold", "-l", "core=1", "--array", str(len(moments)), COMMAND)
    jobs = dict(zip(moments, held, strict=True))
    scripted = [moment for moment in moments if moment in SCRIPTED]
    barred = [moment for moment in moments if moment in BARRED]
    for moment in scripted:
        site.shut(moment, jobs[moment])
    with site.barring({jobs[moment]: BARRED[moment] for moment in barred}):
        site.output("oarresume", *map(str, held))
        if "running" in jobs:
            site.until_state(jobs["running"], "Running")
        if go_first:
            for moment in (*scripted, *barred):
                site.write(f"go.{jobs[moment]}", "")
        for moment in scripted:
            site.until_at(moment, jobs[moment])
        for moment in barred:
            site.until_barred(jobs[moment])
        site.kill_server()
    for job in held:
        site.write(f"go.{job}", "")
    for moment in scripted:
        site.open(moment, jobs[moment])
    site.start_server()
    with suppress(AssertionError):  # each test tells of its own moment
        site.until_ended(*held)
    return {moment: outcome(site, job) for moment, job in jobs.items()}


def outcome(site: Site, job_id: int) -> Outcome:
    starts = site.home / f"starts.{job_id}"
    ends = [state for state in site.states(job_id) if state in ("Terminated", "Error")]
    return Outcome(site.job(job_id), len(starts.read_text().split()) if starts.exists() else 0, ends)


@pytest.fixture(scope="module")
def after_crash_in_launch(shared_site: Site) -> dict[str, Outcome]:
    return crash_at(shared_site, LAUNCHING, go_first=False)


@pytest.fixture(scope="module")
def after_crash_in_end(shared_site: Site) -> dict[str, Outcome]:
    return crash_at(shared_site, ENDING, go_first=True)


def check(outcome: Outcome) -> None:
    assert (outcome.job.state, outcome.job.exit_code) == ("Terminated", 5 << 8), outcome
    assert outcome.starts == 1, outcome
    assert outcome.ends == ["Terminated"], outcome


@pytest.mark.parametrize("moment", LAUNCHING)
def test_a_job_caught_in_its_launch_by_the_death_of_the_server_runs_once(
    site: Site, after_crash_in_launch: dict[str, Outcome], moment: str
) -> None:
    check(after_crash_in_launch[moment])


@pytest.mark.parametrize("moment", ENDING)
def test_a_job_caught_in_its_end_by_the_death_of_the_server_ends_once(
    site: Site, after_crash_in_end: dict[str, Outcome], moment: str
) -> None:
    check(after_crash_in_end[moment])


def test_a_job_that_ended_while_the_server_was_dead_is_heard_of(site: Site) -> None:
    job = site.submit("-l", "core=1", COMMAND)
    site.until_state(job, "Running")
    site.kill_server()
    site.write(f"go.{job}", "")
    site.until_at("epilogue", job)
    site.start_server()
    site.until_ended(job)
    check(outcome(site, job))


def test_a_scheduler_that_is_killed_in_the_middle_of_a_round_is_replaced(site: Site) -> None:
    job = site.submit("--hold", "-l", "core=1", "true")
    with site.barring({job: "toLaunch"}):
        site.output("oarresume", str(job))
        site.until_barred(job)
        (killed,) = schedulers(site)
        os.kill(killed, SIGKILL)
    site.until_terminated(job)
    assert site.states(job).count("toLaunch") == 1
    (new,) = schedulers(site)
    assert new != killed


def schedulers(site: Site) -> list[int]:
    server = site.cluster.server.pid
    assert server is not None
    return [pid for pid in children(server) if b"oar.kao.main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_jobs_and_server_outlive_a_restart_of_the_database(site: Site) -> None:
    job = site.submit("-l", "core=1", COMMAND)
    site.until_state(job, "Running")
    server = site.cluster.server.pid
    site.cluster.database.stop(keep=True)
    site.write(f"go.{job}", "")
    site.until_at("epilogue", job)
    site.cluster.database.start()
    site.until_ended(job)
    check(outcome(site, job))
    site.until_terminated(site.submit("-l", "core=1", "true"))
    assert site.cluster.server.pid == server


def test_the_server_stops_with_exit_code_0_while_jobs_go_on(site: Site) -> None:
    site.cluster.stop_server()
    process = site.cluster.server.start()
    mark = site.lasting()
    job = site.submit(
        "-l", "core=1", f"sleep {mark} & until [ -e go.$OAR_JOB_ID ]; do sleep 0.1; done; exit 5"
    )
    site.until_state(job, "Running")
    (running,) = site.until_processes(mark, 1)
    site.kill_server(SIGTERM)
    assert process.wait(10) == 0
    assert site.processes(mark)
    assert running in site.until_processes(mark, 1)
    site.start_server()
    site.write(f"go.{job}", "")
    assert site.until_terminated(job)[0].exit_code == 5 << 8
