"""Walltimes that change while the job runs."""

from tests.acceptance.site import Site


def granted(site: Site, job: int, seconds: int) -> bool:
    sql = "SELECT count(*) FROM walltime_change WHERE job_id = :id AND granted = :seconds AND pending = 0"
    return bool(site.value(sql, id=job, seconds=seconds))


def test_a_job_that_was_extended_lives_longer_even_after_the_server_was_killed(site: Site) -> None:
    job = site.submit("-l", "core=1,walltime=0:0:8", "sleep 14")
    site.until_state(job, "Running")
    assert "Accepted: walltime change request accepted" in site.output("oarwalltime", str(job), "+0:1:0")
    site.until("the round has granted it", lambda: granted(site, job, 60))
    assert "Current walltime:       0:1:8" in site.output("oarwalltime", str(job))
    site.kill_server()
    site.start_server()
    (ended,) = site.until_terminated(job)
    assert ended.exit_code == 0
    assert ended.stop_time - ended.start_time >= 14


def test_a_job_that_was_reduced_ends_sooner(site: Site) -> None:
    job = site.submit("-l", "core=1,walltime=1", "sleep 600")
    site.until_state(job, "Running")
    site.output("oarwalltime", str(job), "0:0:1")
    (ended,) = site.until_ended(job)
    assert (ended.state, site.events(job).count("WALLTIME")) == ("Error", 2)


def test_a_request_made_while_the_server_is_down_is_granted_when_it_is_back(site: Site) -> None:
    job = site.submit("-l", "core=1,walltime=1", "sleep 600")
    site.until_state(job, "Running")
    site.kill_server()
    site.output("oarwalltime", str(job), "-0:30")
    site.start_server()
    site.until("the round has granted it", lambda: granted(site, job, -1800))


def test_a_request_that_is_not_taken_is_told_in_one_line(site: Site) -> None:
    job = site.submit("-l", "core=1,walltime=1", "sleep 600")
    site.until_state(job, "Running")
    done = site.run("oarwalltime", "77777", "+1")
    assert (done.returncode, done.stderr) == (4, "Not found: could not find job 77777.\n")
    done = site.run("oarwalltime", str(job), "+1x")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
