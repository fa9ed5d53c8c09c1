"""Plain ssh to a node that a job has to itself: a real sshd with PAM beside that of OAR."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import oar
from oar.dev.namespaces import NamespacesBed
from tests.acceptance.site import Site

NODE = "node1"
ON_NODE = ("-p", f"network_address='{NODE}'")
ADOPT = Path(oar.__file__).parent / "node" / "pam_oar_adopt.py"
OPTIONS = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "BatchMode=yes",
           "ControlPath=none")  # fmt: skip
SSH = ("ssh", "-p", "22", *(f"-o{option}" for option in OPTIONS))
PAM = """\
account sufficient pam_access.so accessfile=/var/lib/oar/access.conf
account required pam_deny.so
session required pam_exec.so /usr/local/sbin/pam_oar_adopt -s
"""
SSHD = f"""\
set -e
install -m 755 {ADOPT} /usr/local/sbin/pam_oar_adopt
printf %s '{PAM}' > /etc/pam.d/sshd
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/plain_host_key
$(command -v sshd) -f /dev/null -p 22 -h /etc/ssh/plain_host_key -o UsePAM=yes -o StrictModes=no \\
  -o PidFile=/run/plain-sshd.pid
"""

pytestmark = pytest.mark.bed("namespaces")


@pytest.fixture
def plain_sshd(site: Site) -> Iterator[None]:
    """A node as sites have them: users come by plain ssh when PAM lets them."""
    bed = site.cluster.bed
    assert isinstance(bed, NamespacesBed)
    for user in ("alice", "bob"):
        site.output("mkdir", "-p", f"{bed.home(user)}/.ssh", user=user)
        key = f"{bed.home(user)}/.ssh/id_ed25519"
        if not Path(key).exists():
            site.output("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key, user=user)
            site.output("cp", f"{key}.pub", f"{bed.home(user)}/.ssh/authorized_keys", user=user)
    on_node(site, "sh", "-c", SSHD)
    yield
    on_node(site, "sh", "-c", "kill $(cat /run/plain-sshd.pid); rm /etc/ssh/plain_host_key*")


def on_node(site: Site, *words: str) -> str:
    bed = site.cluster.bed
    assert isinstance(bed, NamespacesBed)
    command = bed.on_member(NODE, words)
    done = subprocess.run(
        command.argv, env=dict(command.environment), cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def ssh(site: Site, command: str, user: str = "alice") -> "subprocess.CompletedProcess[str]":
    return site.run(*SSH, NODE, command, user=user)


def running(site: Site, *words: str) -> int:
    job = site.submit(*words, f"sleep {site.lasting()}")
    site.until_state(job, "Running")
    return job


@pytest.mark.usefixtures("plain_sshd")
def test_who_has_the_whole_node_comes_by_plain_ssh_into_the_job(site: Site) -> None:
    assert ssh(site, "id").returncode == 255
    job = running(site, "-t", "allow_classic_ssh", "-l", "nodes=1,walltime=0:5:0", *ON_NODE)
    done = ssh(site, "id -un; cat /proc/self/cgroup")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("alice\n")
    assert f"/oar/alice_{job}" in done.stdout
    assert ssh(site, "id", user="bob").returncode == 255
    mark = site.lasting()
    ssh(site, f"nohup setsid sleep {mark} >/dev/null 2>&1 & true")
    site.until_processes(mark, 1)
    site.output("oardel", str(job))
    site.until_ended(job)
    site.until_no_process(mark)
    assert ssh(site, "id").returncode == 255


@pytest.mark.usefixtures("plain_sshd")
@pytest.mark.parametrize(
    "words", [("-t", "allow_classic_ssh", "-l", "core=1,walltime=0:5:0"), ("-l", "nodes=1,walltime=0:5:0")]
)
def test_a_part_of_a_node_or_no_wish_for_it_does_not_open_it(site: Site, words: tuple[str, ...]) -> None:
    running(site, *words, *ON_NODE)
    assert ssh(site, "id").returncode == 255


@pytest.mark.usefixtures("plain_sshd")
def test_without_the_access_file_pam_can_ask_the_program(site: Site) -> None:
    asked = "PAM_USER=alice /usr/local/sbin/pam_oar_adopt -a; echo $?"
    assert on_node(site, "sh", "-c", asked) == "1\n"
    running(site, "-t", "allow_classic_ssh", "-l", "nodes=1,walltime=0:5:0", *ON_NODE)
    assert on_node(site, "sh", "-c", asked) == "0\n"
    assert on_node(site, "sh", "-c", asked.replace("alice", "root")) == "1\n"
