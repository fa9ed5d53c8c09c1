"""What waiting jobs are told: their message in OAR's words, and the reason why they wait. Pure."""

from collections.abc import Collection, Mapping, Sequence

from oar.core.durations import format_date
from oar.core.job import Assignment, JobId, NoRoom, Outcome, Told, WaitingJob
from oar.core.job_message import job_message
from oar.core.states import ReservationState
from oar.kamelot import Gantt, explain
from oar.kao.model import World
from oar.kao.order import UNRANKED, Ranking

BEHIND = "starts as soon as the jobs before it have had their turn to be looked at"
"""What is told to a job that could start, but must not yet, for the sake of others before it."""
QUOTA_OK = "quota_ok"
"""OAR 2's words for a job that no quota holds back."""


def tell(
    gantt: Gantt,
    jobs: Sequence[WaitingJob],
    outcomes: Mapping[JobId, Outcome],
    world: World,
    ranking: Ranking = UNRANKED,
) -> dict[JobId, Told]:
    """Say what changed for the jobs; a prediction that stands as it was needs no new explanation."""
    planned = {one.job_id: one for one in world.plan}
    told = {}
    for job in jobs:
        outcome, before = outcomes[job.job_id], world.told.get(job.job_id, Told())
        karma = ranking.karma.get(job.job_id)
        stands = before.reason and planned.get(job.job_id) == outcome
        if stands and (karma is None or karma == world.karma.get(job.job_id)):
            continue
        reason = before.reason if stands else explain(gantt, job, outcome).words(format_date)
        words = Told(message_of(job, outcome, before.message, karma, quota_words(gantt, job)), reason)
        if words != before:
            told[job.job_id] = words
    return told


def quota_words(gantt: Gantt, job: WaitingJob) -> str:
    """Say in OAR 2's words which quota holds a job back that the Gantt has looked at; "" without quotas."""
    if gantt.quotas is None:
        return ""
    planned, refused = gantt.planned.get(job.job_id), gantt.refused.get(job.job_id)
    held_by = planned.held_by if planned is not None else refused and refused.quota
    return held_by.message() if held_by else QUOTA_OK if planned is not None else ""


def tell_unplanned(
    world: World, looked_at: Collection[JobId], ranking: Ranking = UNRANKED
) -> dict[JobId, Told]:
    """Say to the jobs that nobody looked at why that is so, which some know from their ranking."""
    active = {queue.name: queue.active for queue in world.queues}
    told = {}
    for job in world.waiting:
        if job.job_id in looked_at or job.reservation is not ReservationState.NONE:
            continue
        before = world.told.get(job.job_id, Told())
        reason = ranking.left_out.get(job.job_id) or why_unplanned(job.queue, active.get(job.queue))
        words = Told(before.message, reason)
        if words != before:
            told[job.job_id] = words
    return told


def tell_stopped(world: World, outcomes: Mapping[JobId, Outcome]) -> dict[JobId, Told]:
    """Say to the jobs that cannot be planned why that is so."""
    told = {}
    for job in world.waiting:
        outcome = outcomes.get(job.job_id)
        if isinstance(outcome, NoRoom):
            before = world.told.get(job.job_id, Told())
            words = Told(message_of(job, outcome, before.message), outcome.reason)
            if words != before:
                told[job.job_id] = words
    return told


def tell_held_back(
    world: World,
    gantt: Gantt,
    outcomes: Mapping[JobId, Outcome],
    told: Mapping[JobId, Told],
    *,
    reasons: Mapping[JobId, str],
    karma: Mapping[JobId, float],
) -> dict[JobId, Told]:
    """Say to the jobs whose date has come why they do not start; the others keep what they are ``told``."""
    all_told = dict(told)
    for job in world.waiting:
        if job.job_id in reasons:
            all_told.pop(job.job_id, None)
            words_of_quota = quota_words(gantt, job)
            message = message_of(job, outcomes[job.job_id], "", karma.get(job.job_id), words_of_quota)
            words = Told(message, reasons[job.job_id])
            if words != world.told.get(job.job_id):
                all_told[job.job_id] = words
    return all_told


def why_unplanned(queue: str, active: bool | None) -> str:
    """Say why a round does not come to the jobs of a queue; ``active`` is None when the queue is gone."""
    if active is None:
        return f"its queue {queue} does not exist any more"
    if not active:
        return f"its queue {queue} is not active"
    return f"so many jobs wait before it in queue {queue} that this round did not come to it"


def _kind(job: WaitingJob) -> str:
    if job.reservation is not ReservationState.NONE:
        return "R"
    return "I" if job.interactive else "B"


def message_of(
    job: WaitingJob, outcome: Outcome, before: str, karma: float | None = None, quota: str = ""
) -> str:
    """Spell the job's message in OAR's format; a job without a place keeps the numbers of ``before``.

    ``karma`` is shown when the job has a place. ``quota`` are OAR 2's words about quotas.
    """
    if not isinstance(outcome, Assignment):
        return f"{before.split(' (', 1)[0]} ({quota or outcome.reason})"
    comments = ["" if karma is None else f"Karma={karma:.3f}", quota]
    return job_message(
        resources=len(outcome.resources),
        walltime_s=outcome.walltime_s,
        kind=_kind(job),
        name=job.name,
        queue=job.queue,
        project=job.project,
        types=[f"{name}={value}" if value else name for name, value in job.types.items()],
        comment=",".join(filter(None, comments)),
    )
