"""Rounds that keep what the last one read decide on PostgreSQL what rounds that know nothing would decide."""

from dataclasses import replace
from random import Random

import pytest
from sqlalchemy import delete, update

from oar.core.job_life import JobSignal
from oar.core.states import JobState, NodeState
from oar.db.properties import add_property
from oar.db.tables_admin import QueueRow
from oar.db.tables_resources import PredictionRow, ResourceRow
from oar.kamelot import Rules
from oar.kao.apply import apply
from oar.kao.load import Kept, load_world
from oar.kao.round import run_round
from tests.integration.databases import Database
from tests.integration.kao.site import SETTINGS, Site, make_site

REQUESTS = (
    "nodes=1",
    "nodes=2/core=1",
    "core=3",
    "{gpu = 'YES'}/core=2",
    "{core > 3}/nodes=1",
    "{gone = 1}/core=1",
)
CHANGES_BY_HAND = (
    "moldable_job_descriptions SET moldable_walltime = moldable_walltime + 60 WHERE mod(moldable_id",
    "job_resource_descriptions SET res_job_value = 1 WHERE mod(res_job_group_id",
    "jobs SET properties = 'core < 6' WHERE mod(job_id",
    "job_types SET types_index = 'LOG' WHERE mod(job_id",
    "gantt_jobs_predictions SET resources = '{[1,2]}' WHERE mod(moldable_job_id",
)
"""What administrators may do to jobs that wait."""
TYPES = ((), (), ("besteffort",), ("timesharing=*,*",), ("container=box",), ("inner=box",))


@pytest.fixture
def cluster(database: Database) -> Site:
    with database.engine.begin() as connection:
        add_property(connection, "core", text=False)
        add_property(connection, "gpu", text=True)
    site = make_site(database, 2, 2, 2, 2)
    with site.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE resources SET core = resource_id, gpu = 'YES'")
        connection.exec_driver_sql("UPDATE resources SET gpu = 'NO' WHERE resource_id > 4")
    return site


def let_things_happen(site: Site, dice: Random) -> None:
    """Let jobs come, run and end, and resources change."""
    for job_id, state in site.states().items():
        if state == JobState.TO_LAUNCH:
            site.run_job(job_id)
        elif state == JobState.RUNNING and dice.random() < 0.3:
            site.end_job(job_id)
        elif state == JobState.WAITING and dice.random() < 0.1:
            site.move(job_id, JobSignal.HOLD)
        elif state == JobState.HOLD and dice.random() < 0.5:
            site.move(job_id, JobSignal.RESUME)
    for _ in range(dice.randrange(4)):
        types = dice.choice(TYPES)
        after = [job_id for job_id in site.states() if dice.random() < 0.05]
        request = f"{dice.choice(REQUESTS)},walltime=0:{dice.choice((1, 5, 20))}"
        queue = "besteffort" if "besteffort" in types else "default"
        site.job(request, types=types, queue=queue, after=after, properties=dice.choice(("", "core < 8")))
    with site.engine.begin() as connection:
        if dice.random() < 0.4:
            node, state = f"node{dice.randrange(1, 5)}", dice.choice(tuple(NodeState))
            here = ResourceRow.network_address == node
            connection.execute(update(ResourceRow).where(here).values(state=state))
        if dice.random() < 0.2:
            connection.execute(update(QueueRow).values(state=dice.choice(("Active", "Active", "notActive"))))
        if dice.random() < 0.1:
            connection.execute(delete(PredictionRow))


def change_rows_by_hand(site: Site, dice: Random) -> None:
    """Let an administrator change jobs that wait, whatever comes of it."""
    with site.engine.begin() as connection:
        if dice.random() < 0.5:
            change = f"UPDATE {dice.choice(CHANGES_BY_HAND)}, 3) = {dice.randrange(3)}"
            connection.exec_driver_sql(change)


@pytest.mark.parametrize("seed", range(3))
def test_a_warm_round_decides_what_a_cold_one_decides(cluster: Site, seed: int) -> None:
    dice, kept = Random(seed), Kept()  # noqa: S311 - no secret
    engine, reader = cluster.engine, cluster.metascheduler.reader
    for _ in range(15):
        let_things_happen(cluster, dice)
        change_rows_by_hand(cluster, dice)
        warm = load_world(engine, reader, SETTINGS.resource_order, kept)
        cold = replace(load_world(engine, reader, SETTINGS.resource_order, Kept()), now=warm.now)
        decisions = run_round(warm, Rules(), check_plan=True)
        assert decisions == run_round(cold, Rules())
        with engine.begin() as connection:
            apply(connection, warm, decisions)
