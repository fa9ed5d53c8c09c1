"""How besteffort jobs that are in the way of others leave: told to save their work first, or killed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from oar.core.job import JobId, RunningJob
from oar.core.states import JobState

CHECKPOINT_COUNTS_FOR_S = 600
"""A job that was told to save its work is killed when its seconds are over, and not told again, unless that
was so long ago that it was for another reason."""

WORKS_ON_FRONTEND = frozenset({"deploy", "cosystem"})
"""Types of jobs whose command runs on a machine that is none of their nodes."""


class Leave(Enum):
    """What happens to a besteffort job that is in the way."""

    ENDS_ALREADY = "it is ending"
    SAVES = "it is told to save its work"
    IS_SAVING = "it was told, and has time left"
    TOO_LATE = "it was told, and its time is over"
    KILLED = "it is killed at once"


@dataclass(frozen=True, slots=True)
class Departure:
    """How a job leaves; one that may save its work has time ``until`` that second."""

    how: Leave
    until: int = 0


@dataclass(frozen=True, slots=True)
class Evictions:
    """What is to be done to besteffort jobs, by job id.

    Those in ``kills`` are killed, of which ``late`` were told to save their work and have not ended in time;
    ``checkpoints`` are told now. ``room_for`` names the job that each of them makes room for.
    ``look_again_at`` is the first date at which the time of one that was told is over, or another one leaves.
    """

    kills: tuple[JobId, ...] = ()
    late: tuple[JobId, ...] = ()
    checkpoints: tuple[JobId, ...] = ()
    room_for: Mapping[JobId, JobId] = field(default_factory=dict)
    look_again_at: int | None = None


def departure(job: RunningJob, now: int, *, has_node: bool) -> Departure:
    """Say how a besteffort job leaves that is in the way.

    One that asked for a checkpoint is told once, and has its checkpoint seconds from then on. One that cannot
    be told is killed at once: without a node, or while it does not run.
    """
    if job.state is JobState.FINISHING:
        return Departure(Leave.ENDS_ALREADY)
    if not _can_save(job, has_node):
        return Departure(Leave.KILLED)
    until = job.checkpointed_at + job.checkpoint_s
    if not job.checkpointed_at or now > until + CHECKPOINT_COUNTS_FOR_S:
        return Departure(Leave.SAVES, now + job.checkpoint_s)
    if now <= until:
        return Departure(Leave.IS_SAVING, until)
    return Departure(Leave.TOO_LATE)


def evictions(
    leaving: Mapping[JobId, Departure], room_for: Mapping[JobId, JobId], next_date: int | None = None
) -> Evictions:
    """Sum up what is to be done to the jobs that leave; the next of the others leave at ``next_date``."""
    done = {how: tuple(sorted(job_id for job_id, one in leaving.items() if one.how is how)) for how in Leave}
    kills = tuple(sorted((*done[Leave.KILLED], *done[Leave.TOO_LATE])))
    checkpoints = done[Leave.SAVES]
    dates = [one.until + 1 for one in leaving.values() if one.until]
    if next_date is not None:
        dates.append(next_date)
    return Evictions(
        kills,
        done[Leave.TOO_LATE],
        checkpoints,
        {job_id: room_for[job_id] for job_id in (*kills, *checkpoints)},
        min(dates, default=None),
    )


def _can_save(job: RunningJob, has_node: bool) -> bool:
    """Tell whether a signal to the job's command can be of use."""
    return (
        job.checkpoint_s > 0
        and job.state is JobState.RUNNING
        and not job.interactive
        and "noop" not in job.types
        and (has_node or not WORKS_ON_FRONTEND.isdisjoint(job.types))
    )
