"""oarstat --why: what holds a job, and what would let it start sooner, asked of the database."""

import json

import pytest
from sqlalchemy import text

from oar.cli.caller import Caller
from oar.cli.oarstat import oarstat
from oar.core.job_life import JobSignal
from oar.db.properties import add_property
from oar.db.tables_jobs import JobRow
from tests.integration.commands.terminal import BOB, Terminal, open_terminal
from tests.integration.databases import Database
from tests.integration.kao.site import Site, make_site

ALICE = Caller("alice", 1000, is_admin=False)


@pytest.fixture
def site(database: Database) -> Site:
    with database.engine.begin() as connection:
        add_property(connection, "cluster", text=True)
    site = make_site(database, 2, 2, 2)
    with database.engine.begin() as connection:
        connection.execute(
            text("UPDATE resources SET cluster = CASE network_address WHEN 'node1' THEN 'a' ELSE 'b' END")
        )
    return site


@pytest.fixture
def desk(site: Site, database: Database) -> Terminal:
    return open_terminal(database)


def start(site: Site, *requests: str, **wishes) -> int:
    job = site.job(*requests, **wishes)
    site.metascheduler.run()
    site.run_job(job)
    return job


def why(desk: Terminal, job: int, caller: Caller = ALICE) -> str:
    return desk.output(oarstat, "--why", str(job), caller=caller)


def forecast(desk: Terminal, job: int, caller: Caller = ALICE) -> dict:
    return json.loads(desk.output(oarstat, "--why", str(job), "-J", caller=caller))["forecast"]


def test_the_jobs_in_the_way_and_what_would_start_sooner_are_named(desk: Terminal, site: Site) -> None:
    running = start(site, "nodes=1,walltime=2")
    job = site.job("nodes=3,walltime=1")
    site.metascheduler.run()
    said = why(desk, job)
    assert (
        f"It cannot start now: asks for 3 network_address, 2 are free all through; job {running} holds"
        in said
    )
    assert (
        "Sooner with network_address=2 or less: it would start now on 4 resources of node2 and node3." in said
    )


def test_a_hole_in_the_plan_is_told_as_a_walltime(desk: Terminal, site: Site) -> None:
    start(site, "nodes=2,walltime=2")
    big = site.job("nodes=3,walltime=4")
    job = site.job("nodes=1,walltime=8")
    site.metascheduler.run()
    answer = forecast(desk, job)
    assert answer["cause"]["jobs"] == [big]
    walltime = next(one for one in answer["sooner"] if one["kind"] == "walltime")
    assert walltime["start"] == answer["now"]
    assert 7000 < walltime["value"] <= 7200


def test_a_job_that_no_round_has_seen_has_an_answer_while_the_server_is_down(
    desk: Terminal, site: Site
) -> None:
    start(site, "nodes=3,walltime=2")
    job = site.job("nodes=1,walltime=1")
    assert "It cannot start now" in why(desk, job)


def test_a_job_that_can_start_says_so(desk: Terminal, site: Site) -> None:
    assert "Nothing holds it: it starts with the next round." in why(desk, site.job("nodes=1,walltime=1"))


def test_another_value_of_a_property_is_named(desk: Terminal, site: Site) -> None:
    start(site, "nodes=1,walltime=2", properties="cluster = 'a'")
    job = site.job("nodes=1,walltime=1", properties="(cluster = 'a') AND drain='NO'")
    site.metascheduler.run()
    assert "Sooner with cluster='b' instead of cluster = 'a': it would start now" in why(desk, job)


def test_advice_about_conditions_is_for_the_user_of_the_job(desk: Terminal, site: Site) -> None:
    start(site, "nodes=1,walltime=2", properties="cluster = 'a'")
    job = site.job("nodes=1,walltime=1", properties="(cluster = 'a') AND drain='NO'")
    site.metascheduler.run()
    assert "cluster" not in why(desk, job, BOB)


def test_a_condition_of_another_job_that_is_nonsense_does_not_stop_the_answer(
    desk: Terminal, site: Site
) -> None:
    site.job("nodes=1,walltime=1", properties="nonsense = 1")
    job = site.job("nodes=1,walltime=1")
    result = desk.run(oarstat, "--why", str(job), caller=BOB)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "nonsense" not in result.stdout


def test_a_held_job_has_no_forecast(desk: Terminal, site: Site) -> None:
    job = site.job("nodes=1,walltime=1")
    site.move(job, JobSignal.HOLD)
    assert "It is held" in why(desk, job)
    assert forecast(desk, job) is None


def test_asking_changes_nothing(desk: Terminal, site: Site) -> None:
    start(site, "nodes=3,walltime=2")
    job = site.job("nodes=1,walltime=1")
    why(desk, job)
    assert site.plan() == {}
    assert site.column(job, JobRow.scheduler_info) == ""


def test_a_job_that_waits_for_tokens_keeps_the_reason_of_the_last_round(desk: Terminal, site: Site) -> None:
    job = site.job("nodes=1,walltime=1", types=("token:license=1",))
    site.metascheduler.run()
    answer = forecast(desk, job)
    assert answer["cause"] == {"kind": "round", "words": "Token value cannot be retrieved (license)"}


def test_what_the_last_round_said_is_not_said_twice(desk: Terminal, site: Site) -> None:
    job = site.job("nodes=7,walltime=1")
    site.metascheduler.run()
    assert why(desk, job).count("asks for 7 network_address, 3 are there") == 2  # the reason, and the message
