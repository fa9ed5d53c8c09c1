"""Interactive jobs at a real terminal: waiting, the shell in the job, and every way to leave it."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.acceptance.site import Site
from tests.acceptance.terminal import Terminal, at_terminal

WHOLE_SITE = ("-l", "nodes=3,walltime=0:5:0")
SMALL = ("-l", "core=1,walltime=0:5:0")


def job_of(terminal: Terminal) -> int:
    return int(terminal.until(r"OAR_JOB_ID=(\d+)\r\n")[1])


def enter(terminal: Terminal) -> int:
    """Wait for the shell of an interactive job, and make it easy to read."""
    job = job_of(terminal)
    terminal.until(r"# Interactive mode: waiting\.\.\.\r\n")
    terminal.until(rf"# Connect to OAR job {job} via node (node\d)\r\n")
    ready(terminal)
    return job


def ready(terminal: Terminal) -> None:
    terminal.type("PS1='> '; PROMPT_COMMAND=; echo in''side\n")
    terminal.until("inside\r\n")


def test_an_interactive_job_is_a_shell_of_its_user_in_the_job(site: Site) -> None:
    with at_terminal(site.cluster, "oarsub", "-I", *SMALL) as terminal:
        job = enter(terminal)
        terminal.type(
            "echo job=$OAR_JOB_ID dir=$PWD user=$(id -un); cat $OAR_NODEFILE; test -t 0 && echo a''tty\n"
        )
        terminal.until(rf"job={job} dir={site.home} user={site.output('id', '-un').strip()}\r\n")
        terminal.until(r"node\d\r\n")
        terminal.until("atty")
        terminal.type("test -O $(tty) && echo o''wned\n")
        terminal.until("owned")
        terminal.type("exit 0\n")
        terminal.until(rf"Disconnected from OAR job {job}\.")
        assert terminal.ends() == 0
    site.until_terminated(job)
    assert site.states(job) == ["Waiting", "toLaunch", "Launching", "Running", "Finishing", "Terminated"]
    assert site.value("SELECT job_type FROM jobs WHERE job_id = :id", id=job) == "INTERACTIVE"


def test_a_shell_that_ends_badly_is_no_error_of_the_job(site: Site) -> None:
    with at_terminal(site.cluster, "oarsub", "-I", *SMALL) as terminal:
        job = enter(terminal)
        terminal.type("exit 2\n")
        assert terminal.ends() == 0
    assert "ERROR" not in terminal.seen
    site.until_terminated(job)


def test_the_terminal_keeps_its_size_and_its_colours(site: Site) -> None:
    with at_terminal(site.cluster, "oarsub", "-I", *SMALL) as terminal:
        enter(terminal)
        terminal.type("stty size; echo $TERM\n")
        terminal.until("24 80\r\n")
        terminal.until("xterm\r\n")
        terminal.resize(40, 132)
        site.until("the shell sees the new size", lambda: _shows(terminal, "stty size\n", "40 132"))


def _shows(terminal: Terminal, typed: str, wanted: str) -> bool:
    terminal.type(typed)
    return terminal.until(r"(\d+ \d+)\r\n")[1] == wanted


def test_ctrl_c_ends_the_command_in_front_and_not_the_job(site: Site) -> None:
    mark = site.lasting()
    with at_terminal(site.cluster, "oarsub", "-I", *SMALL) as terminal:
        job = enter(terminal)
        terminal.type(f"sleep {mark}\n")
        site.until_processes(mark, 1)
        terminal.type("\x03")
        site.until_no_process(f"sleep\x00{mark}")
        terminal.type("echo al''ive\n")
        terminal.until("alive")
        assert site.job(job).state == "Running"


def test_jobs_of_the_shell_are_controlled_from_its_terminal(site: Site) -> None:
    mark = site.lasting()
    with at_terminal(site.cluster, "oarsub", "-I", *SMALL) as terminal:
        enter(terminal)
        terminal.type(f"sleep {mark}\n")
        site.until_processes(mark, 1)
        terminal.type("\x1a")
        terminal.until("Stopped")
        terminal.type("bg; kill %1; wait; echo wai''ted\n")
        terminal.until("waited")


@pytest.mark.bed("namespaces")
def test_the_shell_is_in_the_cgroup_of_the_job(site: Site) -> None:
    with at_terminal(site.cluster, "oarsub", "-I", *SMALL) as terminal:
        job = enter(terminal)
        terminal.type("cat /proc/self/cgroup\n")
        terminal.until(rf"/oar/alice_{job}\r\n")


def test_what_a_shell_leaves_behind_ends_with_the_job(site: Site) -> None:
    mark = site.lasting()
    with at_terminal(site.cluster, "oarsub", "-I", *SMALL) as terminal:
        job = enter(terminal)
        terminal.type(f"nohup setsid sleep {mark} >/dev/null 2>&1 &\n")
        site.until_processes(mark, 1)
        terminal.type("exit\n")
        assert terminal.ends() == 0
    site.until_terminated(job)
    site.until_no_process(f"sleep\x00{mark}")


def test_a_window_that_is_closed_ends_the_job(site: Site) -> None:
    mark = site.lasting()
    with at_terminal(site.cluster, "oarsub", "-I", *SMALL) as terminal:
        job = enter(terminal)
        terminal.type(f"sleep {mark}\n")
        site.until_processes(mark, 1)
        terminal.hang_up()
        site.until_ended(job)
        site.until_no_process(f"sleep\x00{mark}")


def test_an_oarsub_that_is_killed_in_its_session_ends_the_job(site: Site) -> None:
    with at_terminal(site.cluster, "oarsub", "-I", *SMALL) as terminal:
        job = enter(terminal)
        terminal.kill()
        terminal.hang_up()
        site.until_ended(job)


def test_an_oarsub_that_alone_is_killed_takes_its_ssh_and_the_job_with_it(site: Site) -> None:
    with at_terminal(site.cluster, "oarsub", "-I", *SMALL) as terminal:
        job = enter(terminal)
        for pid in site.processes(f"oarsub\0-I\0{SMALL[0]}"):
            if b"python" in Path(f"/proc/{pid}/cmdline").read_bytes().partition(b"\0")[0]:
                os.kill(pid, signal.SIGKILL)
        site.until_ended(job)


def test_oardel_ends_the_session(site: Site) -> None:
    with at_terminal(site.cluster, "oarsub", "-I", *SMALL) as terminal:
        job = enter(terminal)
        site.output("oardel", str(job))
        terminal.until(r"\[ERROR\] Job was terminated\.")
        assert terminal.ends() == 0
    assert site.until_ended(job)[0].state == "Error"


def test_a_session_outlives_the_server(site: Site) -> None:
    with at_terminal(site.cluster, "oarsub", "-I", *SMALL) as terminal:
        job = enter(terminal)
        site.kill_server()
        terminal.type("echo st''ill\n")
        terminal.until("still")
        terminal.type("exit\n")
        assert terminal.ends() == 0
        site.start_server()
    site.until_terminated(job)


def test_who_waits_is_told_the_start_and_then_gets_the_shell(site: Site) -> None:
    first = site.submit(*WHOLE_SITE, "sleep 600")
    site.until_state(first, "Running")
    with at_terminal(site.cluster, "oarsub", "-I", *WHOLE_SITE) as terminal:
        job = job_of(terminal)
        terminal.until(r"# Interactive mode: waiting\.\.\.\r\n")
        terminal.until(
            r"# \[[-0-9]{10} [:0-9]{8}\] Start prediction: [-0-9]{10} [:0-9]{8} \(R=6,W=0:5:0,J=I.*\)\r\n"
        )
        site.output("oardel", str(first))
        terminal.until(rf"# Connect to OAR job {job} via node node1\r\n")
        ready(terminal)


def test_ctrl_c_takes_a_waiting_job_away(site: Site) -> None:
    first = site.submit(*WHOLE_SITE, "sleep 600")
    site.until_state(first, "Running")
    with at_terminal(site.cluster, "oarsub", "-I", *WHOLE_SITE) as terminal:
        job = job_of(terminal)
        terminal.until("Start prediction")
        terminal.type("\x03")
        terminal.until(rf"# Caught Interrupt \(\^C\), Deleting the job {job}\.\.\.\r\n")
        terminal.until(r"Job\(s\) deleted\.\r\n")
        assert terminal.ends() == 1
    assert site.states(job) == ["Waiting", "Error"]


def test_a_window_that_is_closed_takes_a_waiting_job_away(site: Site) -> None:
    first = site.submit(*WHOLE_SITE, "sleep 600")
    site.until_state(first, "Running")
    with at_terminal(site.cluster, "oarsub", "-I", *WHOLE_SITE) as terminal:
        job = job_of(terminal)
        terminal.until("Start prediction")
        terminal.hang_up()
        site.until_state(job, "Error")


def test_oardel_tells_who_waits(site: Site) -> None:
    first = site.submit(*WHOLE_SITE, "sleep 600")
    site.until_state(first, "Running")
    with at_terminal(site.cluster, "oarsub", "-I", *WHOLE_SITE) as terminal:
        job = job_of(terminal)
        terminal.until("Start prediction")
        site.output("oardel", str(job))
        terminal.until(r"# JOB KILLED\r\n")
        assert terminal.ends() == 11


def test_who_waits_while_the_server_is_killed_waits_on(site: Site) -> None:
    first = site.submit(*WHOLE_SITE, "sleep 600")
    site.until_state(first, "Running")
    with at_terminal(site.cluster, "oarsub", "-I", *WHOLE_SITE) as terminal:
        job = job_of(terminal)
        terminal.until("Start prediction")
        site.kill_server()
        site.output("oardel", str(first))
        site.start_server()
        terminal.until(rf"# Connect to OAR job {job} via")
        ready(terminal)


def test_several_wait_at_once(site: Site) -> None:
    with (
        at_terminal(site.cluster, "oarsub", "-I", *WHOLE_SITE) as one,
        at_terminal(site.cluster, "oarsub", "-I", *WHOLE_SITE) as other,
    ):
        jobs = {job_of(one): one, job_of(other): other}
        running = site.until(
            "one of them runs", lambda: [job for job in jobs if site.job(job).state == "Running"]
        )[0]
        jobs[running].until("# Connect to OAR job")
        ready(jobs.pop(running))
        ((_, waiting),) = jobs.items()
        waiting.until("Start prediction")


def test_a_second_terminal_connects_to_a_running_job_and_leaves_it_running(site: Site) -> None:
    job = site.submit(*SMALL, "sleep 600")
    site.until_state(job, "Running")
    for words in (["-C"], ["-C", str(job)]):
        with at_terminal(site.cluster, "oarsub", *words) as terminal:
            terminal.until(rf"# Connect to OAR job {job} via node")
            ready(terminal)
            terminal.type("echo job=$OAR_JOB_ID\n")
            terminal.until(rf"job={job}\r\n")
            terminal.type("exit\n")
            assert terminal.ends() == 0
    assert site.job(job).state == "Running"


def test_only_a_job_that_runs_can_be_connected_to(site: Site) -> None:
    job = site.submit("--hold", *SMALL, "true")
    done = site.run("oarsub", "-C", str(job))
    assert (done.returncode, done.stderr) == (
        20,
        f"oarsub: the job {job} is not running. Its current state is Hold.\n",
    )
    assert site.output("oarsub", "-C") == "No running jobs\n"


@pytest.mark.bed("namespaces")
def test_nobody_gets_into_the_job_of_another(site: Site) -> None:
    job = site.submit(*SMALL, "sleep 600", user="bob")
    site.until_state(job, "Running")
    done = site.run("oarsub", "-C", str(job))
    assert done.returncode == 20
    assert "you are not the right user" in done.stderr


def test_a_reservation_is_answered(site: Site) -> None:
    start = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() + 3600))
    done = site.run("oarsub", "-r", start, *WHOLE_SITE, "true")
    assert done.returncode == 0, done.stderr
    assert (
        "# Advance reservation request: waiting for validation...\n# Reservation valid --> OK\n"
        in done.stdout
    )
    refused = site.run("oarsub", "-r", start, *WHOLE_SITE, "true")
    assert refused.returncode == 10
    assert "# Reservation not valid --> KO (This reservation" in refused.stdout
    job = int(refused.stdout.partition("OAR_JOB_ID=")[2].split()[0])
    assert site.until_ended(job)[0].state == "Error"
