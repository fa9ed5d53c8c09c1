"""What the server, metaschedulers and commands do to a database, each as one player."""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event as Flag
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError

from oar.core.events import EventKind
from oar.core.job_life import JobSignal
from oar.core.kill_life import KillLimits
from oar.core.request import parse_request
from oar.core.states import JobState, KillState, NodeState
from oar.db.accounting import account_ended_jobs, forget_accounting
from oar.db.cluster import lock_cluster, read_cluster
from oar.db.consequences import apply_event
from oar.db.endings import resources_of
from oar.db.engine import database_now
from oar.db.events import pending, record
from oar.db.holders import holders
from oar.db.holds import hold_job, resume_job
from oar.db.jobs import NewJobs, insert_jobs
from oar.db.kills import SERVER, ask_kill, carry_out, check_timer, exterminate, kill_overdue, open_kills
from oar.db.listing import JobChoice, read_job_details
from oar.db.locks import lock_resources
from oar.db.maintenance import begin_maintenance, end_maintenance
from oar.db.moves import move_job
from oar.db.node_moves import apply_node_requests, suspect_nodes
from oar.db.properties import PropertiesBusy, add_property, remove_property, rename_property
from oar.db.resources import request_state, set_properties
from oar.db.tables_jobs import LIVE, JobRow
from oar.kao.metascheduler import Metascheduler, RoundUnderWay
from oar.kao.queue_scheduler import schedule_queue
from oar.settings import SchedulerSettings
from tests.integration.databases import Database

CHANCE = random.Random(0)  # noqa: S311 - chooses what is done, keeps no secret
NODES = [f"n{number}" for number in range(6)]
TYPES = (
    "expire=2001-01-01",  # the next round refuses it
    "timesharing=*,*",
    "placeholder=kept",
    "allowed=kept",
    "container=one",
    "container=two",
    "inner=one",
    "inner=two",
)
KILLED_AFTER = KillLimits(soft_s=0, hard_s=1)


@dataclass
class Site:
    """What the players share; ``retried`` counts the deadlocks that the server is made to bear."""

    database: Database
    over: Flag = field(default_factory=Flag)
    retried: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)

    def as_command(self, work: Callable[[Connection], Any]) -> Any:
        """Do something as a command does: once."""
        with self.database.engine.begin() as connection:
            return work(connection)

    def as_server(self, work: Callable[[Connection], Any]) -> Any:
        """Do something as the server does: until it is done."""
        while True:
            try:
                return self.as_command(work)
            except OperationalError as error:
                if getattr(error.orig, "pgcode", None) != "40P01":
                    raise
                self.retried[work.__qualname__] += 1

    def jobs(self, *states: JobState) -> list[int]:
        """List some jobs in these states."""
        with self.database.engine.connect() as connection:
            found = list(connection.scalars(select(JobRow.job_id).where(JobRow.state.in_(states))))
        return CHANCE.sample(found, min(4, len(found)))

    def live_job(self) -> int | None:
        """Choose a job that has not ended."""
        with self.database.engine.connect() as connection:
            found = list(connection.scalars(select(JobRow.job_id).where(LIVE)))
        return CHANCE.choice(found) if found else None


def submit(site: Site) -> None:
    besteffort = CHANCE.random() < 0.2
    types = ("besteffort",) if besteffort else ("idempotent",)
    if CHANCE.random() < 0.5:
        types = (*types, CHANCE.choice(TYPES))
    new = NewJobs(
        user="ann", group="ann", host="front", queue="besteffort" if besteffort else "default",
        project="default", name="", properties="", types=types,
        alternatives=[parse_request(f"resource_id={CHANCE.randint(1, 5)},walltime=1", "network_address")],
        commands=["true"] * CHANCE.randint(1, 6), directory="/", stdout="", stderr="", hold=False,
        required_jobs=[job for job in [site.live_job()] if job and CHANCE.random() < 0.3],
        initial_request="", message="",
    )  # fmt: skip
    site.as_command(lambda connection: insert_jobs(connection, new, database_now(connection)))


def launch(site: Site) -> None:
    for job in site.jobs(JobState.TO_LAUNCH, JobState.LAUNCHING):
        for signal in (JobSignal.LAUNCH, JobSignal.START):
            site.as_server(lambda connection, job=job, signal=signal: _move(connection, job, signal))


def suspend(site: Site) -> None:
    for job in site.jobs(JobState.RUNNING, JobState.SUSPENDED, JobState.RESUMING):
        work = CHANCE.choice([_suspend, _resume, _go_on])
        site.as_server(lambda connection, job=job, work=work: work(connection, job))


def end(site: Site) -> None:
    for job in site.jobs(JobState.RUNNING, JobState.FINISHING):
        site.as_server(lambda connection, job=job: _finish(connection, job))
        unclean = CHANCE.sample(NODES, CHANCE.choice([0, 0, 1, 2]))
        site.as_server(lambda connection, job=job, unclean=unclean: _settle(connection, job, unclean))


def kill(site: Site) -> None:
    site.as_server(lambda connection: kill_overdue(connection, database_now(connection) + 3590))
    for one in site.as_server(open_kills):
        site.as_server(lambda connection, one=one: _carry_out(connection, one))


def settle_nodes(site: Site) -> None:
    for event in site.as_server(pending):
        site.as_server(lambda connection, event=event: _apply(connection, event))
    site.as_server(_apply_requests)


def suspect(site: Site) -> None:
    nodes = CHANCE.sample(NODES, 2)
    site.as_server(lambda connection: suspect_nodes(connection, nodes, True, database_now(connection)))


