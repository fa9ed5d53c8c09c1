"""Job keys on whole clusters: oarsub -k and its kin, and what such a key opens, by plain ssh too."""

import re
import stat
import subprocess

import pytest

from tests.acceptance.site import Site

TWO_NODES = ("-l", "nodes=2,walltime=0:5:0")
ONE_CORE = ("-l", "core=1,walltime=0:5:0")
HOSTS_UNCHECKED = (
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "LogLevel=ERROR",
)
UNSHARED = ("-o", "ControlPath=none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes")


def running(site: Site, *words: str, user: str | None = None) -> int:
    """Submit a job and wait until it runs."""
    job = site.submit(*words, f"sleep {site.lasting()}", user=user)
    site.until_state(job, "Running")
    return job


def nodes_of(site: Site, job: int) -> list[str]:
    return sorted(site.nodes_of(job))


def ssh_words(site: Site) -> list[str]:
    """How a user of this cluster calls ssh by hand."""
    assert site.kind != "local", "plain ssh needs nodes with sshd"
    if site.kind == "namespaces":
        return ["-p", "6667", *HOSTS_UNCHECKED, *UNSHARED]
    return ["-F", str(site.cluster.directory / "ssh" / "hosts"), *HOSTS_UNCHECKED, *UNSHARED]


def account(site: Site) -> str:
    return "oar" if site.kind == "namespaces" else site.output("id", "-un").strip()


def ssh(site: Site, *words: str) -> "subprocess.CompletedProcess[str]":
    return site.run("ssh", *ssh_words(site), "-l", account(site), *words)


def key_row(site: Site, job: int) -> tuple[str, str]:
    ((private, public),) = site.rows(
        "SELECT ssh_private_key, ssh_public_key FROM challenges WHERE job_id = :id", id=job
    )
    return private, public


def test_a_key_is_exported_to_its_owner_alone(site: Site) -> None:
    job = running(site, "-k", "-e", "key.%jobid%", *ONE_CORE)
    file = site.home / f"key.{job}"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert site.output("stat", "-c", "%U", file.name) == site.output("id", "-un")
    private, public = key_row(site, job)
    assert file.read_text() == private
    assert public.startswith("ssh-ed25519 ")


def test_plain_ssh_with_the_key_leads_into_the_job(site: Site) -> None:
    job = running(site, "-k", "-e", "plain.key", *TWO_NODES)
    for node in nodes_of(site, job):
        done = ssh(
            site, "-i", "plain.key", node, "echo $OAR_JOB_ID $OAR_JOB_USER $(id -un) ${OAR_NODE:-$(hostname)}"
        )
        user = site.output("id", "-un").strip()
        assert done.stdout.split() == [str(job), user, user, node], done.stderr


@pytest.mark.bed("namespaces")
def test_plain_ssh_with_the_key_is_in_the_cgroup_of_the_job(site: Site) -> None:
    job = running(site, "-k", "-e", "plain.key", *TWO_NODES)
    for node in nodes_of(site, job):
        done = ssh(site, "-i", "plain.key", node, "echo $OAR_CPUSET; cat /proc/self/cgroup")
        assert set(re.findall(r"/oar/\w+", done.stdout)) == {f"/oar/alice_{job}"}, done.stderr


def test_the_key_opens_no_other_node_and_nothing_after_the_job(site: Site) -> None:
    job = running(site, "-k", "-e", "plain.key", *TWO_NODES)
    (left,) = {"node1", "node2", "node3"} - set(nodes_of(site, job))
    assert ssh(site, "-i", "plain.key", left, "id").returncode == 255
    site.output("oardel", str(job))
    site.until_ended(job)
    for node in nodes_of(site, job):
        done = ssh(site, "-i", "plain.key", node, "id")
        assert (done.returncode, done.stdout) == (255, "")


def test_the_key_forwards_nothing(site: Site) -> None:
    job = running(site, "-k", "-e", "plain.key", *ONE_CORE)
    (node,) = nodes_of(site, job)
    done = ssh(site, "-i", "plain.key", "-W", "127.0.0.1:6667", node)
    assert (done.returncode, done.stdout) == (255, "")
    done = ssh(
        site, "-i", "plain.key", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1", node, "echo in"
    )
    assert (done.returncode, done.stdout) == (255, "")


def test_the_environment_of_a_caller_does_not_pass(site: Site) -> None:
    job = running(site, "-k", "-e", "plain.key", *ONE_CORE)
    (node,) = nodes_of(site, job)
    names = ("LD_PRELOAD", "PYTHONPATH", "OAR_JOB_USER", "OAR_CPUSET", "SSH_ORIGINAL_COMMAND", "BASH_ENV")
    send = [word for name in names for word in ("-o", f"SendEnv={name}")]
    pretence = ["env", *(f"{name}=/nowhere" for name in names if name != "LD_PRELOAD")]
    words = ("ssh", *ssh_words(site), "-l", account(site), "-i", "plain.key", *send, node, "env; id -un")
    done = site.run(*pretence, *words)
    assert done.returncode == 0, done.stderr
    assert "/nowhere" not in done.stdout
    assert done.stdout.splitlines()[-1] == site.output("id", "-un").strip()


