"""Strict order: jobs start now, one after the other, and nobody passes a job that cannot.

For queues in which the order of arrival matters more than full nodes. OAR 3 has it as the scheduler
kamelot_fifo.
"""

from collections.abc import Callable, Sequence

from oar.core.job import JobId, NoRoom, Outcome, WaitingJob
from oar.kamelot.gantt import Gantt
from oar.kamelot.occupation import Rules
from oar.kamelot.schedule import place_all

STRICT_POLICY = "kamelot_fifo"
"""The policy of queues of strict order."""


def place_in_strict_order(
    gantt: Gantt,
    jobs: Sequence[WaitingJob],
    rules: Rules,
    place: Callable[[WaitingJob], Outcome] | None = None,
) -> dict[JobId, Outcome]:
    """Place jobs at once, in the order given, until one cannot start now; it and those behind it wait.

    A job that can never run on the platform holds up nobody. ``place`` may place a job now in its own way.
    """
    outcomes: dict[JobId, Outcome] = {}
    ahead: WaitingJob | None = None
    for job in jobs:
        if ahead is not None:
            reason = f"waits behind job {ahead.job_id}, in a queue of strict order"
            outcomes[job.job_id] = NoRoom(job.job_id, reason)
            continue
        if place is None:
            outcomes |= place_all(gantt, [job], rules, latest=gantt.now)
        else:
            outcomes[job.job_id] = place(job)
        if isinstance(outcomes[job.job_id], NoRoom):
            ahead = job
    return outcomes
