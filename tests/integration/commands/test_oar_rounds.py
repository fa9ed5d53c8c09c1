"""oar-rounds: the records of real rounds, read back."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import text

from oar.cli.oar_rounds import oar_rounds
from oar.core.round_record import Deed, JobDecision, RoundRecord
from oar.db.rounds import write_round
from tests.integration.commands.terminal import BOB, Terminal, open_terminal
from tests.integration.databases import Database
from tests.integration.kao.site import Site, make_site
from tests.integration.statements import statements_of


@pytest.fixture
def site(database: Database) -> Site:
    return make_site(database, 2, 2, 2)


@pytest.fixture
def desk(site: Site, database: Database) -> Terminal:
    return open_terminal(database)


def rounds(desk: Terminal) -> list:
    return json.loads(desk.output(oar_rounds, "show", "-J"))


def test_a_round_leaves_its_numbers_and_decisions(desk: Terminal, site: Site) -> None:
    first, second = site.job("nodes=3,walltime=2"), site.job("nodes=1,walltime=1")
    site.metascheduler.run()
    (one,) = rounds(desk)
    assert (one["waiting"], one["launched"], one["decided"]) == (2, 1, 2)
    shown = json.loads(desk.output(oar_rounds, "show", str(one["round"]), "-J"))
    assert {each["job"]: each["decision"] for each in shown["decisions"]} == {
        first: "launched",
        second: "planned",
    }


def test_rounds_that_decide_nothing_new_leave_one_record_which_the_next_round_takes(
    desk: Terminal, site: Site
) -> None:
    running = site.job("nodes=3,walltime=2")
    site.metascheduler.run()
    site.run_job(running)
    site.job("nodes=1,walltime=1")
    site.metascheduler.run()
    before = rounds(desk)
    for _ in range(3):
        site.metascheduler.run()
    *kept, quiet = rounds(desk)
    assert kept == before
    assert (quiet["decided"], quiet["waiting"]) == (0, 1)
    site.job("nodes=1,walltime=1")
    site.metascheduler.run()
    *kept, last = rounds(desk)
    assert kept == before
    assert (last["round"], last["decided"]) == (quiet["round"], 1)


def test_a_job_is_explained_from_its_first_plan_to_its_launch(desk: Terminal, site: Site) -> None:
    running = site.job("nodes=3,walltime=2")
    site.metascheduler.run()
    site.run_job(running)
    job = site.job("nodes=1,walltime=1")
    site.metascheduler.run()
    site.end_job(running)
    site.metascheduler.run()
    found = json.loads(desk.output(oar_rounds, "explain", str(job), "-J"))
    assert [one["decision"] for one in found] == ["planned", "launched"]
    assert f"when job {running} frees" in found[0]["reason"]
    said = desk.output(oar_rounds, "explain", str(job))
    assert "planned" in said and "launched" in said


def test_only_the_last_rounds_are_kept(desk: Terminal, site: Site, database: Database) -> None:
    decision = JobDecision(1, Deed.LAUNCHED)
    record = RoundRecord(date=1, waiting=0, running=0, planned=0, launched=0, decisions=(decision,))
    for number in range(7):
        with database.engine.begin() as connection:
            write_round(connection, replace(record, waiting=number), kept=3)
    assert [one["waiting"] for one in rounds(desk)] == [4, 5, 6]


def test_no_record_is_kept_when_none_is_wanted(desk: Terminal, site: Site) -> None:
    site.metascheduler.settings = replace(site.metascheduler.settings, rounds_kept=0)
    site.job("nodes=1,walltime=1")
    site.metascheduler.run()
    assert desk.output(oar_rounds, "show") == "No round is on record.\n"


def test_a_record_is_one_statement_whatever_it_holds(database: Database) -> None:
    decisions = tuple(JobDecision(number, Deed.PLANNED, "because") for number in range(300))
    record = RoundRecord(date=1, waiting=0, running=0, planned=0, launched=0, decisions=decisions)
    with statements_of(database.engine) as statements, database.engine.begin() as connection:
        before = statements.count
        write_round(connection, record, kept=3)
        assert statements.count == before + 1


def test_a_round_that_fails_leaves_no_record(desk: Terminal, site: Site, database: Database) -> None:
    site.job("nodes=1,walltime=1")
    with database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE rounds ADD CONSTRAINT ck_never CHECK (waiting < 0)"))
    with pytest.raises(Exception, match="ck_never"):
        site.metascheduler.run()
    assert set(site.states().values()) == {"Waiting"}


def test_a_round_is_shown_as_a_table(desk: Terminal, site: Site) -> None:
    job = site.job("nodes=1,walltime=1")
    site.metascheduler.run()
    number = rounds(desk)[0]["round"]
    lines = desk.output(oar_rounds, "show", str(number)).splitlines()
    assert lines[0].startswith(f"Round {number} of ")
    assert lines[-1].split()[:2] == [str(job), "launched"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["show", "77"], 1, "round 77 is not on record"),
        (["show", "1", "-n", "2"], 1, "ID and -n cannot be given together"),
        (["show", "-n", "0"], 1, "-n"),
        (["explain", "x"], 1, "JOB"),
        (["explain", "77"], 0, "no round on record decided anything about job 77"),
    ],
)
def test_what_is_not_there_is_told_in_one_line(
    desk: Terminal, words: list[str], code: int, said: str
) -> None:
    result = desk.run(oar_rounds, *words)
    assert result.exit_code == code
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_records_are_for_administrators(desk: Terminal) -> None:
    assert desk.run(oar_rounds, "show", caller=BOB).exit_code == 8
    assert desk.run(oar_rounds, "explain", "1", caller=BOB).exit_code == 8
