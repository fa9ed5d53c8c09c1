"""Advance reservations on a whole cluster: granted, refused, started on time."""

import time
from datetime import datetime

from tests.acceptance.site import Site

AHEAD_S = 6
CLOSE_S = 2
"""How late a reservation may start: the server looks at its date, and a machine may be busy."""


def in_seconds(seconds: int) -> str:
    return datetime.fromtimestamp(time.time() + seconds).strftime("%Y-%m-%d %H:%M:%S")


def asked_start(site: Site, job: int) -> int:
    return int(site.value("SELECT start_time FROM jobs WHERE job_id = :id", id=job))


def test_a_reservation_is_granted_at_once_and_starts_on_time(site: Site) -> None:
    said = site.output(
        "oarsub", "-r", in_seconds(AHEAD_S), "-l", "nodes=2,walltime=0:1:0", "sort -u $OAR_NODEFILE"
    )
    assert "# Advance reservation request: waiting for validation..." in said
    assert "# Reservation valid --> OK" in said
    job = int(said.partition("OAR_JOB_ID=")[2].split()[0])
    date = asked_start(site, job)
    assert site.job(job).state == "Waiting"
    assert site.job(job).message == "R=4,W=0:1:0,J=R"
    site.until_terminated(job)
    assert date <= site.job(job).start_time <= date + CLOSE_S
    assert set(site.read(f"OAR.{job}.stdout").split()) == site.nodes_of(job)


def test_jobs_run_before_a_reservation_only_where_they_have_ended_by_its_date(site: Site) -> None:
    reserved = site.submit("--no-wait", "-r", f"now, {in_seconds(600)}", "-l", "nodes=2", "sleep 600")
    site.until_state(reserved, "Running")
    planned = site.submit("--no-wait", "-r", in_seconds(300), "-l", "nodes=1,walltime=1", "true")
    site.until("the second reservation is answered", lambda: site.job(planned).message.endswith("J=R"))
    long, short = (site.submit("-l", f"nodes=1,walltime={walltime}", "true") for walltime in ("9", "0:1:0"))
    site.until_terminated(short)
    assert site.job(long).state == "Waiting"


def test_a_refused_reservation_says_which_date_would_do(site: Site) -> None:
    first = site.submit("--no-wait", "-r", in_seconds(3600), "-l", "nodes=3,walltime=1", "true")
    site.until("the first reservation is answered", lambda: "Waiting" in site.states(first)[1:])
    done = site.run("oarsub", "-r", in_seconds(3600), "-l", "nodes=1,walltime=1", "true")
    assert done.returncode == 10
    assert "# Reservation not valid --> KO (This reservation could run at " in done.stdout
    second = int(done.stdout.partition("OAR_JOB_ID=")[2].split()[0])
    site.until_state(second, "Error")


def test_the_program_of_the_site_is_told_of_the_answer_by_the_oarsub_that_waits(site: Site) -> None:
    done = [
        site.run("oarsub", *words, "-r", in_seconds(3600), "-l", "nodes=3,walltime=1", "true")
        for words in ([], [], ["--no-wait"])
    ]
    jobs = [int(one.stdout.partition("OAR_JOB_ID=")[2].split()[0]) for one in done]
    assert [one.returncode for one in done] == [0, 10, 0]
    assert [site.visits("reservation-hook", job) for job in jobs] == [1, 1, 0]


def test_a_reservation_for_now_starts_at_once_and_its_end_is_its_walltime(site: Site) -> None:
    said = site.output("oarsub", "-r", f"now, {in_seconds(1800)}", "-l", "nodes=1", "true")
    assert "# Reservation valid --> OK" in said
    job = int(said.partition("OAR_JOB_ID=")[2].split()[0])
    (ended,) = site.until_terminated(job)
    walltime = site.value(
        "SELECT moldable_walltime FROM moldable_job_descriptions WHERE moldable_job_id = :id", id=job
    )
    assert 1700 < walltime <= 1800
    assert ended.start_time - ended.submission_time <= CLOSE_S + 1


def test_a_reservation_without_a_command_holds_its_nodes_until_it_is_deleted(site: Site) -> None:
    job = site.submit("--no-wait", "-r", "now", "-l", "nodes=1,walltime=1")
    site.until_state(job, "Running")
    site.output("oardel", str(job))
    site.until_ended(job)


def test_a_reservation_outlives_the_server(site: Site) -> None:
    job = site.submit("--no-wait", "-r", in_seconds(AHEAD_S), "-l", "nodes=1,walltime=0:1:0", "true")
    site.until("the reservation is granted", lambda: "toAckReservation" in site.states(job))
    date = asked_start(site, job)
    site.kill_server()
    site.start_server()
    site.until_terminated(job)
    assert site.job(job).start_time >= date


def test_a_wrong_date_is_one_clear_line(site: Site) -> None:
    done = site.run("oarsub", "-r", "tomorrow", "true")
    assert done.returncode == 7
    assert done.stderr.count("\n") == 1
    assert "-r: the start, 'tomorrow', is no date; write YYYY-MM-DD hh:mm:ss" in done.stderr
