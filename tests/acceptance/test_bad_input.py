"""What a person gets for a mistake: one line, the documented exit code, and nothing half done."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.acceptance.site import Site

MISTAKES = [
    pytest.param(("oarsub", "--nonsense", "true"), 1, "--nonsense", id="unknown option"),
    pytest.param(("oarsub", "-l", "nodes=two", "true"), 18, "two", id="bad number"),
    pytest.param(("oarsub", "-l", "core=1,walltime=soon", "true"), 18, "soon", id="bad walltime"),
    pytest.param(("oarsub", "-l", "socket=1", "true"), 251, "socket", id="unknown level"),
    pytest.param(("oarsub", "-p", "colour = 'red'", "true"), 251, "colour", id="unknown property"),
    pytest.param(("oarsub", "-p", "core =", "true"), 251, "core =", id="broken filter"),
    pytest.param(("oarsub", "-l", "nodes=99", "true"), 251, "99", id="never fits"),
    pytest.param(("oarsub", "-S", "./nothere.sh"), 12, "nothere.sh", id="no script"),
    pytest.param(("oarsub", "-S", "/"), 12, "'/'", id="no file"),
    pytest.param(("oarsub", "--array-param-file", "nothere", "true"), 12, "nothere", id="no parameters"),
    pytest.param(("oarsub", "-q", "express", "true"), 248, "express", id="unknown queue"),
    pytest.param(("oarsub",), 5, "command", id="nothing to run"),
    pytest.param(("oarstat", "-fj", "999999"), 1, "999999", id="unknown job"),
    pytest.param(("oardel", "999999"), 4, "999999", id="unknown job to delete"),
    pytest.param(("oardel", "twelve"), 4, "twelve", id="no number"),
    pytest.param(("oarnodes", "--nonsense"), 1, "--nonsense", id="unknown option of oarnodes"),
]


def one_line(done: "subprocess.CompletedProcess[str]") -> str:
    """The only line of a command's errors."""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in lines[0]
    return lines[0]


@pytest.mark.best_bed
@pytest.mark.parametrize(("argv", "code", "word"), MISTAKES)
def test_a_mistake_is_told_in_one_line_and_leaves_nothing(
    site: Site, argv: tuple[str, ...], code: int, word: str
) -> None:
    before = site.rows("SELECT count(*), max(job_id) FROM jobs")
    done = site.run(*argv)
    assert word in one_line(done)
    assert done.returncode == code
    assert site.rows("SELECT count(*), max(job_id) FROM jobs") == before


@pytest.fixture
def without_database(site: Site) -> Iterator[Site]:
    site.cluster.database.stop(keep=True)
    yield site
    site.cluster.database.start()


@pytest.mark.best_bed
@pytest.mark.parametrize("command", ["oarsub true", "oarstat", "oardel 1", "oarnodes"])
def test_a_command_says_that_the_database_is_down(without_database: Site, command: str) -> None:
    done = without_database.run(*command.split())
    assert done.returncode == 2
    assert "database" in one_line(done)


@pytest.fixture
def without_server(site: Site) -> Site:
    site.kill_server()
    return site


@pytest.mark.best_bed
def test_jobs_are_registered_and_deleted_while_the_server_is_down(without_server: Site) -> None:
    site = without_server
    submission = site.run("oarsub", "-l", "core=1", "true")
    assert submission.returncode == 0
    assert "server" in one_line(submission)
    job = int(submission.stdout.rpartition("OAR_JOB_ID=")[2].split()[0])
    unwanted = site.submit("-l", "core=1", "true")
    deletion = site.run("oardel", str(unwanted))
    assert deletion.returncode == 0
    assert "server" in one_line(deletion)
    site.start_server()
    site.until_terminated(job)
    assert site.until_ended(unwanted)[0].state == "Error"
    assert "Running" not in site.states(unwanted)
