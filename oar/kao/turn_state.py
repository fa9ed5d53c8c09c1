"""What is remembered of the turns that jobs take, in a round and from one round to the next. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from oar.core.job import JobId


@dataclass(frozen=True, slots=True)
class Took:
    """The ``jobs`` that took turns in a round; none, where a round looks at all.

    Those ``looked_at`` were planned anew; others kept their start. Jobs ``due`` lost it, or never had one,
    and were not looked at. Jobs ``held_back`` do not start, though their date has come. Jobs ``at_rest`` have
    no place and were not looked at, but nothing new is to be said of them.
    """

    jobs: frozenset[JobId] = frozenset()
    looked_at: frozenset[JobId] = frozenset()
    due: frozenset[JobId] = frozenset()
    held_back: frozenset[JobId] = frozenset()
    at_rest: frozenset[JobId] = frozenset()

    def __or__(self, other: "Took") -> "Took":
        return Took(
            self.jobs | other.jobs,
            self.looked_at | other.looked_at,
            self.due | other.due,
            self.held_back | other.held_back,
            self.at_rest | other.at_rest,
        )


@dataclass(frozen=True, slots=True)
class Turns:
    """What one round leaves for the next: in which of the ``rounds`` each job was looked at, or came.

    Rounds are counted; the last was ``number``. Jobs ``due`` were not looked at since they came or lost their
    place.
    """

    number: int = 0
    rounds: Mapping[JobId, int] = field(default_factory=dict)
    due: frozenset[JobId] = frozenset()

    def waiting_since(self, job_id: JobId) -> int:
        """Tell the round since which a job waits to be looked at."""
        return self.rounds.get(job_id, self.number)

    def is_due(self, job_id: JobId) -> bool:
        """Tell whether the job may have no place only because nobody looked."""
        return job_id not in self.rounds or job_id in self.due

    def after(self, took: Took) -> "Turns":
        """Give what the round after this one has to know."""
        rounds = {job_id: self.waiting_since(job_id) for job_id in took.jobs}
        return Turns(self.number + 1, rounds | _all(took.looked_at, self.number + 1), took.due)


def _all(jobs: Iterable[JobId], number: int) -> dict[JobId, int]:
    return dict.fromkeys(jobs, number)


NONE_TOOK = Took()
NO_TURNS = Turns()
