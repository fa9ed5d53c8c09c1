"""Which jobs a round looks at when there are more in a group of queues than it may. Pure.

The first jobs in order are planned anew in each round. The others take turns: some of them are, those that
have waited longest for it; some more that have no place any more, in their order; the rest keep the starts
that they were told, where these are still free. All are placed in the order of the jobs, so a later one never
gets what an earlier one would have taken. While an earlier one has no place because it was not looked at yet,
later ones are planned but do not start.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest

from oar.core.job import Assignment, JobId, Outcome, WaitingJob
from oar.kamelot import STRICT_POLICY
from oar.kamelot.containers import containers_first, nesting_of
from oar.kao.model import QueueView, World
from oar.kao.placing import Placer
from oar.kao.turn_state import NONE_TOOK, Took, Turns


@dataclass(frozen=True, slots=True)
class Shares:
    """How many jobs of a group are looked at: the first in order, those whose turn it is, those due."""

    first: int
    in_turn: int
    due: int

    @classmethod
    def of(cls, limit: int) -> "Shares":
        """Divide a limit; with 1 there is only the first job."""
        first = -(-limit // 2)
        in_turn = -(-(limit - first) // 2)
        return cls(first, in_turn, limit - first - in_turn)


def place_group(
    placer: Placer, jobs: Sequence[WaitingJob], queues: Sequence[QueueView], limit: int, world: World
) -> tuple[dict[JobId, Outcome], Took]:
    """Place the jobs of some queues, given in their order; more than ``limit``, 0 for none, take turns.

    Those of queues of strict order do not: no more of them are searched for than start.
    """
    strict = {queue.name for queue in queues if queue.policy == STRICT_POLICY}
    loose = [job for job in jobs if job.queue not in strict]
    if not limit or len(loose) <= limit:
        return placer.place_queues(jobs, queues), NONE_TOOK
    before = {one.job_id: one for one in world.plan}
    outcomes, took = take_turns(placer, loose, limit, before, world.turns)
    return outcomes | placer.place_queues([job for job in jobs if job.queue in strict], queues), took


def take_turns(
    placer: Placer, jobs: Sequence[WaitingJob], limit: int, before: Mapping[JobId, Assignment], turns: Turns
) -> tuple[dict[JobId, Outcome], Took]:
    """Place more jobs, given in their order, than ``limit`` may be looked at.

    ``before`` are the places that jobs have in the plan of the last round.
    """
    shares = Shares.of(limit)
    looked_at = {job.job_id for job in jobs[: shares.first]}
    rest = [job.job_id for job in jobs[shares.first :]]
    looked_at.update(nsmallest(shares.in_turn, rest, key=turns.waiting_since))
    walk = _Walk(placer, looked_at, shares.due)
    for job in containers_first(jobs, nesting_of):
        walk.visit(job, before.get(job.job_id), turns)
    outcomes, took = walk.end()
    return outcomes, took | Took(jobs=frozenset(job.job_id for job in jobs))


class _Walk:
    """Goes through the jobs in their order."""

    def __init__(self, placer: Placer, looked_at: set[JobId], most_due: int) -> None:
        self._placer = placer
        self._looked_at = looked_at
        self._most_due = most_due
        self._together: list[WaitingJob] = []
        self._outcomes: dict[JobId, Outcome] = {}
        self._due: set[JobId] = set()
        self._behind: set[JobId] = set()
        self._at_rest: set[JobId] = set()

    def visit(self, job: WaitingJob, before: Assignment | None, turns: Turns) -> None:
        """Place the job anew or again, or leave it out."""
        if self._due:
            self._behind.add(job.job_id)
        if job.job_id in self._looked_at:
            self._together.append(job)
        elif before is None and not turns.is_due(job.job_id):
            self._at_rest.add(job.job_id)
        elif before is None or not self._keeps(job, before):
            self._look_if_allowed(job)

    def end(self) -> tuple[dict[JobId, Outcome], Took]:
        """Tell what came of it."""
        self._place_together()
        took = Took(
            looked_at=frozenset(self._looked_at),
            due=frozenset(self._due),
            held_back=frozenset(self._behind),
            at_rest=frozenset(self._at_rest),
        )
        return self._outcomes, took

    def _keeps(self, job: WaitingJob, before: Assignment) -> bool:
        self._place_together()
        outcome = self._placer.place_again(job, before)
        if outcome is not None:
            self._outcomes[job.job_id] = outcome
        return outcome is not None

    def _look_if_allowed(self, job: WaitingJob) -> None:
        if self._most_due > 0:
            self._most_due -= 1
            self._looked_at.add(job.job_id)
            self._together.append(job)
        else:
            self._due.add(job.job_id)

    def _place_together(self) -> None:
        if self._together:
            self._outcomes |= self._placer.place(self._together)
            self._together = []
