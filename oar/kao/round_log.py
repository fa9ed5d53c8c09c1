"""What of a round is worth a record: what it decided anew. What stays as it was is not repeated. Pure."""

from collections.abc import Collection, Iterator

from oar.core.job import Assignment, JobId, Told
from oar.core.round_record import Deed, JobDecision, RoundRecord
from oar.kao.model import Decisions, World

MOST_PLANS = 500
"""So many new and moved plans one record holds; the rest is counted."""

_PLANS = {Deed.PLANNED, Deed.MOVED, Deed.UNPLANNED}


def record_of(
    world: World,
    decisions: Decisions,
    assigned: Collection[JobId],
    leaving: Collection[JobId],
    last_now: int | None = None,
) -> RoundRecord:
    """Make the record of a round; it has no decisions when nothing is new.

    The ``assigned`` jobs got their resources, those ``leaving`` were not asked before to make room.

    ``last_now`` is the date of the round before, if that is known: a start that is as far from now as it was
    then has not moved.
    """
    found = list(_deeds(world, decisions, assigned, leaving))
    plans = list(_plans(world, decisions, last_now))
    return RoundRecord(
        date=world.now,
        waiting=len(world.waiting),
        running=len(world.running),
        planned=len(decisions.plan),
        launched=sum(one.deed is Deed.LAUNCHED for one in found),
        decisions=(*found, *plans[:MOST_PLANS]),
        omitted=len(plans[MOST_PLANS:]),
    )


def _deeds(
    world: World, decisions: Decisions, assigned: Collection[JobId], leaving: Collection[JobId]
) -> Iterator[JobDecision]:
    before = {one.job_id: one.start_time for one in world.plan}
    for one in decisions.launches:
        got = one.job_id in assigned
        deed, reason = Deed.LAUNCHED, decisions.shortened.get(one.job_id, "starts now")
        if not got:
            deed, reason = Deed.NOT_LAUNCHED, "it or its resources changed meanwhile"
        yield _placed(one, deed, reason, before.get(one.job_id, 0))
    for job_id, told in decisions.granted.items():
        outcome = decisions.outcomes.get(job_id)
        if isinstance(outcome, Assignment):
            yield _placed(outcome, Deed.GRANTED, told.reason)
    for job_id, words in sorted({**decisions.refused, **decisions.expired}.items()):
        yield JobDecision(job_id, Deed.REFUSED, words)
    evicted = decisions.leaving
    for deed, job_ids in ((Deed.KILLED, evicted.kills), (Deed.TOLD_TO_SAVE, evicted.checkpoints)):
        for job_id in (one for one in job_ids if one in leaving):
            other = evicted.room_for.get(job_id)
            yield JobDecision(job_id, deed, "" if other is None else f"makes room for job {other}")
    for resumed in decisions.resumptions:
        yield JobDecision(resumed.job_id, Deed.RESUMED)


def _plans(world: World, decisions: Decisions, last_now: int | None) -> Iterator[JobDecision]:
    """Tell which jobs have a new place, another one, or none any more."""
    before = {one.job_id: one for one in world.plan}
    done = {one.job_id for one in decisions.launches} | decisions.granted.keys()
    for job_id, outcome in sorted(decisions.outcomes.items()):
        if job_id in done:
            continue
        last, told = before.get(job_id), decisions.told.get(job_id)
        reason = (told or world.told.get(job_id) or Told()).reason
        if not isinstance(outcome, Assignment):
            if last is not None or told is not None:
                start = 0 if last is None else last.start_time
                yield JobDecision(job_id, Deed.UNPLANNED, reason or outcome.reason, before=start)
        elif last is None:
            yield _placed(outcome, Deed.PLANNED, reason)
        elif not _stays(last, outcome, world.now, last_now):
            yield _placed(outcome, Deed.MOVED, reason, last.start_time)


def _stays(last: Assignment, place: Assignment, now: int, last_now: int | None) -> bool:
    """Tell whether a place is the same; one that waits from day to day moves with the clock only."""
    if last == place:
        return True
    if (last.moldable_id, last.resources) != (place.moldable_id, place.resources):
        return False
    moved_s = place.start_time - last.start_time
    if last.start_time <= now and place.start_time <= now:
        return True
    return last_now is not None and 0 < moved_s <= now - last_now


def _placed(one: Assignment, deed: Deed, reason: str, before: int = 0) -> JobDecision:
    return JobDecision(one.job_id, deed, reason, one.start_time, one.walltime_s, len(one.resources), before)
