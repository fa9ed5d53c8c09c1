"""A small platform with its plan and its queue, as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations, starmap

from procset import ProcSet

from oar.core.job import JobId, Resource, WaitingJob
from oar.kamelot import OVER, Occupation, Rules
from oar.kamelot.containers import OUTSIDE
from oar.kamelot.sharing import ALONE

NOW = 100
ENDS = {JobId(990): OVER, JobId(991): 120}
SIMPLEST = Rules(0, 25)


@dataclass(frozen=True)
class Limit:
    """A rule of quotas as OAR's files write it: queue, project, type and user; -1 is no limit."""

    key: str
    resources: int = -1
    jobs: int = -1
    work_s: int = -1


@dataclass(frozen=True)
class Exceptional:
    """Rules that hold, instead of the others, from one date to before another."""

    begin: int
    end: int
    quotas: tuple[Limit, ...]


@dataclass(frozen=True)
class World:
    """All that a plan is made from; jobs, resources and what is taken are in order.

    The first ``cut`` jobs are planned before all others, as those of a queue of higher priority; then there
    may be a job that wants to start at its start time. With ``one_rule``, a job is bound by one of the quotas
    that match it, not by all; ``window_s`` bounds the plan when there are ``exceptions``. With ``again``, the
    platform was planned on before.
    """

    resources: tuple[Resource, ...]
    filters: Mapping[str, ProcSet] = field(default_factory=dict)
    running: tuple[Occupation, ...] = ()
    jobs: tuple[WaitingJob, ...] = ()
    rules: Rules = SIMPLEST
    ends: Mapping[JobId, int] = field(default_factory=lambda: dict(ENDS))
    cut: int = 0
    reservation: WaitingJob | None = None
    quotas: tuple[Limit, ...] = ()
    exceptions: tuple[Exceptional, ...] = ()
    one_rule: bool = False
    window_s: int = 1000
    again: bool = False

    @property
    def all_jobs(self) -> tuple[WaitingJob, ...]:
        """The jobs, and the reservation after them."""
        return self.jobs if self.reservation is None else (*self.jobs, self.reservation)


def clash(one: Occupation, other: Occupation) -> bool:
    """Tell whether two are drawn over one another where jobs share or nest: no plan makes that right."""
    plain = (ALONE, OUTSIDE)
    if (one.sharing, one.nesting) == plain == (other.sharing, other.nesting):
        return False
    return one.begin <= other.end and other.begin <= one.end and bool(one.resources & other.resources)


def clashes(world: World) -> bool:
    """Tell whether any two of the occupations clash."""
    return any(starmap(clash, combinations(world.running, 2)))
