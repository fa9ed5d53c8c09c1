"""Server, metaschedulers and commands at once on a database: nobody meets a deadlock, all is in order."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from threading import Timer
from typing import Any

import pytest
from sqlalchemy import text

from oar.core.job import RunningJob
from oar.db.accounting import account_ended_jobs
from oar.db.engine import database_now
from oar.db.planning import read_running_jobs
from oar.kamelot.containers import nesting_of
from oar.kamelot.sharing import sharing_of
from tests.integration.databases import cloned
from tests.integration.life.build import add_node
from tests.integration.players import NODES, PLAYERS, Site

SECONDS = 8


def play(site: Site, player: Callable[[Site], None], rest_s: float) -> None:
    try:
        while not site.over.wait(rest_s):
            player(site)
            site.done[player.__name__] += 1
    finally:
        site.over.set()


@pytest.fixture(scope="module")
def site(database_server) -> Iterator[Site]:
    """A database on which all of the players have played, and the last of them has left."""
    with cloned(database_server, "oar_busy") as database:
        # a deadlock is found sooner, so that more of them would happen
        database_server.run("ALTER DATABASE oar_busy SET deadlock_timeout = '100ms'")
        with database.engine.begin() as connection:
            for node in NODES:
                add_node(connection, node, 4)
        site = Site(database)
        timer = Timer(SECONDS, site.over.set)
        timer.start()
        with ThreadPoolExecutor(len(PLAYERS)) as threads:
            played = [threads.submit(play, site, *player) for player in PLAYERS]
        timer.cancel()
        for one in played:
            one.result()
        yield site


def asked(site: Site, question: str) -> list[Any]:
    with site.database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(question))]


def test_everybody_gets_something_done(site):
    assert set(site.done) == {player.__name__ for player, _ in PLAYERS}
    assert asked(site, "SELECT 1 FROM jobs WHERE state = 'Terminated' LIMIT 1")


def test_the_server_is_seldom_made_to_try_again(site):
    assert site.retried.total() <= 3


def test_each_job_has_one_open_log_row_of_its_state(site):
    assert not asked(
        site,
        """SELECT job_id, state, array_agg(job_state) FROM jobs LEFT JOIN job_state_logs AS log
           USING (job_id) WHERE date_stop = 0 OR date_stop IS NULL
           GROUP BY job_id, state HAVING array_agg(job_state::text) <> ARRAY[state::text]""",
    )


@pytest.mark.parametrize(
    "rows",
    [
        "moldable_job_descriptions ON moldable_job_id = job_id WHERE moldable_index = 'CURRENT'",
        "job_types USING (job_id) WHERE types_index = 'CURRENT'",
        "job_dependencies USING (job_id) WHERE job_dependency_index = 'CURRENT'",
        "assignments AS a ON a.moldable_job_id = assigned_moldable_job"
        " WHERE assigned_resource_index = 'CURRENT'",
    ],
)
def test_an_ended_job_has_no_current_rows(site, rows):
    question = f"SELECT job_id FROM jobs JOIN {rows} AND state IN ('Terminated', 'Error')"  # noqa: S608
    assert not asked(site, question)


def test_no_resource_is_held_by_two_jobs_that_do_not_share_it(site):
    """A suspended job leaves its resources to others, and may be cleared away beside them."""
    with site.database.engine.connect() as connection:
        running = read_running_jobs(connection, database_now(connection))
        frozen = set(
            connection.scalars(text("SELECT job_id FROM jobs WHERE suspended = 'YES' AND state <> 'Running'"))
        )
    using = [job for job in running if job.job_id not in frozen]
    pairs = [(one, other) for one, other in combinations(using, 2) if one.resources & other.resources]
    assert [(one.job_id, other.job_id) for one, other in pairs if not may_be_together(one, other)] == []


def may_be_together(one: RunningJob, other: RunningJob) -> bool:
    first, second = nesting_of(one), nesting_of(other)
    if first.inside == second.inside:
        shares = (
            sharing_of(one).may_overlap(sharing_of(other)),
            sharing_of(other).may_overlap(sharing_of(one)),
        )
        return any(shares)
    return first.inside == second.opens or second.inside == first.opens


def test_each_resource_has_one_open_log_row_of_its_state(site):
    assert not asked(
        site,
        """SELECT resource_id, state, array_agg(value) FROM resources JOIN resource_logs AS log
           USING (resource_id) WHERE attribute = 'state' AND date_stop = 0
           GROUP BY resource_id, state HAVING array_agg(value::text) <> ARRAY[state::text]""",
    )


def test_the_resources_of_suspended_jobs_are_marked(site):
    assert not asked(
        site,
        """SELECT resource_id, suspended_jobs FROM resources WHERE (suspended_jobs = 'YES') <> EXISTS (
             SELECT FROM jobs JOIN assignments ON moldable_job_id = assigned_moldable_job
             WHERE state IN ('Suspended', 'Resuming') AND resources @> resource_id::integer)""",
    )


def test_nothing_is_counted_twice(site):
    with site.database.engine.begin() as connection:
        while account_ended_jobs(connection, 10):
            pass
    wanted = """SELECT coalesce(sum((stop_time - start_time)
                  * (SELECT sum(upper(piece) - lower(piece)) FROM unnest(resources) AS piece)), 0)
                FROM jobs JOIN assignments ON moldable_job_id = assigned_moldable_job
                WHERE state IN ('Terminated', 'Error') AND start_time > 1 AND stop_time >= start_time"""
    counted = "SELECT coalesce(sum(consumption), 0) FROM accounting WHERE consumption_type = 'USED'"
    assert asked(site, wanted) == asked(site, counted)