def delete(site: Site) -> None:
    if (job := site.live_job()) is not None:
        site.as_command(lambda connection: ask_kill(connection, job, "ann", database_now(connection)))


def hold(site: Site) -> None:
    act = CHANCE.choice([hold_job, resume_job])
    for job in site.jobs(JobState.WAITING, JobState.HOLD):
        site.as_command(
            lambda connection, job=job: act(connection, job, "ann", database_now(connection), is_admin=False)
        )


def set_nodes(site: Site) -> None:
    ids = CHANCE.sample(range(1, 25), 10)
    state = CHANCE.choice([NodeState.ALIVE, NodeState.ALIVE, NodeState.ABSENT])
    drained = CHANCE.choice(["YES", "NO"])
    maintain = CHANCE.choice([begin_maintenance, end_maintenance])

    def change(connection: Connection) -> None:
        now = database_now(connection)
        set_properties(connection, ids, {"drain": drained}, now)
        maintain(connection, ids, now)
        request_state(connection, ids, state, now)

    site.as_command(change)


def set_properties_of_site(site: Site) -> None:
    for work in (
        lambda connection: add_property(connection, "wheels", text=False),
        lambda connection: rename_property(connection, "wheels", "doors"),
        lambda connection: remove_property(connection, "doors"),
    ):
        while not _tried(site, work) and not site.over.is_set():
            pass


def apply_cluster(site: Site) -> None:
    def change(connection: Connection) -> None:
        lock_cluster(connection, new_properties=CHANCE.random() < 0.5)
        resources, _ = read_cluster(connection)
        ids = [one.resource_id for one in resources]
        set_properties(connection, ids, {"deploy": CHANCE.choice(["YES", "NO"])}, database_now(connection))

    site.as_command(change)


def account(site: Site) -> None:
    site.as_command(lambda connection: account_ended_jobs(connection, 10))
    if CHANCE.random() < 0.3:
        site.as_command(forget_accounting)


def schedule(site: Site) -> None:
    scheduler = Metascheduler(site.database.engine, site.database.reader, SchedulerSettings(check_plans=True))
    with suppress(RoundUnderWay):  # of another server
        scheduler.run()


def schedule_one_queue(site: Site) -> None:
    schedule_queue(
        Metascheduler(site.database.engine, site.database.reader, SchedulerSettings(check_plans=True)),
        "default",
    )


def look(site: Site) -> None:
    with site.database.reader.connect() as connection:
        read_job_details(connection, JobChoice())


PLAYERS: tuple[tuple[Callable[[Site], None], float], ...] = (
    (submit, 0.1), (launch, 0.02), (suspend, 0.1), (end, 0.02), (end, 0.02), (kill, 0.05),
    (settle_nodes, 0), (settle_nodes, 0.05), (suspect, 0.3), (delete, 0.15), (hold, 0.1),
    (set_nodes, 0.05), (set_nodes, 0.05), (set_properties_of_site, 0.1), (apply_cluster, 0.2),
    (account, 0.1), (account, 0.1), (schedule, 0), (schedule, 0), (schedule_one_queue, 0.05), (look, 0.1),
)  # fmt: skip
"""Who does what, and how many seconds each rests between two times."""


def _move(connection: Connection, job: int, signal: JobSignal) -> None:
    move_job(connection, job, signal, now=database_now(connection))


def _suspend(connection: Connection, job: int) -> None:
    _move(connection, job, JobSignal.SUSPEND)


def _resume(connection: Connection, job: int) -> None:
    _move(connection, job, JobSignal.RESUME)


def _go_on(connection: Connection, job: int) -> None:
    """Let a job that resumes run, as soon as nobody else is on its resources."""
    lock_resources(connection)
    moldable = connection.scalar(select(JobRow.assigned_moldable_job).where(JobRow.job_id == job))
    if set(connection.scalars(holders(resources_of(connection, moldable)))) <= {job}:
        _move(connection, job, JobSignal.RESUMED)


def _finish(connection: Connection, job: int) -> None:
    now = database_now(connection)
    if move_job(connection, job, JobSignal.FINISH, now=now, exit_code=CHANCE.choice([0, 99 << 8])):
        record(connection, EventKind.SWITCH_INTO_TERMINATE_STATE, job_id=job, now=now)


def _settle(connection: Connection, job: int, unclean: list[str]) -> None:
    now = database_now(connection)
    if unclean:
        lock_resources(connection)
        record(connection, EventKind.CPUSET_CLEAN_ERROR, job_id=job, nodes=unclean, now=now)
    for event in pending(connection):
        if event.job_id == job:
            _apply(connection, event)
    move_job(connection, job, JobSignal.FAIL, now=now)


def _apply(connection: Connection, event: Any) -> None:
    now = database_now(connection)
    for job in apply_event(connection, event, now).nodes.jobs_to_kill:
        ask_kill(connection, job, SERVER, now)


def _apply_requests(connection: Connection) -> None:
    now = database_now(connection)
    for job in apply_node_requests(connection, now).jobs_to_kill:
        ask_kill(connection, job, SERVER, now)


def _carry_out(connection: Connection, one: Any) -> None:
    now = database_now(connection)
    if one.state is KillState.ASKED:
        carry_out(connection, one, now)
    elif one.state is KillState.ARMED:
        check_timer(connection, one, now, KILLED_AFTER)
    else:
        exterminate(connection, one, now)


def _tried(site: Site, work: Callable[[Connection], None]) -> bool:
    try:
        site.as_command(work)
    except PropertiesBusy:
        return False
    return True
