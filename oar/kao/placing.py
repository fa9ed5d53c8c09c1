"""Places the jobs of a round, group after group; those that want tokens get what is left of them. Pure."""

import re
from collections.abc import Mapping, Sequence

from oar.core.job import Assignment, JobId, NoRoom, Outcome, WaitingJob
from oar.kamelot import (
    STRICT_POLICY,
    Gantt,
    Reason,
    ReasonKind,
    Rules,
    occupation_of_planned,
    place_again,
    place_all,
    place_in_strict_order,
)
from oar.kamelot.containers import containers_first, nesting_of
from oar.kamelot.occupation import FOREVER, is_besteffort
from oar.kao.model import QueueView

_TOKEN = "token:"  # noqa: S105 - a kind of job type
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


def tokens_of(job: WaitingJob) -> dict[str, str]:
    """Tell how many tokens of which names a job wants, as its types spell it."""
    return {name.removeprefix(_TOKEN): value for name, value in job.types.items() if name.startswith(_TOKEN)}


class Placer:
    """Places jobs in a plan; those that start now use up tokens.

    ``tokens`` says how many there are by name, None where that cannot be told.
    """

    def __init__(self, gantt: Gantt, rules: Rules, tokens: Mapping[str, int | None]) -> None:
        self._gantt = gantt
        self._rules = rules
        self._left = dict(tokens)

    def place_queues(self, jobs: Sequence[WaitingJob], queues: Sequence[QueueView]) -> dict[JobId, Outcome]:
        """Place the jobs of some queues; queues of strict order, one by one, after the others."""
        strict = [queue.name for queue in queues if queue.policy == STRICT_POLICY]
        outcomes = self.place([job for job in jobs if job.queue not in strict])
        for name in strict:
            of_queue = [job for job in jobs if job.queue == name]
            outcomes |= place_in_strict_order(self._gantt, of_queue, self._rules, self._place_now)
        return outcomes

    def place(self, jobs: Sequence[WaitingJob], latest: int = FOREVER) -> dict[JobId, Outcome]:
        """Place jobs in the order given, as early as each can; no later than ``latest``."""
        if not any(tokens_of(job) for job in jobs):
            return place_all(self._gantt, jobs, self._rules, latest)
        outcomes: dict[JobId, Outcome] = {}
        plain: list[WaitingJob] = []
        for job in containers_first(jobs, nesting_of):
            if tokens_of(job):
                outcomes |= place_all(self._gantt, plain, self._rules, latest)
                outcomes |= self._place_with_tokens(job, latest)
                plain = []
            else:
                plain.append(job)
        return outcomes | place_all(self._gantt, plain, self._rules, latest)

    def place_again(self, job: WaitingJob, before: Assignment) -> Outcome | None:
        """Give a job the start that it had; None when it cannot have it."""
        if self._lacks(job):
            return None
        found = place_again(self._gantt, job, before, self._rules)
        if found is not None:
            self._count(job, found)
        return found

    def draw(self, job: WaitingJob, place: Assignment) -> None:
        """Take a place for a job for which it was decided before."""
        taken = occupation_of_planned(place, self._rules, is_besteffort(job), job)
        self._gantt.occupy([taken])
        self._gantt.ends[job.job_id] = place.start_time + place.walltime_s
        self._count(job, place)

    def _count(self, job: WaitingJob, outcome: Outcome) -> None:
        """Use up the tokens of a job that starts now; one that was started without leaves less than none."""
        if isinstance(outcome, Assignment) and outcome.start_time <= self._gantt.now:
            for name, number in tokens_of(job).items():
                if _NUMBER.fullmatch(number):
                    self._left[name] = (self._left.get(name) or 0) - int(number)

    def _place_now(self, job: WaitingJob) -> Outcome:
        return self.place([job], latest=self._gantt.now)[job.job_id]

    def _place_with_tokens(self, job: WaitingJob, latest: int) -> dict[JobId, Outcome]:
        if lacking := self._lacks(job):
            self._gantt.refused[job.job_id] = Reason(ReasonKind.FAILURE, text=lacking)
            return {job.job_id: NoRoom(job.job_id, lacking)}
        outcomes = place_all(self._gantt, [job], self._rules, latest)
        self._count(job, outcomes[job.job_id])
        return outcomes

    def _lacks(self, job: WaitingJob) -> str:
        """Say in OAR 2's words which tokens there are too few of; "" when all are there."""
        for name, number in tokens_of(job).items():
            left = self._left.get(name)
            if left is None:
                return f"Token value cannot be retrieved ({name})"
            if not _NUMBER.fullmatch(number):
                return f"token:{name}={number} asks for no number of tokens"
            if left < int(number):
                return f"No enough Tokens: {name} ({left} < {number})"
        return ""
