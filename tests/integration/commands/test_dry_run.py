"""oarsub --dry-run: what would become of a submission, and that nothing becomes of it."""

import json
import os

import pytest
from click.testing import Result
from sqlalchemy import text, update

from oar.cli.caller import Caller
from oar.cli.oarsub import oarsub
from oar.core.states import QueueState
from oar.db.properties import add_property
from oar.db.tables_admin import QueueRow
from tests.integration.commands.terminal import Terminal, open_terminal
from tests.integration.databases import Database
from tests.integration.kao.site import Site, make_site

ALICE = Caller("alice", os.getuid(), is_admin=False)
TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"


@pytest.fixture
def site(database: Database) -> Site:
    with database.engine.begin() as connection:
        add_property(connection, "core", text=False)
    return make_site(database, 2, 2, 2)


@pytest.fixture
def desk(site: Site, database: Database) -> Terminal:
    return open_terminal(database)


def estimate(desk: Terminal, *words: str) -> dict:
    return json.loads(desk.output(oarsub, "--dry-run", "-J", *words, caller=ALICE))


def tried(desk: Terminal, *words: str) -> Result:
    return desk.run(oarsub, "--dry-run", *words, caller=ALICE)


def state_of(database: Database) -> list:
    with database.engine.connect() as connection:
        tables = connection.scalars(text(TABLES)).all()
        rows = [
            (table, connection.scalar(text(f'SELECT count(*) FROM "{table}"')))  # noqa: S608 - tables of ours
            for table in tables
        ]
        return rows + connection.execute(text("SELECT sequencename, last_value FROM pg_sequences")).all()


def busy(site: Site, request: str = "nodes=3,walltime=2") -> int:
    job = site.job(request)
    site.metascheduler.run()
    site.run_job(job)
    return job


def test_each_alternative_has_its_start_and_the_one_it_would_get_is_told(desk: Terminal, site: Site) -> None:
    job = busy(site, "nodes=2,walltime=2")
    told = estimate(desk, "-l", "nodes=3,walltime=1", "-l", "nodes=1,walltime=8", "true")
    first, second = told["alternatives"]
    assert second["start"] == told["now"]
    assert (first["resources"], second["resources"]) == (6, 2)
    assert first["cause"]["jobs"] == [job]
    assert told["chosen"] == 1
    assert told["start"] == first["start"] > told["now"]


def test_the_start_is_the_one_that_the_next_round_gives(desk: Terminal, site: Site) -> None:
    busy(site)
    site.job("nodes=3,walltime=1")
    told = estimate(desk, "-l", "nodes=2,walltime=1", "true")
    job = site.job("nodes=2,walltime=1")
    site.metascheduler.run()
    assert abs(site.plan()[job][0] - told["start"]) <= 1


def test_nothing_is_written_and_no_number_is_used_up(desk: Terminal, site: Site, database: Database) -> None:
    busy(site)
    before = state_of(database)
    said = desk.output(oarsub, "--estimate", "-l", "nodes=1,walltime=1", "--array", "3", "true", caller=ALICE)
    assert state_of(database) == before
    assert said.endswith("Nothing was submitted to queue default.\n")
    assert "The last of the 3 jobs would start at" in said
    assert "OAR_JOB_ID" not in said


def test_rules_of_admission_speak_as_they_do_when_a_job_is_submitted(desk: Terminal) -> None:
    said = desk.output(oarsub, "--dry-run", "-t", "besteffort", "true", caller=ALICE)
    assert "[ADMISSION RULE] Automatically redirect in the besteffort queue" in said


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["-l", "nodes=9", "true"], 251, "not enough resources"),
        (["-q", "none", "true"], 248, "queue 'none' does not exist"),
        (["-q", "admin", "true"], 254, "admin queue"),
        (["-a", "77", "true"], 1, "there is no job 77"),
        (["-l", "nodes=x", "true"], 18, "nodes=x"),
        ([], 5, "nothing to run"),
    ],
)
def test_what_a_submission_would_be_refused_for_is_told_with_the_same_code(
    desk: Terminal, words: list[str], code: int, said: str
) -> None:
    result = tried(desk, *words)
    assert result.exit_code == code
    assert said in result.stderr


def test_a_job_without_a_date_ends_with_a_code_and_says_why(desk: Terminal, database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(
            update(QueueRow).where(QueueRow.queue_name == "default").values(state=QueueState.INACTIVE)
        )
    result = tried(desk, "true")
    assert result.exit_code == 3
    assert "its queue default is not active" in result.stdout


def test_a_job_that_depends_on_a_running_one_starts_after_it(desk: Terminal, site: Site) -> None:
    job = busy(site, "nodes=1,walltime=2")
    told = estimate(desk, "-a", str(job), "true")
    assert told["alternatives"][0]["cause"]["kind"] == "dependency"
    assert told["start"] > told["now"] + 7000


def test_a_reservation_hears_whether_it_would_be_granted(desk: Terminal, site: Site) -> None:
    busy(site)
    early = tried(desk, "-r", "now", "-l", "nodes=1,walltime=1")
    assert early.exit_code == 10
    assert "would be refused: This reservation could run at" in early.stdout
    late = tried(desk, "-r", "2037-01-01 10:00:00", "-l", "nodes=1,walltime=1")
    assert late.exit_code == 0
    assert "The reservation would be granted." in late.stdout


@pytest.mark.parametrize(
    ("nodes", "code", "said"),
    [(1, 0, "So would all 2 of them."), (2, 10, "Not all 2 would be granted: This")],
)
def test_an_array_of_reservations_hears_whether_all_would_be_granted(
    desk: Terminal, nodes: int, code: int, said: str
) -> None:
    request = f"nodes={nodes},walltime=1"
    result = tried(desk, "-r", "2037-01-01 10:00:00", "--array", "2", "-l", request, "true")
    assert (result.exit_code, said in result.stdout) == (code, True)


def test_json_is_for_dry_runs_only(desk: Terminal) -> None:
    result = desk.run(oarsub, "-J", "true", caller=ALICE)
    assert (result.exit_code, "-J and -Y need --dry-run" in result.stderr) == (1, True)
