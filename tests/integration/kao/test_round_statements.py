"""How many statements a round sends: as many for 200 jobs as for 10, whatever becomes of them."""

from collections import Counter

import pytest
from sqlalchemy import update

from oar.core.states import JobState
from oar.db.tables_resources import PredictionRow
from tests.integration.databases import Database, DatabasePool
from tests.integration.kao.site import Site, make_site
from tests.integration.statements import statements_of

FEW, MANY = 10, 200


def site_with(database: Database, jobs: int) -> Site:
    """Two nodes, one of them full of besteffort jobs; jobs of all fates wait."""
    site = make_site(database, jobs, jobs)
    commands = ("true",) * jobs
    here = {"queue": "besteffort", "properties": "network_address = 'node1'", "commands": commands}
    besteffort = site.submit("resource_id=1,walltime=9", types=("besteffort",), **here)
    site.metascheduler.run()
    for job_id in besteffort:
        site.run_job(job_id)
    launched = site.submit(
        "resource_id=1,walltime=1", properties="network_address = 'node2'", commands=commands
    )
    site.submit("resource_id=1,walltime=1", properties="network_address = 'node1'", commands=commands)
    site.submit("resource_id=1,walltime=2", commands=commands, after=launched[:1])
    site.submit("resource_id=1,walltime=1", types=("inner=gone",), commands=commands)
    site.submit("nodes=3,walltime=1", commands=commands)
    return site


def let_a_minute_pass(site: Site) -> None:
    """Have the last round be a minute ago: the starts of jobs that are due move with the clock."""
    with site.engine.begin() as connection:
        connection.execute(update(PredictionRow).values(start_time=PredictionRow.start_time - 60))


def forget_queues(site: Site) -> None:
    with site.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE queues SET state = 'notActive'")


def statements_of_rounds(site: Site) -> list[int]:
    """Count those of a round with much to do, of one a minute after it, and of one that forgets its plan."""
    counts = []
    for prepare in (lambda _site: None, let_a_minute_pass, forget_queues):
        prepare(site)
        with statements_of(site.engine, site.metascheduler.reader) as statements:
            site.metascheduler.run()
        counts.append(statements.count)
    return counts


@pytest.fixture(scope="module")
def sites(database_pool: DatabasePool):
    """Two sites after three rounds each, with the number of statements of each round."""
    with database_pool.database() as few, database_pool.database() as many:
        made = site_with(few, FEW), site_with(many, MANY)
        yield [(site, statements_of_rounds(site)) for site in made]


def fates(site: Site) -> Counter[str]:
    return Counter(site.states().values())


def test_the_jobs_have_all_fates_and_the_plan_is_forgotten_at_last(sites):
    for (site, _), jobs in zip(sites, (FEW, MANY), strict=True):
        assert fates(site) == {
            JobState.RUNNING: jobs,
            JobState.TO_LAUNCH: jobs,
            JobState.ERROR: jobs,
            JobState.WAITING: 3 * jobs,
        }
        assert site.plan() == {}


@pytest.mark.parametrize("number", range(3), ids=["much to do", "a minute later", "plan forgotten"])
def test_a_round_with_many_jobs_sends_as_many_statements_as_one_with_few(sites, number):
    (_, with_few), (_, with_many) = sites
    assert with_few[number] == with_many[number]
