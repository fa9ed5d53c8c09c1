"""What users reach through sudo: the commands of their own, with their own rights."""

import pytest

from oar.dev.namespaces import NamespacesBed
from tests.acceptance.site import Site

COMMANDS = "/usr/lib/oar/commands"
PRETENCES = (
    ("SUDO_USER=root", "SUDO_UID=0", "USER=root", "LOGNAME=root"),
    ("SUDO_USER=oar", "OARCONFFILE={home}/oar.conf", "PYTHONPATH={home}"),
)

pytestmark = pytest.mark.bed("namespaces")


@pytest.fixture
def pretences(site: Site) -> list[list[str]]:
    """Environments by which alice would like to be somebody else."""
    site.write("oar.conf", 'DB_TYPE="Pg"\nDB_HOSTNAME="/nowhere"\n')
    site.write("oar.py", "raise SystemExit('alice in charge')\n")
    return [["env", *(word.format(home=site.home) for word in words)] for words in PRETENCES]


@pytest.mark.parametrize("option", ["-S", "--array-param-file"])
def test_a_file_that_its_user_cannot_read_stays_unread(site: Site, option: str) -> None:
    secret = site.cluster.bed.home("bob") / "secret.sh"
    secret.write_text("#!/bin/sh\n#OAR -n secret_word\necho secret_word\n")
    secret.chmod(0o700)
    owner = secret.parent.stat()
    site.output("chown", f"{owner.st_uid}:{owner.st_gid}", str(secret), user="root")
    for file in (secret, "/etc/oar/oar.conf", "/var/lib/oar/.ssh/id_ed25519"):
        done = site.run("oarsub", option, str(file), *(["true"] if option != "-S" else []))
        assert done.returncode == 12
        assert "Permission denied" in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert "secret_word" not in done.stderr + done.stdout


def test_nobody_becomes_administrator_by_an_environment(site: Site, pretences: list[list[str]]) -> None:
    job = site.submit("--hold", "true", user="bob")
    for pretence in pretences:
        done = site.run(*pretence, "oardel", str(job))
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
        assert "alice in charge" not in done.stderr
    assert site.job(job).state == "Hold"
    assert not site.rows("SELECT 1 FROM frag_jobs WHERE frag_id_job = :id", id=job)


def test_a_job_belongs_to_who_called_sudo(site: Site, pretences: list[list[str]]) -> None:
    for pretence in pretences:
        said = site.output(*pretence, "oarsub", "--hold", "true")
        job = int(said.rpartition("OAR_JOB_ID=")[2].split()[0])
        assert site.value("SELECT job_user FROM jobs WHERE job_id = :id", id=job) == "alice"


def test_sudo_takes_no_environment_from_its_command_line(site: Site) -> None:
    job = site.submit("--hold", "true", user="bob")
    for setting in ("SUDO_USER=root", "OARCONFFILE=/tmp/oar.conf", "PYTHONPATH=/tmp"):
        assert site.run("sudo", "-n", "-u", "oar", setting, f"{COMMANDS}/oardel", str(job)).returncode == 1
    assert site.run("sudo", "-n", "-E", "-u", "oar", f"{COMMANDS}/oardel", str(job)).returncode == 1
    assert site.job(job).state == "Hold"


@pytest.mark.parametrize(
    "command", ["oarnodesetting -h node1 -s Dead", "oarqueue -r default", "oar-database drop"]
)
def test_the_commands_of_administrators_are_closed_to_users(
    site: Site, pretences: list[list[str]], command: str
) -> None:
    program, *words = command.split()
    for pretence in ([], *pretences):
        assert site.run(*pretence, program, *words).returncode != 0
        assert site.run(*pretence, f"{COMMANDS}/{program}", *words).returncode != 0
    assert site.value("SELECT count(*) FROM queues WHERE queue_name = 'default'") == 1
    assert not site.rows("SELECT 1 FROM resources WHERE state <> 'Alive' OR next_state <> 'UnChanged'")


def test_the_database_is_closed_to_users(site: Site) -> None:
    place = site.cluster.database.socket_directory
    done = site.run("ls", str(place))
    assert done.returncode != 0
    assert "Permission denied" in done.stderr


def test_a_job_cannot_become_the_account_of_oar(site: Site) -> None:
    bed = site.cluster.bed
    assert isinstance(bed, NamespacesBed)
    job = site.submit("-l", "core=1", "sudo -n -u oar id; sudo -n id; cat /var/lib/oar/.ssh/id_ed25519; true")
    site.until_terminated(job)
    assert site.read(f"OAR.{job}.stdout") == ""
