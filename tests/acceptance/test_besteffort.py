"""Besteffort jobs on a whole cluster: they fill it, save their work when they are told to, and make room."""

import time
from datetime import datetime
from signal import SIGKILL

import pytest

from tests.acceptance.site import Site

EVERYTHING = ("-l", "nodes=3,walltime=0:5:0")
BESTEFFORT = (*EVERYTHING, "-t", "besteffort")
SAVES = "trap 'echo saved; exit 0' {0}; echo up; while :; do sleep 0.1; done"
"""A command that saves its work and ends when it gets a signal."""
GOES_ON = "trap 'echo heard' USR2; echo up; while :; do sleep 0.1; done"


def in_seconds(seconds: int) -> str:
    return datetime.fromtimestamp(time.time() + seconds).strftime("%Y-%m-%d %H:%M:%S")


def start(site: Site, *argv: str) -> int:
    """Submit a job that says when it is up, and wait for that."""
    job = site.submit(*argv)
    file = site.home / f"OAR.{job}.stdout"
    site.until(f"job {job} is up", lambda: file.exists() and "up" in file.read_text())
    return job


def copy_of(site: Site, job: int) -> int:
    sql = "SELECT job_id FROM jobs WHERE resubmit_job_id = :id"
    return int(site.until(f"a copy of job {job}", lambda: site.rows(sql, id=job))[0][0])


def test_an_idempotent_besteffort_job_makes_room_and_comes_back(site: Site) -> None:
    mark = site.lasting()
    evicted = site.submit(*BESTEFFORT, "-t", "idempotent", f"sleep {mark}")
    site.until_processes(mark, 1)
    after = site.submit("-l", "core=1,walltime=0:1:0", "-a", str(evicted), "true")
    job = site.submit("-l", "nodes=3,walltime=0:1:0", "true")
    site.until_terminated(job)
    assert site.job(evicted).state == "Error"
    assert {"BESTEFFORT_KILL", "RESUBMIT_JOB_AUTOMATICALLY"} <= set(site.events(evicted))
    copy = copy_of(site, evicted)
    site.until_state(copy, "Running")
    assert site.job(after).state == "Waiting"
    site.output("oardel", str(copy))
    site.until_terminated(after)


@pytest.mark.parametrize(("option", "name"), [((), "USR2"), (("--signal", "USR1"), "USR1")])
def test_a_besteffort_job_that_asked_for_it_saves_its_work_before_it_makes_room(
    site: Site, option: tuple[str, ...], name: str
) -> None:
    saving = start(site, *BESTEFFORT, "--checkpoint", "60", *option, SAVES.format(name))
    job = site.submit("-l", "nodes=3,walltime=0:1:0", "true")
    site.until_terminated(job)
    assert (site.job(saving).state, site.read(f"OAR.{saving}.stdout")) == ("Terminated", "up\nsaved\n")
    events = site.events(saving)
    assert (events.count("CHECKPOINT"), "BESTEFFORT_KILL" in events) == (1, False)
    assert "CHECKPOINT_SUCCESSFULL" in events


@pytest.mark.best_bed
def test_a_besteffort_job_that_does_not_leave_in_its_seconds_is_killed(site: Site) -> None:
    deaf = start(site, *BESTEFFORT, "--checkpoint", "3", GOES_ON)
    job = site.submit("-l", "nodes=3,walltime=0:1:0", "true")
    site.until_terminated(job)
    events = site.events(deaf)
    assert site.read(f"OAR.{deaf}.stdout") == "up\nheard\n"
    assert (site.job(deaf).state, events.count("CHECKPOINT")) == ("Error", 1)
    assert events.index("CHECKPOINT_TIMEOUT") < events.index("BESTEFFORT_KILL")


@pytest.mark.best_bed
def test_a_besteffort_job_makes_room_for_a_reservation_that_starts_on_time(site: Site) -> None:
    mark = site.lasting()
    evicted = site.submit(*BESTEFFORT, f"sleep {mark}")
    site.until_processes(mark, 1)
    site.output("oarsub", "-r", in_seconds(6), "-l", "nodes=3,walltime=0:1:0", "true")
    reserved = evicted + 1
    assert site.job(evicted).state == "Running"
    date = int(site.value("SELECT start_time FROM jobs WHERE job_id = :id", id=reserved))
    site.until_terminated(reserved)
    assert site.job(reserved).start_time <= date + 3
    assert "BESTEFFORT_KILL" in site.events(evicted)


@pytest.mark.best_bed
def test_a_job_is_told_to_save_its_work_before_its_walltime_ends(site: Site) -> None:
    job = start(site, "-l", "core=1,walltime=0:0:20", "--checkpoint", "17", SAVES.format("USR2"))
    site.until_terminated(job)
    ended = site.job(job)
    assert ended.stop_time - ended.start_time < 20
    assert site.read(f"OAR.{job}.stdout") == "up\nsaved\n"
    assert site.events(job).count("CHECKPOINT") == 1


def test_a_signal_that_is_asked_for_while_the_server_is_dead_arrives_once(site: Site) -> None:
    job = start(site, "-l", "core=1,walltime=0:5:0", GOES_ON)
    site.kill_server(SIGKILL)
    assert "REGISTERED" in site.output("oardel", "-c", str(job))
    site.start_server()
    site.until("the signal", lambda: "heard" in site.read(f"OAR.{job}.stdout"))
    site.output("oardel", str(job))
    site.until_ended(job)
    assert site.read(f"OAR.{job}.stdout") == "up\nheard\n"


def test_a_users_signal_reaches_the_command(site: Site) -> None:
    job = start(site, "-l", "core=1,walltime=0:5:0", SAVES.format("HUP"))
    said = site.output("oardel", "-s", "SIGHUP", str(job))
    assert f"The job {job} was notified to signal itself with SIGHUP on " in said
    site.until_terminated(job)
    assert site.read(f"OAR.{job}.stdout") == "up\nsaved\n"


@pytest.mark.best_bed
def test_a_running_job_that_becomes_besteffort_makes_room(site: Site) -> None:
    mark = site.lasting()
    evicted = site.submit(*EVERYTHING, f"sleep {mark}")
    site.until_processes(mark, 1)
    job = site.submit("-l", "nodes=3,walltime=0:1:0", "true")
    site.output("oardel", "-b", str(evicted), user="root")
    site.until_terminated(job)
    assert "BESTEFFORT_KILL" in site.events(evicted)
