"""Jobs that are suspended while they run, and go on later."""

import re
from pathlib import Path

import pytest

from tests.acceptance.site import Site


def stands_still(pid: int) -> bool:
    """Tell whether a process is stopped, or frozen in its cgroup, v1 or v2."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    if stat.rpartition(")")[2].split()[0] == "T":
        return True
    groups = Path(f"/proc/{pid}/cgroup").read_text()
    found = re.search(r"^\d+:[^:]*\bfreezer\b[^:]*:(.*)$", groups, re.MULTILINE)
    if found and found[1] != "/":
        return (
            Path("/sys/fs/cgroup/freezer") / found[1].lstrip("/") / "freezer.state"
        ).read_text() == "FROZEN\n"
    unified = re.search(r"^0::(.*)$", groups, re.MULTILINE)
    frozen = Path("/sys/fs/cgroup") / (unified[1].lstrip("/") if unified else "") / "cgroup.events"
    return frozen.exists() and "frozen 1" in frozen.read_text()


def test_a_suspended_job_makes_room_and_ends_well_later(site: Site) -> None:
    mark = site.lasting()
    work = f"sleep {mark} & while [ ! -e on ]; do sleep 0.1; done; kill %1; echo done"
    job = site.submit("-l", "nodes=3,walltime=0:0:10", work)
    pids = site.until_processes(mark, 1)
    site.output("oarhold", "-r", str(job), user="root")
    site.until_state(job, "Suspended")
    assert all(stands_still(pid) for pid in pids)
    assert site.visits("after-suspend", job) == 1

    # Longer than the walltime of the job that is suspended: this time must not count for it.
    other = site.submit("-l", "nodes=3,walltime=0:1:0", "sleep 11")
    site.until_terminated(other)
    assert site.job(job).state == "Suspended"

    site.output("oarresume", str(job), user="root")
    site.until_state(job, "Running")
    assert site.visits("before-resume", job) == 1
    assert not any(stands_still(pid) for pid in pids)
    site.write("on", "")
    (ended,) = site.until_terminated(job)
    (site.home / "on").unlink()
    assert ended.exit_code == 0
    assert "done" in site.read(f"OAR.{job}.stdout")
    assert site.states(job)[2:6] == ["Launching", "Running", "Suspended", "Resuming"]
    assert ended.stop_time - ended.start_time > 10


def test_a_job_that_is_to_go_on_waits_for_the_one_that_got_its_resources(site: Site) -> None:
    job = site.submit("-l", "nodes=3,walltime=1", "sleep 600")
    site.until_state(job, "Running")
    site.output("oarhold", "-r", str(job), user="root")
    site.until_state(job, "Suspended")
    other = site.submit("-l", "core=1,walltime=1", "while [ ! -e end ]; do sleep 0.1; done")
    site.until_state(other, "Running")
    site.output("oarresume", str(job), user="root")
    site.submit("-l", "core=1,walltime=1", "true")  # a round more
    assert site.job(job).state == "Resuming"
    site.write("end", "")
    site.until_terminated(other)
    (site.home / "end").unlink()
    site.until_state(job, "Running")


def test_a_suspended_job_is_deleted_like_any(site: Site) -> None:
    mark = site.lasting()
    job = site.submit("-l", "nodes=2,walltime=1", f"sleep {mark}")
    site.until_processes(mark, 1)
    site.output("oarhold", "-r", str(job), user="root")
    site.until_state(job, "Suspended")
    site.output("oardel", str(job))
    (ended,) = site.until_ended(job)
    assert (ended.state, "EXTERMINATE_JOB" in site.events(job)) == ("Error", False)
    site.until_no_process(mark, within_s=1)


@pytest.mark.best_bed
def test_a_job_whose_server_is_killed_while_it_resumes_goes_on(site: Site) -> None:
    mark = site.lasting()
    job = site.submit("-l", "core=1,walltime=1", f"sleep {mark}")
    pids = site.until_processes(mark, 1)
    site.output("oarhold", "-r", str(job), user="root")
    site.until_state(job, "Suspended")
    site.shut("before-resume", job)
    site.output("oarresume", str(job), user="root")
    site.until_at("before-resume", job)
    site.kill_server()
    site.open("before-resume", job)
    site.start_server()
    site.until_state(job, "Running")
    assert not any(stands_still(pid) for pid in pids)


@pytest.mark.best_bed
def test_a_job_whose_server_is_killed_right_after_the_wish_is_suspended(site: Site) -> None:
    mark = site.lasting()
    job = site.submit("-l", "core=1,walltime=1", f"sleep {mark}")
    pids = site.until_processes(mark, 1)
    site.kill_server()
    site.output("oarhold", "-r", str(job), user="root")
    site.start_server()
    site.until_state(job, "Suspended")
    assert all(stands_still(pid) for pid in pids)


def test_only_administrators_suspend_jobs_unless_the_site_says_otherwise(site: Site) -> None:
    job = site.submit("-l", "core=1,walltime=1", "sleep 600")
    site.until_state(job, "Running")
    done = site.run("oarhold", "-r", str(job))
    # On the simpler beds the user of the cluster is its administrator.
    if done.returncode:
        assert done.stderr == f"/!\\ Cannot hold {job}: only administrators may use -r\n"
    else:
        site.until_state(job, "Suspended")
