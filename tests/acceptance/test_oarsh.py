"""oarsh, oarcp, oarprint and job keys, through real sshd, on nodes that jobs run on."""

import re
import subprocess

import pytest

from tests.acceptance.site import Site
from tests.acceptance.terminal import at_terminal

TWO_NODES = ("-l", "nodes=2,walltime=0:5:0")
ONE_CORE = ("-l", "core=1,walltime=0:5:0")


def running(site: Site, *words: str, user: str | None = None) -> int:
    """Submit a job and wait until it runs."""
    job = site.submit(*words, f"sleep {site.lasting()}", user=user)
    site.until_state(job, "Running")
    return job


def nodes_of(site: Site, job: int) -> list[str]:
    return sorted(site.nodes_of(job))


def oarsh(
    site: Site, job: int | None, *words: str, user: str | None = None
) -> "subprocess.CompletedProcess[str]":
    named = [] if job is None else [f"OAR_JOB_ID={job}"]
    return site.run("env", *named, "oarsh", *words, user=user)


def said(site: Site, job: int | None, *words: str) -> str:
    """Call oarsh, which has to succeed; returns what it prints."""
    done = oarsh(site, job, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def user_of(site: Site) -> str:
    return site.output("id", "-un").strip()


# ---- from the frontend


def test_a_command_runs_in_the_job_as_its_user_on_the_node_that_was_named(site: Site) -> None:
    job = running(site, *TWO_NODES)
    for node in nodes_of(site, job):
        done = oarsh(
            site, job, node, 'echo $OAR_JOB_ID "$(id -un)" ${OAR_NODE:-$(hostname)} $(wc -l < $OAR_NODEFILE)'
        )
        assert done.stdout.split() == [str(job), user_of(site), node, "4"], done.stderr


def test_the_only_job_on_a_node_needs_no_name(site: Site) -> None:
    job = running(site, *TWO_NODES)
    node = nodes_of(site, job)[-1]
    assert said(site, None, node, "echo $OAR_JOB_ID") == f"{job}\n"


def test_of_several_jobs_on_a_node_one_has_to_be_named(site: Site) -> None:
    first = running(site, *ONE_CORE, "-p", "network_address='node1'")
    second = running(site, *ONE_CORE, "-p", "network_address='node1'")
    done = oarsh(site, None, "node1", "true")
    assert done.returncode == 6
    assert (
        done.stderr == f"oarsh: you have several jobs on node1: {first}, {second}; say which by OAR_JOB_ID\n"
    )


def test_the_exit_code_is_that_of_the_command(site: Site) -> None:
    job = running(site, *ONE_CORE)
    assert oarsh(site, job, *nodes_of(site, job), "exit 42").returncode == 42


def test_input_and_output_pass_as_they_are(site: Site) -> None:
    job = running(site, *ONE_CORE)
    node = nodes_of(site, job)[0]
    sent = "".join(f"{number} 'quoted' \\back\\ $HOME\n" for number in range(20_000))
    done = site.run("env", f"OAR_JOB_ID={job}", "oarsh", node, "cat; echo err >&2", stdin=sent)
    assert done.stdout == sent
    assert done.stderr == "err\n"


@pytest.mark.bed("namespaces")
def test_the_session_is_in_the_cgroup_of_the_job(site: Site) -> None:
    job = running(site, *TWO_NODES)
    for node in nodes_of(site, job):
        groups = said(site, job, node, "cat /proc/self/cgroup")
        assert f"/oar/alice_{job}" in groups


def test_without_a_command_there_is_a_login_shell_at_the_terminal(site: Site) -> None:
    job = running(site, *TWO_NODES)
    node = nodes_of(site, job)[-1]
    with at_terminal(site.cluster, "env", f"OAR_JOB_ID={job}", "oarsh", node) as terminal:
        terminal.type("PS1='> '; PROMPT_COMMAND=; echo in''side; shopt -q login_shell && echo lo''gin\n")
        terminal.until("inside\r\n")
        terminal.until("login\r\n")
        terminal.type("echo job=$OAR_JOB_ID; test -O $(tty) && echo o''wned; exit 3\n")
        terminal.until(rf"job={job}\r\n")
        terminal.until("owned")
        assert terminal.ends() == 3


def test_what_a_session_leaves_behind_ends_with_the_job(site: Site) -> None:
    job = running(site, *TWO_NODES)
    mark = site.lasting()
    for node in nodes_of(site, job):
        oarsh(site, job, node, f"nohup setsid sleep {mark} >/dev/null 2>&1 & true")
    site.until_processes(mark, 2)
    site.output("oardel", str(job))
    site.until_ended(job)
    site.until_no_process(mark)


def test_a_node_of_somebody_else_is_refused(site: Site) -> None:
    job = running(site, *ONE_CORE, "-p", "network_address='node1'")
    done = oarsh(site, job, "node2", "true")
    assert done.returncode == 61
    assert done.stderr == f"oarsh: node2 is no node of job {job}; it has node1\n"


@pytest.mark.bed("namespaces")
def test_a_job_of_somebody_else_is_refused(site: Site) -> None:
    job = running(site, *ONE_CORE)
    for name in (job, 2**40):
        done = oarsh(site, name, *nodes_of(site, job), "id", user="bob")
        assert (done.returncode, done.stdout) == (5, "")
        assert done.stderr == f"oarsh: Permission denied, seems like job {name} is not yours.\n"
    assert oarsh(site, None, *nodes_of(site, job), "id", user="bob").returncode == 6


def test_a_job_that_has_ended_is_refused(site: Site) -> None:
    job = site.submit(*ONE_CORE, "true")
    site.until_terminated(job)
    done = oarsh(site, job, *nodes_of(site, job), "true")
    assert done.returncode == 5
    assert done.stderr == f"oarsh: the job {job} is not running. Its current state is Terminated.\n"


# ---- from node to node


def test_a_job_gets_from_node_to_node(site: Site) -> None:
    told = "'echo $OAR_JOB_ID ${OAR_NODE:-$(hostname)}'"
    program = f"for node in $(sort -u $OAR_NODEFILE); do oarsh $node {told}; done"
    job = site.submit(*TWO_NODES, program)
    site.until_terminated(job)
    assert site.read(f"OAR.{job}.stderr") == ""
    assert site.read(f"OAR.{job}.stdout") == "".join(f"{job} {node}\n" for node in nodes_of(site, job))


def test_a_job_on_one_node_gets_there_too(site: Site) -> None:
    job = site.submit(
        *ONE_CORE, "oarsh $(cat $OAR_NODEFILE) 'echo $OAR_JOB_ID; exit 5'; echo $?; oarsh nodex true"
    )
    site.until_terminated(job)
    assert site.read(f"OAR.{job}.stdout") == f"{job}\n5\n"
    assert (
        site.read(f"OAR.{job}.stderr")
        == f"oarsh: nodex is no node of job {job}, or the job has no key to get there\n"
    )


@pytest.mark.bed("namespaces")
def test_from_node_to_node_the_cgroup_and_the_user_are_the_job_s(site: Site) -> None:
    job = site.submit(
        *TWO_NODES, "for n in $(sort -u $OAR_NODEFILE); do oarsh $n 'id -un; cat /proc/self/cgroup'; done"
    )
    site.until_terminated(job)
    said = site.read(f"OAR.{job}.stdout")
    assert said.split().count("alice") == 2
    assert set(re.findall(r"/oar/\w+", said)) == {f"/oar/alice_{job}"}


def test_another_node_does_not_let_the_job_in(site: Site) -> None:
    job = site.submit(*TWO_NODES, "for n in node1 node2 node3; do oarsh $n true || echo no $n; done")
    site.until_terminated(job)
    (left,) = {"node1", "node2", "node3"} - set(nodes_of(site, job))
    assert site.read(f"OAR.{job}.stdout") == f"no {left}\n"


def test_the_key_of_a_job_opens_nothing_when_the_job_has_ended(site: Site) -> None:
    job = site.submit(*TWO_NODES, "cp $(dirname $OAR_NODEFILE)/*_$OAR_JOB_ID.jobkey kept; chmod 600 kept; "
                      "cp $(dirname $OAR_NODEFILE)/bin/oarsh.conf kept.conf")  # fmt: skip
    site.until_terminated(job)
    for node in nodes_of(site, job):
        done = site.run("oarsh", "-i", str(site.home / "kept"), node, "id")
        assert (done.returncode, done.stdout) == (255, "")
        assert "Permission denied" in done.stderr


# ---- copies


def test_files_are_copied_to_a_job_and_back(site: Site) -> None:
    job = running(site, *TWO_NODES)
    node = nodes_of(site, job)[-1]
    site.write("here.bin", "\x00\x01binary\n" * 5000)
    for way in ((), ("-O",)):
        folder = str(site.home)
        site.output("env", f"OAR_JOB_ID={job}", "oarcp", *way, "-q", "here.bin", f"{node}:{folder}/there.bin")
        site.output("env", f"OAR_JOB_ID={job}", "oarcp", *way, "-q", f"{node}:{folder}/there.bin", "back.bin")
        assert site.read("back.bin") == site.read("here.bin")
        site.output("rm", "there.bin", "back.bin")


def test_files_are_copied_from_node_to_node(site: Site) -> None:
    job = site.submit(*TWO_NODES, "echo content > one.$OAR_JOB_ID; n=$(sort -u $OAR_NODEFILE | tail -1); "
                      "oarcp -q one.$OAR_JOB_ID $n:$PWD/two.$OAR_JOB_ID")  # fmt: skip
    site.until_terminated(job)
    assert site.read(f"OAR.{job}.stderr") == ""
    assert site.read(f"two.{job}") == "content\n"


# ---- oarprint


def test_oarprint_prints_what_the_job_has(site: Site) -> None:
    job = site.submit(*TWO_NODES, "oarprint host; oarprint host -P host,core -F '%: %' -C+; oarprint nothing")
    site.until_terminated(job)
    first, second = nodes_of(site, job)
    lines = site.read(f"OAR.{job}.stdout").splitlines()
    assert lines[:2] == [first, second]
    assert [re.sub(r"\d+\+\d+$", "N+N", line) for line in lines[2:]] == [f"{first}: N+N", f"{second}: N+N"]
    assert "no resource has a property 'nothing'" in site.read(f"OAR.{job}.stderr")


# ---- what does not pass


@pytest.mark.bed("namespaces")
@pytest.mark.parametrize(
    "words",
    [
        ("-o", "ProxyCommand=touch /tmp/was-here"),
        ("-oProxyCommand=touch /tmp/was-here",),
        ("-o", "PermitLocalCommand=yes", "-o", "LocalCommand=touch /tmp/was-here"),
        ("-F", "{home}/evil.conf"),
        ("-l", "root"),
        ("-S", "{home}/evil.socket"),
        ("-vE", "/var/lib/oar/.ssh/authorized_keys"),
        ("-R", "9999:/run/nothing"),
        ("-I", "{home}/evil.so"),
    ],
)
def test_an_option_that_is_harmful_changes_nothing(site: Site, words: tuple[str, ...]) -> None:
    site.write("evil.conf", "Host *\n  ProxyCommand touch /tmp/was-here\n", mode=0o644)
    job = running(site, *ONE_CORE)
    (node,) = nodes_of(site, job)
    done = oarsh(site, job, *(word.format(home=site.home) for word in words), node, "id -un")
    assert (done.returncode, done.stdout) == (0, "alice\n")
    assert site.run("ls", "/tmp/was-here").returncode != 0


@pytest.mark.bed("namespaces")
@pytest.mark.parametrize(
    "host",
    [
        "-oProxyCommand=touch /tmp/was-here",
        "node1\nnode2",
        "node1;id",
        "$(id)",
        "",
        "x@-l",
        "node1 ",
        "server",
    ],
)
def test_a_host_that_is_no_node_of_the_job_is_refused_in_one_line(site: Site, host: str) -> None:
    job = running(site, *ONE_CORE, "-p", "network_address='node1'")
    done = oarsh(site, job, "--", host, "id -un")
    assert done.returncode == 61
    assert (done.stdout, len(done.stderr.splitlines())) == ("", 1)
    assert site.run("ls", "/tmp/was-here").returncode != 0


@pytest.mark.bed("namespaces")
def test_the_environment_of_the_caller_does_not_pass(site: Site) -> None:
    job = running(site, *ONE_CORE)
    (node,) = nodes_of(site, job)
    names = (
        "LD_LIBRARY_PATH",
        "PYTHONPATH",
        "OARCONFFILE",
        "SSH_ASKPASS",
        "SSH_AUTH_SOCK",
        "BASH_ENV",
        "ENV",
    )
    pretence = [f"{name}=/nowhere" for name in names]
    done = site.run("env", *pretence, "SUDO_USER=bob", f"OAR_JOB_ID={job}", "oarsh", node, "env; id -un")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "alice")
    assert "/nowhere" not in done.stdout


def test_what_a_command_holds_arrives_as_it_was(site: Site) -> None:
    job = running(site, *ONE_CORE)
    hostile = "a'b\"c $HOME `id` $(id) \\ ; id & | > < * ? ~ # ! \n second line"
    quoted = "'" + hostile.replace("'", "'\\''") + "'"
    assert said(site, job, *nodes_of(site, job), f"printf %s {quoted}") == hostile


def test_a_job_id_that_is_none_is_refused(site: Site) -> None:
    done = site.run("env", "OAR_JOB_ID=1;id", "oarsh", "node1", "id")
    assert (done.returncode, done.stdout) == (6, "")
    assert done.stderr == "oarsh: OAR_JOB_ID='1;id' is no number of a job\n"
