"""Carries out what a pending event condemns: its job, its nodes, the queues.

One event, one transaction: the caller opens it, and acts on the returned effects after the commit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select, update
from sqlalchemy.orm import aliased

from oar.core.effects import Effect
from oar.core.events import (
    Condemned,
    Consequence,
    Ended,
    Event,
    EventKind,
    Resubmits,
    Suspects,
    asks_to_run_again,
    consequence_for,
    is_order,
)
from oar.core.job_life import JobSignal, Move
from oar.core.states import JobState, JobType, QueueState, ReservationState
from oar.db.endings import resources_of
from oar.db.events import check, has_event, record
from oar.db.locks import lock_resources
from oar.db.moves import move_job
from oar.db.node_moves import NodeChanges, suspect_nodes
from oar.db.notices import order_info, tell_administrators
from oar.db.resubmit import resubmit
from oar.db.sets import among
from oar.db.tables_admin import QueueRow
from oar.db.tables_jobs import JobRow, JobTypeRow, KillRow
from oar.db.tables_resources import ResourceRow


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of an event; ``effects`` are about its job."""

    event: Event
    move: Move | None = None
    effects: tuple[Effect, ...] = ()
    nodes: NodeChanges = field(default_factory=NodeChanges)
    resubmitted_as: int | None = None
    queues_stopped: bool = False


@dataclass(frozen=True, slots=True)
class _Job:
    job_id: int
    state: JobState
    moldable_id: int | None
    exit_code: int | None
    ran_s: int
    noop: bool
    idempotent: bool
    killed: bool
    evicted: bool
    condemned: Condemned


def apply_event(connection: Connection, event: Event, now: int, *, with_cgroups: bool = True) -> Applied:
    """Carry out one pending event; nothing happens when somebody else was first.

    One that needs the nodes of its job stays pending until they have done it: then who asked them closes it.
    """
    if not is_order(event.kind):
        check(connection, event)
        return Applied(event)
    job = _read_job(connection, event.job_id)
    if job is not None and (work := _work_on_nodes(event, job)) is not None:
        return Applied(event, effects=(work,))
    condemned = Condemned() if job is None else job.condemned
    consequence = consequence_for(event.kind, condemned, with_cgroups)
    if consequence.suspects is not Suspects.NOBODY:
        lock_resources(connection)
    if not check(connection, event):
        return Applied(event)
    hosts = _hosts(connection, event, job, consequence.suspects)
    move, effects = (None, ()) if job is None else _move(connection, event, job, consequence, now)
    changes = NodeChanges()
    if hosts:
        changes = suspect_nodes(connection, hosts, consequence.by_checker, now)
        if consequence.suspects is not Suspects.LISTED:
            record(connection, EventKind.LOG_SUSPECTED, description=event.description, nodes=hosts, now=now)
    if consequence.stops_queues:
        connection.execute(update(QueueRow).values(state=QueueState.INACTIVE))
        words = f"All queues are stopped ({event.kind}, job {event.job_id}): {event.description}"
        tell_administrators(connection, words, now)
    again = None if job is None else _submit_again(connection, event, job, consequence.resubmits, now)
    if again is not None:
        effects = (*effects, Effect.WAKE_SCHEDULER)
    return Applied(event, move, effects, changes, again, consequence.stops_queues)


def nodes_of(connection: Connection, moldable_id: int | None) -> tuple[str, ...]:
    """Name the nodes a moldable was given, the one that runs oarexec first; licences are on no node."""
    given = resources_of(connection, moldable_id)
    names = connection.execute(
        select(ResourceRow.network_address)
        .distinct()
        .where(
            among(ResourceRow.resource_id, given),
            ResourceRow.type == "default",
            ResourceRow.network_address != "",
        )
    )
    return tuple(sorted(names.scalars()))