def test_the_key_opens_the_job_through_oarsh_without_its_number(site: Site) -> None:
    job = running(site, "-k", "-e", "plain.key", *TWO_NODES)
    node = nodes_of(site, job)[-1]
    if site.kind == "namespaces":
        assert site.output("oarsh", "-i", "plain.key", node, "echo $OAR_JOB_ID") == f"{job}\n"
    key = ("env", "OAR_JOB_KEY_FILE=plain.key", "oarsh")
    assert site.output(*key, node, "echo $OAR_JOB_ID") == f"{job}\n"


def test_a_key_that_cannot_be_read_is_told(site: Site) -> None:
    done = site.run("oarsh", "-i", "nokey", "node1", "true")
    assert (done.returncode, done.stderr) == (3, "oarsh: cannot read the job key nokey\n")


def test_a_key_is_brought_along(site: Site) -> None:
    site.output("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", f"{site.home}/own.key")
    job = running(site, "-k", "-i", "own.key", *ONE_CORE)
    assert key_row(site, job)[0] == site.read("own.key")
    (node,) = nodes_of(site, job)
    done = ssh(site, "-i", "own.key", node, "echo $OAR_JOB_ID")
    assert done.stdout == f"{job}\n", done.stderr


@pytest.mark.bed("namespaces")
def test_a_key_of_somebody_else_s_job_is_refused(site: Site) -> None:
    site.output("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{site.home}/shared.key")
    running(site, "-k", "-i", "shared.key", *ONE_CORE)
    site.output("chmod", "644", "shared.key")
    done = site.run("oarsub", "-k", "-i", str(site.home / "shared.key"), *ONE_CORE, "true", user="bob")
    assert done.returncode == 8
    assert done.stderr.endswith("oarsub: the job key is that of a job of another user; take another key\n")


@pytest.mark.bed("namespaces")
def test_a_key_is_read_and_written_with_the_rights_of_the_user(site: Site) -> None:
    secret = site.cluster.bed.home("bob") / "bob.key"
    secret.write_text("bob\n")
    secret.chmod(0o600)
    owner = secret.parent.stat()
    site.output("chown", f"{owner.st_uid}:{owner.st_gid}", str(secret), user="root")
    done = site.run("oarsub", "-k", "-i", str(secret), *ONE_CORE, "true")
    assert done.returncode == 12
    assert "Permission denied" in done.stderr
    for file in (secret, "/var/lib/oar/.ssh/authorized_keys"):
        done = site.run("oarsub", "-k", "-e", str(file), "--hold", *ONE_CORE, "true")
        assert done.returncode == 60
        assert "cannot be written" in done.stderr
    assert secret.read_text() == "bob\n"


@pytest.mark.bed("namespaces")
def test_the_key_on_a_node_is_its_user_s_alone(site: Site) -> None:
    job = running(site, "-k", *ONE_CORE, "-p", "network_address='node1'")
    spy = site.submit(
        *ONE_CORE, "-p", "network_address='node1'", "-d", str(site.cluster.bed.home("bob")),
        f"cat /var/lib/oar/alice_{job}.jobkey /var/lib/oar/job_keys", user="bob",
    )  # fmt: skip
    site.until_ended(spy)
    folder = site.cluster.bed.home("bob")
    assert (folder / f"OAR.{spy}.stdout").read_text() == ""
    assert (folder / f"OAR.{spy}.stderr").read_text().count("Permission denied") == 2


def test_nothing_of_a_key_is_kept_but_for_its_job(site: Site) -> None:
    site.output("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{site.home}/inline.key")
    job = running(site, "-k", "--import-job-key-inline", site.read("inline.key"), *ONE_CORE)
    assert key_row(site, job)[0] == site.read("inline.key")
    line = site.read("inline.key").splitlines()[1]
    assert not site.rows("SELECT 1 FROM jobs WHERE jobs::text LIKE '%' || :line || '%'", line=line)
    assert line not in site.log


@pytest.mark.bed("namespaces")
def test_files_sent_with_the_key_are_the_user_s(site: Site) -> None:
    job = running(site, "-k", "-e", "plain.key", *ONE_CORE)
    (node,) = nodes_of(site, job)
    site.write("sent", "sent\n")
    words = [word if word != "-p" else "-P" for word in ssh_words(site)]
    site.output("scp", "-q", *words, "-i", "plain.key", "sent", f"oar@{node}:/tmp/sent.{job}")
    done = ssh(
        site, "-i", "plain.key", node, f"stat -c %U /tmp/sent.{job}; cat /tmp/sent.{job}; rm /tmp/sent.{job}"
    )
    assert done.stdout == "alice\nsent\n"
