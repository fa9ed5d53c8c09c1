"""What the commands show, as values: read by ``db.listing``, drawn by ``cli``."""

from collections.abc import Mapping
from dataclasses import dataclass

from procset import ProcSet

from oar.core.job import JobId, Moldable, MoldableId, Resource
from oar.core.properties import SERVER_PROPERTIES
from oar.core.states import JobState, JobType, NodeState, ReservationState


@dataclass(frozen=True, slots=True)
class JobLine:
    """What one line of oarstat needs; dates are epoch seconds, 0 for "not yet"."""

    job_id: JobId
    array_id: int
    array_index: int
    name: str
    user: str
    state: JobState
    queue: str
    submission_time: int
    start_time: int
    stop_time: int
    message: str

    def duration_s(self, now: int) -> int:
        """Say for how many seconds the job has run, or ran; 0 when it never started."""
        started = self.state.holds_resources or self.state.is_final
        if not started or not self.start_time or self.state is JobState.TO_LAUNCH:
            return 0
        return max((self.stop_time or now) - self.start_time, 0)


@dataclass(frozen=True, slots=True)
class EventLine:
    """Something that happened to a job or a node; ``job_id`` is 0 when no job is concerned."""

    event_id: int
    date: int
    job_id: int
    type: str
    description: str
    to_check: bool
    node: str = ""


@dataclass(frozen=True, slots=True)
class Requirement:
    """A job that another one waits for; ``state`` is None when it does not exist any more."""

    job_id: JobId
    state: JobState | None


@dataclass(frozen=True, slots=True)
class Place:
    """A resource by number and node, and what it is good for now."""

    resource_id: int
    node: str
    state: NodeState


@dataclass(frozen=True, slots=True)
class JobDetails:
    """Everything about one job that its user may see."""

    line: JobLine
    project: str
    command: str
    exit_code: int | None
    launching_directory: str
    job_type: JobType
    properties: str
    reservation: ReservationState
    stdout_file: str
    stderr_file: str
    initial_request: str
    resubmit_job_id: int
    scheduler_info: str
    assigned_moldable: int
    moldables: tuple[Moldable, ...]
    types: tuple[str, ...]
    dependencies: tuple[Requirement, ...]
    assigned: tuple[Place, ...]
    predicted_start: int | None
    predicted_moldable: int | None
    predicted: tuple[Place, ...]
    events: tuple[EventLine, ...]
    granted_walltime_s: int | None = None
    """The walltime that comes with the place it has, had or is planned on; it may be less than asked for."""
    last_karma: float | None = None
    """The karma it was last ordered by; None when it never was."""

    @property
    def walltime_s(self) -> int | None:
        """The walltime of the alternative that was or will be taken; None while that is open."""
        if self.granted_walltime_s is not None:
            return self.granted_walltime_s
        chosen = self.assigned_moldable or self.predicted_moldable
        for moldable in self.moldables:
            if moldable.moldable_id == chosen or len(self.moldables) == 1:
                return moldable.walltime_s
        return None

    @property
    def scheduled_start(self) -> int | None:
        """When the job should start, or did while it holds its resources."""
        if self.predicted_start is None and self.line.state.holds_resources:
            return self.line.start_time or None
        return self.predicted_start


@dataclass(frozen=True, slots=True)
class Occupant:
    """A job that has or had resources, or shall have them in the plan: one bar of the Gantt, [begin, end)."""

    job_id: JobId
    moldable_id: MoldableId
    begin: int
    end: int
    resources: ProcSet
    planned: bool


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which a resource was not Alive; ``end`` is 0 while it lasts."""

    resource_id: int
    begin: int
    end: int
    state: str


@dataclass(frozen=True, slots=True)
class ResourceLine:
    """A resource with every property, and the jobs on it now."""

    resource: Resource
    jobs: tuple[JobId, ...]


@dataclass(frozen=True, slots=True)
class Consumption:
    """What one user asked and used for one project, in resource-seconds, and the windows that say so."""

    user: str
    project: str
    first_window: int
    last_window: int
    asked: int
    used: int


def shown_properties(resource: Resource) -> Mapping[str, object]:
    """Say the properties of a resource that people care about, by name."""
    return {
        name: value for name, value in sorted(resource.properties.items()) if name not in SERVER_PROPERTIES
    }