def _work_on_nodes(event: Event, job: _Job) -> Effect | None:
    """Say what the nodes have to do before the event is carried out.

    A job that is suspended already is frozen again: the server may have ended before all was done about it.
    """
    if job.noop:
        return None
    if event.kind == EventKind.HOLD_RUNNING_JOB and job.state in (JobState.RUNNING, JobState.SUSPENDED):
        return Effect.FREEZE_NODES
    if event.kind == EventKind.RESUME_GRANTED and job.state is JobState.RESUMING:
        return Effect.THAW_NODES
    return None


def _move(
    connection: Connection, event: Event, job: _Job, consequence: Consequence, now: int
) -> tuple[Move | None, tuple[Effect, ...]]:
    if event.kind == EventKind.FRAG_JOB_REQUEST:
        order_info(connection, job.job_id, event.description, now)
        return None, (Effect.TELL_USER,)
    signal = consequence.job_signal
    if event.kind == EventKind.HOLD_RUNNING_JOB and job.state is JobState.RUNNING:
        signal = JobSignal.SUSPEND
    move = None if signal is None else move_job(connection, job.job_id, signal, now=now)
    return move, () if move is None else move.effects


def _hosts(connection: Connection, event: Event, job: _Job | None, suspects: Suspects) -> Sequence[str]:
    if suspects is Suspects.NOBODY:
        return ()
    if suspects is Suspects.LISTED:
        return event.nodes
    nodes = () if job is None else nodes_of(connection, job.moldable_id)
    return nodes[:1] if suspects is Suspects.FIRST else nodes


def _submit_again(connection: Connection, event: Event, job: _Job, wanted: Resubmits, now: int) -> int | None:
    if wanted is Resubmits.NO:
        return None
    if wanted is Resubmits.WHEN_IDEMPOTENT:
        evicted = event.kind == EventKind.SWITCH_INTO_ERROR_STATE and job.evicted
        if not asks_to_run_again(Ended(job.idempotent, job.killed, job.exit_code, job.ran_s, evicted)):
            return None
        reason = "idempotent job that was evicted" if evicted else "idempotent job with exit status 99"
    elif job.killed:
        return None
    else:
        reason = f"due to event {event.kind}"
    again = resubmit(connection, job.job_id, now, after_failure=wanted is Resubmits.YES)
    if again is not None:
        record(
            connection,
            EventKind.RESUBMIT_JOB_AUTOMATICALLY,
            job_id=job.job_id,
            description=f"{reason}: resubmitted as {again}",
            now=now,
        )
    return again


def _read_job(connection: Connection, job_id: int) -> _Job | None:
    original = aliased(JobRow)
    failed_before = (
        select(original.job_id)
        .where(original.job_id == JobRow.resubmit_job_id, original.exit_code.is_(None))
        .exists()
    )
    types = select(func.array_agg(JobTypeRow.type)).where(JobTypeRow.job_id == job_id).scalar_subquery()
    asked = select(KillRow.frag_id_job).where(KillRow.frag_id_job == job_id).exists()
    row = connection.execute(
        select(
            JobRow.state,
            JobRow.assigned_moldable_job,
            JobRow.exit_code,
            JobRow.start_time,
            JobRow.stop_time,
            JobRow.job_type,
            JobRow.reservation,
            types.label("types"),
            asked.label("asked"),
            failed_before.label("failed_before"),
        ).where(JobRow.job_id == job_id)
    ).one_or_none()
    if row is None:
        return None
    names = {word.split("=", 1)[0] for word in row.types or ()}
    return _Job(
        job_id=job_id,
        state=JobState(row.state),
        moldable_id=row.assigned_moldable_job,
        exit_code=row.exit_code,
        ran_s=row.stop_time - row.start_time,
        noop="noop" in names,
        idempotent="idempotent" in names,
        killed=row.asked or has_event(connection, job_id, EventKind.SEND_KILL_JOB),
        evicted="besteffort" in names and has_event(connection, job_id, EventKind.BESTEFFORT_KILL),
        condemned=Condemned(
            interactive=row.job_type == JobType.INTERACTIVE,
            reservation=row.reservation != ReservationState.NONE,
            assigned=bool(row.assigned_moldable_job),
            on_frontend=bool(names & {"deploy", "cosystem"}),
            resubmission=row.failed_before,
        ),
    )
