"""Jobs and resources as the planner sees them: frozen values, no rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NewType

from procset import ProcSet

from oar.core.states import JobState, NodeState, ReservationState

JobId = NewType("JobId", int)
MoldableId = NewType("MoldableId", int)
ResourceId = NewType("ResourceId", int)

ALL = -1
"""A level's count that means every value of the level."""
BEST = -2
"""A level's count that means as many values as are usable, one at least."""
HALF = -3
"""A level's count that means half of the usable values, rounded down, one at least."""

LevelValue = str | int | None


@dataclass(frozen=True, slots=True)
class Level:
    """One step of a hierarchy path: ``count`` different values of the property ``name``."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Group:
    """Resources wanted together: a path of levels below a filter (an SQL condition, "" for none)."""

    filter: str
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What one moldable wants: groups of disjoint resources, all at once."""

    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Alternative:
    """What one ``-l`` asks for: a request for ``walltime_s`` seconds, None where it names no walltime.

    With ``least_walltime_s``, which is shorter, any walltime between the two will do.
    """

    request: Request
    walltime_s: int | None
    least_walltime_s: int | None = None


@dataclass(frozen=True, slots=True)
class Moldable:
    """One alternative of a job: a request for ``walltime_s`` seconds.

    With ``least_walltime_s``, which is shorter, the job starts as soon as that fits, and gets the longest
    walltime up to ``walltime_s`` that fits then.
    """

    moldable_id: MoldableId
    request: Request
    walltime_s: int
    least_walltime_s: int | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """The smallest thing that can be given; ``properties`` holds every column of its row."""

    resource_id: ResourceId
    node: str
    type: str
    state: NodeState
    next_state: str
    available_upto: int
    properties: Mapping[str, LevelValue]


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """A job that wants a place.

    ``properties`` is the job's own SQL condition (``-p``), which holds for each of its groups.
    ``types`` maps the name of each type to its value, "" for a type without value.
    """

    job_id: JobId
    queue: str
    user: str
    project: str
    name: str
    properties: str
    moldables: tuple[Moldable, ...]
    types: Mapping[str, str] = field(default_factory=dict)
    reservation: ReservationState = ReservationState.NONE
    start_time: int = 0
    submission_time: int = 0
    dependencies: tuple[JobId, ...] = ()
    interactive: bool = False


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A job that holds resources now.

    It leaves them, at the latest, ``walltime_s`` and ``suspended_s`` after its start: the time that it was
    suspended so far is given back to it. With ``checkpoint_s`` its command wants a signal so many seconds
    before its end; ``checkpointed_at`` is when it was last sent one, 0 for never.
    """

    job_id: JobId
    moldable_id: MoldableId
    state: JobState
    queue: str
    user: str
    project: str
    name: str
    start_time: int
    walltime_s: int
    resources: ProcSet
    types: Mapping[str, str] = field(default_factory=dict)
    suspended_s: int = 0
    interactive: bool = False
    checkpoint_s: int = 0
    checkpointed_at: int = 0


@dataclass(frozen=True, slots=True)
class RequiredJob:
    """A job that others wait for; ``exit_code`` is the raw wait status of its command, None without one."""

    state: JobState
    exit_code: int | None = None

    @property
    def succeeded(self) -> bool:
        """Tell whether it ended, and ended well."""
        return self.state is JobState.TERMINATED and not self.exit_code


@dataclass(frozen=True, slots=True)
class Container:
    """A job that has not ended and that holds, or will hold, the inner jobs that name its ``space``."""

    job_id: JobId
    space: str
    queue: str
    state: JobState
    reserved: bool = False


@dataclass(frozen=True, slots=True)
class Assignment:
    """A place in the plan: these resources from ``start_time`` on, for ``walltime_s`` seconds."""

    job_id: JobId
    moldable_id: MoldableId
    start_time: int
    walltime_s: int
    resources: ProcSet


@dataclass(frozen=True, slots=True)
class NoRoom:
    """No place within reach for now; ``reason`` says in words what is in the way."""

    job_id: JobId
    reason: str


@dataclass(frozen=True, slots=True)
class NeverFits:
    """The platform as it is can never hold the request; ``reason`` says in words why."""

    job_id: JobId
    reason: str


Outcome = Assignment | NoRoom | NeverFits


TOLD_LENGTH = 255
"""The characters that the database keeps of each text that a job tells."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a waiting job tells its user: OAR's one-line ``message`` and the ``reason`` in words.

    Both are cut to what the database keeps: so what was stored is equal to what was told.
    """

    message: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        """Cut what is too long."""
        if len(self.message) > TOLD_LENGTH:
            object.__setattr__(self, "message", self.message[:TOLD_LENGTH])
        if len(self.reason) > TOLD_LENGTH:
            object.__setattr__(self, "reason", self.reason[:TOLD_LENGTH])
