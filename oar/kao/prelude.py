"""What comes before the plan of a round: new walltimes of running jobs, and who is being resumed already."""

import logging
from dataclasses import replace

from sqlalchemy import Engine
from sqlalchemy.exc import DataError, IntegrityError

from oar.core.states import JobState
from oar.db.engine import one_moment
from oar.db.resumptions import read_resumed
from oar.db.walltime_changes import give_up_requests, read_requests, write_grants
from oar.kamelot import Rules
from oar.kao.model import World
from oar.kao.walltime import change_walltimes
from oar.settings import WalltimeSettings

log = logging.getLogger(__name__)


def prepare(engine: Engine, world: World, rules: Rules, settings: WalltimeSettings) -> World:
    """Carry out what is asked of running jobs; give the world as it is then."""
    if settings.enabled:
        world = _with_new_walltimes(engine, world, rules, settings)
    if any(job.state is JobState.RESUMING for job in world.running):
        with one_moment(engine) as connection:
            world = replace(world, resumed=read_resumed(connection))
    return world


def _with_new_walltimes(engine: Engine, world: World, rules: Rules, settings: WalltimeSettings) -> World:
    with one_moment(engine) as connection:
        requests = read_requests(connection)
    changes, _ = change_walltimes(world, requests, rules, settings)
    if not (changes.grants or changes.given_up):
        return world
    try:
        with engine.begin() as connection:
            given = write_grants(connection, changes.grants, now=world.now)
            give_up_requests(connection, changes.given_up, now=world.now)
    except (DataError, IntegrityError):
        # One request must not keep all others from being planned.
        log.exception("no walltime was changed in this round")
        return world
    granted = {one.job_id: one for one in changes.grants if one.job_id in given}
    for one in granted.values():
        log.info("job %d: %s", one.job_id, one.words)
    running = tuple(
        replace(job, walltime_s=granted[job.job_id].walltime_s) if job.job_id in granted else job
        for job in world.running
    )
    return replace(world, running=running)
