"""Ends of jobs that are not their own wish, and what must be gone after every end."""

import pytest

from tests.acceptance.site import Site

DAEMON = """#!/usr/bin/env python3
# Becomes a daemon with all tricks: forks twice, leaves session and directory, closes all, has no environment.
import os, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir("/")
        os.closerange(0, 64)
        os.execve("/bin/sleep", ["sleep", sys.argv[1]], {})
os._exit(0)
"""

ESCAPES = """
sleep {mark} &
setsid sleep {mark} &
nohup sleep {mark} &
(setsid sleep {mark} & ) &
env -i setsid sleep {mark} &
(trap '' TERM INT HUP; exec sleep {mark}) &
./daemon.py {mark}
"""
PROCESSES = 7


@pytest.fixture
def escaping(site: Site) -> tuple[str, str]:
    """A mark, and a script that starts processes with this mark that try to get away."""
    site.write("daemon.py", DAEMON)
    mark = site.lasting()
    return mark, ESCAPES.format(mark=mark)


def test_oardel_ends_a_job_and_all_that_it_started(site: Site, escaping: tuple[str, str]) -> None:
    mark, escapes = escaping
    job = site.submit("-l", "core=1", f"{escapes}\nwait")
    site.until_processes(mark, PROCESSES)
    site.output("oardel", str(job))
    assert site.until_ended(job)[0].state == "Error"
    site.until_no_process(mark, within_s=1)


def test_a_job_that_ends_by_itself_leaves_no_process(site: Site, escaping: tuple[str, str]) -> None:
    mark, escapes = escaping
    site.write("rest.sh", f"{escapes}\nwhile [ ! -e go ]; do sleep 0.1; done\nrm go\n")
    job = site.submit("-l", "core=1", "bash ./rest.sh")
    site.until_processes(mark, PROCESSES)
    site.write("go", "")
    assert site.until_terminated(job)[0].exit_code == 0
    site.until_no_process(mark, within_s=1)


def test_oarstat_tells_who_deleted_a_job(site: Site) -> None:
    job = site.submit("-l", "core=1", "sleep 600")
    site.until_state(job, "Running")
    site.output("oardel", str(job))
    site.until_ended(job)
    user = site.value("SELECT job_user FROM jobs WHERE job_id = :id", id=job)
    (line,) = [
        line
        for line in site.output("oarstat", "-e", "-j", str(job)).splitlines()
        if "FRAG_JOB_REQUEST" in line
    ]
    assert user in line
    assert user in site.output("oarstat", "--why", str(job))
    assert "KILLED" in site.read(f"OAR.{job}.stderr")


def test_a_job_that_ignores_signals_is_ended(site: Site) -> None:
    mark = site.lasting()
    job = site.submit("-l", "core=1", f"trap '' TERM INT QUIT HUP; sleep {mark}; sleep {mark}; sleep {mark}")
    site.until_processes(mark, 1)
    site.output("oardel", str(job))
    assert site.until_ended(job)[0].state == "Error"
    site.until_no_process(mark, within_s=1)


def test_a_waiting_job_that_is_deleted_never_runs(site: Site) -> None:
    site.until_state(site.submit("-l", "nodes=3,walltime=1", "sleep 600"), "Running")
    job = site.submit("-l", "core=1", "true")
    site.output("oardel", str(job))
    ended = site.until_ended(job)[0]
    assert (ended.state, ended.exit_code) == ("Error", None)
    assert site.states(job) == ["Waiting", "Error"]
    assert not (site.home / f"OAR.{job}.stdout").exists()


def test_a_job_ends_at_its_walltime(site: Site) -> None:
    mark = site.lasting()
    job = site.submit("-l", "core=1,walltime=0:0:3", f"sleep {mark}")
    ended = site.until_ended(job)[0]
    assert ended.state == "Error"
    assert "WALLTIME" in site.events(job)
    assert 3 <= ended.stop_time - ended.start_time <= 10
    site.until_no_process(mark, within_s=1)


def test_the_end_of_one_job_spares_the_others_of_its_user_on_the_node(site: Site) -> None:
    mark = site.lasting()
    there = ("-p", "network_address = 'node1'")
    spared = site.submit("-l", "core=1", *there, f"sleep {mark}")
    pids = site.until_processes(mark, 1)
    ended = site.submit("-l", "core=1", *there, f"setsid sleep {mark}0 & exit 0")
    site.until_terminated(ended)
    site.until_no_process(f"{mark}0", within_s=1)
    assert site.until_processes(mark, 1) == pids
    assert site.job(spared).state == "Running"
