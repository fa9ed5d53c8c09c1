"""The two values of a round: the world as it was read, and what was decided about it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from oar.core.energy import NO_ENERGY_SAVING, NOTHING_ASKED, EnergyOrders, EnergyRules, NodesOrders
from oar.core.events import EventKind
from oar.core.fair_share import PastUse
from oar.core.job import Assignment, Container, JobId, Outcome, RequiredJob, RunningJob, Told, WaitingJob
from oar.core.resumption import Resumption
from oar.kamelot import Gantt, Platform
from oar.kamelot.quotas import Quotas
from oar.kao.evict import Evictions
from oar.kao.external.policy import is_foreign
from oar.kao.turn_state import NO_TURNS, NONE_TOOK, Took, Turns


@dataclass(frozen=True, slots=True)
class QueueView:
    """What a round must know of a queue; a higher priority is served first.

    ``policy`` names its scheduler, and with it the order of its jobs where JOB_PRIORITY says none.
    """

    name: str
    priority: int
    active: bool
    policy: str = "kamelot"

    @property
    def foreign(self) -> bool:
        """Tell whether its scheduler is another program."""
        return is_foreign(self.policy)


@dataclass(frozen=True, slots=True)
class SiteChoices:
    """What a site has chosen beside the rules of placement.

    A suspended job leaves resources of ``freed_types`` to others. With ``dependencies_need_success`` a job is
    not planned when one that it depends on failed. Besteffort jobs leave ``evict_before_s`` before a job is
    to start that needs their resources; the security time counts where it is longer.

    A reservation waits ``reservation_patience_s`` for lost resources before it starts without them. Those
    that begin later than ``near_s`` from now have an order of resources of their own. ``energy`` says which
    nodes sleep.
    """

    freed_types: frozenset[str] = frozenset({"default"})
    dependencies_need_success: bool = False
    evict_before_s: int = 0
    reservation_patience_s: int = 300
    near_s: int = 300
    energy: EnergyRules = NO_ENERGY_SAVING


USUAL_CHOICES = SiteChoices()


@dataclass(frozen=True, slots=True)
class SiteQuotas:
    """The quotas of a site; with a calendar, no job is planned to end later than ``window_s`` from now.

    The calendar is laid out for ``ahead_s`` at once. ``queues`` are those whose jobs are limited, None for
    all; jobs of the others are only counted.
    """

    quotas: Quotas
    window_s: int
    ahead_s: int
    queues: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class World:
    """All that a round may look at, read in one transaction.

    ``required`` tells of every job that a waiting job depends on, ``containers`` are all that have not ended.
    ``plan`` is the plan that the last round stored, ``told`` what it told the waiting jobs; both serve only
    to write what changed. ``apart`` are jobs that neither wait nor hold resources, of the states that were
    asked for. ``past_use`` of each queue, and the ``karma`` that is stored of waiting jobs, are there when an
    order of jobs wants the past.

    ``fixed`` are places of jobs that this round does not plan: they are taken, and stay. Without ``quotas``
    only resources limit what jobs take. ``platform_ahead`` has the resources in the order for reservations
    that begin later; it is there when some may want it.

    ``orders`` tells of the nodes that energy saving has lately asked to sleep or to wake up.

    The jobs ``resumed`` are those that wait to go on and have leave to do so already.

    A round with stops is made in stretches (:mod:`oar.kao.stretches`). ``settled`` has what was decided
    before for the jobs of some queues, by their names, ``took`` those of them that took turns; the jobs of
    the queues in ``later`` are not planned yet. ``turns`` are left from the round before. ``tokens`` says how
    many there are of those that jobs want, None where that cannot be told. Jobs ``left_out`` are not planned,
    for the reason given.
    """

    now: int
    platform: Platform
    queues: tuple[QueueView, ...]
    running: tuple[RunningJob, ...] = ()
    waiting: tuple[WaitingJob, ...] = ()
    required: Mapping[JobId, RequiredJob] = field(default_factory=dict)
    plan: tuple[Assignment, ...] = ()
    told: Mapping[JobId, Told] = field(default_factory=dict)
    apart: tuple[WaitingJob, ...] = ()
    containers: tuple[Container, ...] = ()
    past_use: Mapping[str, PastUse] = field(default_factory=dict)
    karma: Mapping[JobId, float] = field(default_factory=dict)
    fixed: tuple[tuple[Assignment, WaitingJob], ...] = ()
    quotas: SiteQuotas | None = None
    platform_ahead: Platform | None = None
    settled: Mapping[str, Mapping[JobId, Outcome]] = field(default_factory=dict)
    later: frozenset[str] = frozenset()
    took: Took = NONE_TOOK
    turns: Turns = NO_TURNS
    tokens: Mapping[str, int | None] = field(default_factory=dict)
    left_out: Mapping[JobId, str] = field(default_factory=dict)
    resumed: frozenset[JobId] = frozenset()
    orders: NodesOrders = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Incident:
    """Something worth a record that happened to a job, in words."""

    kind: EventKind
    job_id: JobId
    text: str


@dataclass(frozen=True, slots=True)
class Decisions:
    """What a round wants done.

    ``outcomes`` has an entry for every job that was looked at; the placed ones are the new plan. ``launches``
    are to be started now, ``leaving`` is about besteffort jobs that must make room. ``beside`` names, for
    launches that share, the jobs that may hold the same resources; launches ``in_any_state`` take resources
    that are not Alive too. ``refused`` gives the last message of each job that will never run. ``told`` holds
    what waiting jobs shall tell, where that changed. ``flaws`` lists violated invariants when plans are
    checked. ``karma`` is that of the jobs whose order follows it; ``complaints`` are about orders that
    failed. ``gantt`` is the plan as it was drawn, for questions about it.

    Of reservations, ``granted`` have a place now, with what they tell; ``expired`` will never run, with their
    last message; ``shortened`` says of launches that start late by how much. ``incidents`` are to be
    recorded. ``next_date`` is the first date at which something is to be done if nothing else happens.
    ``energy`` names the nodes to halt and to wake.
    ``resumptions`` are jobs that were suspended and go on. Those that ``took`` turns are told apart.
    """

    outcomes: Mapping[JobId, Outcome]
    launches: tuple[Assignment, ...] = ()
    leaving: Evictions = field(default_factory=Evictions)
    beside: Mapping[JobId, frozenset[JobId]] = field(default_factory=dict)
    in_any_state: frozenset[JobId] = frozenset()
    refused: Mapping[JobId, str] = field(default_factory=dict)
    told: Mapping[JobId, Told] = field(default_factory=dict)
    flaws: tuple[str, ...] = ()
    karma: Mapping[JobId, float] = field(default_factory=dict)
    complaints: tuple[str, ...] = ()
    gantt: Gantt | None = field(default=None, compare=False, repr=False)
    granted: Mapping[JobId, Told] = field(default_factory=dict)
    expired: Mapping[JobId, str] = field(default_factory=dict)
    shortened: Mapping[JobId, str] = field(default_factory=dict)
    incidents: tuple[Incident, ...] = ()
    next_date: int | None = None
    resumptions: tuple[Resumption, ...] = ()
    energy: EnergyOrders = NOTHING_ASKED
    took: Took = NONE_TOOK

    @property
    def evictions(self) -> tuple[JobId, ...]:
        """The besteffort jobs that are killed to make room."""
        return self.leaving.kills

    @property
    def plan(self) -> tuple[Assignment, ...]:
        """Every place that was found, launches included, by job id."""
        return tuple(one for _, one in sorted(self.outcomes.items()) if isinstance(one, Assignment))
