"""The shipped sudo rules are enough for jobs, oarsh and job keys; those of our clusters are wider."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import oar
from oar.dev.namespaces import NamespacesBed
from tests.acceptance.site import Site

RULES = Path(oar.__file__).parent.parent / "etc" / "sudoers.d"
NODE = "node1"
REPLACE = """\
set -e
mkdir -p /root/kept
mv /etc/sudoers.d/* /root/kept/
install -m 440 {rules}/{name} /etc/sudoers.d/{name}
"""
RESTORE = "rm /etc/sudoers.d/*; mv /root/kept/* /etc/sudoers.d/"

pytestmark = pytest.mark.bed("namespaces")


def on(site: Site, member: str, script: str) -> None:
    bed = site.cluster.bed
    assert isinstance(bed, NamespacesBed)
    command = bed.on_member(member, ["sh", "-c", script])
    subprocess.run(command.argv, env=dict(command.environment), cwd="/", check=True)


@pytest.fixture
def shipped_rules(site: Site) -> Iterator[None]:
    members = {"server": "oar", NODE: "oar-node"}
    for member, name in members.items():
        on(site, member, REPLACE.format(rules=RULES, name=name))
    yield
    for member in members:
        on(site, member, RESTORE)


@pytest.mark.usefixtures("shipped_rules")
def test_the_shipped_rules_let_a_job_run_with_a_key_and_be_entered(site: Site) -> None:
    said = site.output("oarsub", "-k", "-e", "sudo.key", "-l", "core=1,walltime=0:5:0", "-p",
                       f"network_address='{NODE}'", f"id -un; sleep {site.lasting()}")  # fmt: skip
    job = int(said.partition("OAR_JOB_ID=")[2].split()[0])
    site.until_state(job, "Running")
    assert site.output("stat", "-c", "%U %a", "sudo.key") == "alice 600\n"
    done = site.run("env", f"OAR_JOB_ID={job}", "oarsh", NODE, "id -un; cat /proc/self/cgroup")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("alice\n")
    assert f"/oar/alice_{job}" in done.stdout
    site.output("oardel", str(job))
    site.until_ended(job)


@pytest.mark.usefixtures("shipped_rules")
def test_the_shipped_rules_write_no_file_of_root(site: Site) -> None:
    done = site.run("sudo", "-u", "root", "/usr/bin/tee", "--", "/etc/written", user="alice")
    assert done.returncode != 0
    on(
        site,
        "server",
        "! setpriv --reuid=oar --regid=oar --init-groups sudo -n /usr/bin/tee -- /etc/written </dev/null",
    )
    assert site.run("ls", "/etc/written").returncode != 0
