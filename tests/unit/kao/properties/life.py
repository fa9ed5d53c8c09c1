"""A small site that lives through rounds by chance: jobs come, are launched and end, nodes change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import NoReturn

from oar.core.durations import format_date
from oar.core.job import (
    Assignment,
    Container,
    Group,
    JobId,
    Level,
    Request,
    RequiredJob,
    Resource,
    RunningJob,
    Told,
    WaitingJob,
)
from oar.core.states import FINAL_STATES, UNCHANGED, JobState, NodeState, ReservationState
from oar.kamelot import OVER, STRICT_POLICY, Platform, Rules
from oar.kamelot.containers import nesting_of
from oar.kamelot.plugins import Plugins
from oar.kao.model import Decisions, QueueView, SiteChoices, SiteQuotas, World
from tests.unit.kamelot.compare import quotas_of
from tests.unit.kamelot.world import ENDS, NOW
from tests.unit.kamelot.world import World as SmallWorld
from tests.unit.kamelot.worlds import (
    CONDITIONS,
    Kind,
    Kinds,
    alike,
    exceptions,
    job,
    kinds_of,
    limits,
    request,
    resources,
    some_of,
)

LAST_QUEUE = "night"
FIRST_ID = 11
"""Jobs with lower ids are bad ones, which laws add."""
HOLDING = (JobState.RUNNING, JobState.RUNNING, JobState.RUNNING, JobState.LAUNCHING, JobState.TO_LAUNCH)
BAD_REQUESTS = (
    Group("no such condition", (Level("core", 1),)),
    Group("", (Level("no such level", 1),)),
    Group("", (Level("core", 0),)),
    Group("", (Level("core", 10_000),)),
    Group("", ()),
)
BAD_TYPES = (
    {"postpone": "some day"},
    {"deadline": "never ever"},
    {"inner": "nowhere"},
    {"find": "broken"},
    {"find": "unheard of"},
    {"expire": format_date(1)},
    {"assign": "broken"},
)


def _fails(*_: object) -> NoReturn:
    raise ZeroDivisionError("this plugin fails")


PLUGINS = Plugins(find={"broken": _fails}, assign={"broken": _fails})


@dataclass(frozen=True)
class Site:
    """What does not change while a site lives."""

    rules: Rules
    choices: SiteChoices
    quotas: SiteQuotas | None
    queues: tuple[QueueView, ...]


class Life:
    """A site and what is there now; ``world`` shows it to a round, which it then obeys."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)  # noqa: S311 - worlds, not keys
        self.law_dice = Random(seed)  # noqa: S311 - laws draw apart, so that they change no life
        self.kinds: Kinds = kinds_of(self.dice)
        self.now = NOW
        self.resources: tuple[Resource, ...] = resources(self.dice, self.kinds, 10)
        self.filters = {text: some_of(self.dice, self.resources) for text in CONDITIONS}
        self.draw = alike(self.dice) if Kind.ALIKE in self.kinds else request
        self.site = self._site()
        self.waiting: list[WaitingJob] = []
        self.running: list[RunningJob] = []
        self.ended: dict[JobId, RequiredJob] = {}
        self.plan: tuple[Assignment, ...] = ()
        self.told: dict[JobId, Told] = {}
        self.next_id = FIRST_ID
        for _ in range(self.dice.randint(1, 6)):
            self._submit()

    def platform(self) -> Platform:
        """Make the platform anew, knowing nothing of rounds before."""
        return Platform(self.resources, self.filters)

    def world(self) -> World:
        """Show what a round sees."""
        return World(
            self.now,
            self.platform(),
            self.site.queues,
            tuple(sorted(self.running, key=lambda one: one.job_id)),
            tuple(self.waiting),
            self._required(),
            self.plan,
            dict(self.told),
            containers=tuple(self._containers()),
            quotas=self.site.quotas,
        )

    def pass_time(self) -> None:
        """Let jobs end, come and be suspended, and nodes change."""
        dice = self.dice
        self.now += dice.choice([1, 1, 7, 20, 45])
        for one in list(self.running):
            over = one.start_time + one.walltime_s <= self.now
            if dice.random() < (0.9 if over else 0.15):
                self._end(one)
            elif dice.random() < 0.15:
                state = dice.choice([*HOLDING, JobState.SUSPENDED, JobState.RESUMING, JobState.FINISHING])
                self.running[self.running.index(one)] = replace(one, state=state)
            elif one.state in (JobState.TO_LAUNCH, JobState.LAUNCHING):
                self.running[self.running.index(one)] = replace(one, state=JobState.RUNNING)
        for _ in range(dice.choice([0, 1, 1, 2, 3])):
            self._submit()
        if Kind.STATES in self.kinds and dice.random() < 0.4:
            self._change_a_node()
        if dice.random() < 0.03:
            self.plan = ()

    def obey(self, decisions: Decisions) -> None:
        """Do what was decided, all of it."""
        jobs = {one.job_id: one for one in self.waiting}
        gone = (
            {one.job_id for one in decisions.launches} | decisions.refused.keys() | decisions.expired.keys()
        )
        for one in decisions.launches:
            self.running.append(self._launched(jobs[one.job_id], one))
        for running in [one for one in self.running if one.job_id in decisions.evictions]:
            self._end(running)
        self.waiting = [
            replace(one, reservation=ReservationState.SCHEDULED) if one.job_id in decisions.granted else one
            for one in self.waiting
            if one.job_id not in gone
        ]
        self.ended |= {one: RequiredJob(JobState.ERROR) for one in (*decisions.refused, *decisions.expired)}
        self.plan = tuple(one for one in decisions.plan if one.job_id not in gone)
        self.told |= {**decisions.told, **decisions.granted}

    def bad_job(self, number: int, job_id: int) -> WaitingJob:
        """Draw a job that can never be placed, for one of many reasons."""
        plain = replace(job(self.law_dice, frozenset(), job_id, request), queue="default")
        kind = number % (len(BAD_REQUESTS) + len(BAD_TYPES) + 1)
        if kind == 0:
            return replace(plain, moldables=())
        if kind <= len(BAD_TYPES):
            return replace(plain, types=BAD_TYPES[kind - 1])
        asked = Request((BAD_REQUESTS[kind - len(BAD_TYPES) - 1],))
        return replace(plain, moldables=tuple(replace(one, request=asked) for one in plain.moldables))

    def last_job(self) -> WaitingJob:
        """Draw a job that comes after all others: of the last queue, and no container for them."""
        drawn = job(self.law_dice, self.kinds - {Kind.DEPENDENCIES, Kind.CONTAINERS}, 9999, self.draw)
        types = {name: value for name, value in drawn.types.items() if name != "besteffort"}
        return replace(drawn, types=types, queue=LAST_QUEUE)

    def _site(self) -> Site:
        dice, kinds = self.dice, self.kinds
        security_s = dice.choice([1, 2, 7]) if Kind.SECURITY_TIME in kinds else 0
        small = SmallWorld(
            self.resources,
            quotas=limits(dice) if Kind.QUOTAS in kinds else (),
            exceptions=exceptions(dice) if Kind.EXCEPTIONS in kinds else (),
        )
        quotas = quotas_of(small)
        strict = STRICT_POLICY if Kind.QUEUES in kinds and dice.random() < 0.3 else "kamelot"
        return Site(
            Rules(
                security_s,
                dice.choice([5, 25]),
                Kind.AVAILABILITY in kinds and dice.random() < 0.5,
                PLUGINS,
            ),
            SiteChoices(dependencies_need_success=dice.random() < 0.2, evict_before_s=dice.choice([0, 0, 5])),
            None if quotas is None else SiteQuotas(quotas, 1000, 1000),
            (
                QueueView("admin", 10, active=True),
                QueueView("default", 2, active=True),
                QueueView("strict", 2, active=True, policy=strict),
                QueueView("closed", 1, active=False),
                QueueView(LAST_QUEUE, 1, active=True),
                QueueView("besteffort", 0, active=True),
            ),
        )

    def _submit(self) -> None:
        dice, number = self.dice, self.next_id
        self.next_id += 1
        drawn = job(dice, self.kinds, number, self.draw)
        after = tuple(JobId(one) for one in drawn.dependencies if one >= FIRST_ID)
        queue = dice.choice(["default", "default", "default", LAST_QUEUE])
        if Kind.QUEUES in self.kinds:
            queue = dice.choice(["admin", "default", "strict", "closed", LAST_QUEUE])
        if "besteffort" in drawn.types and dice.random() < 0.9:
            queue = "besteffort"
        drawn = replace(drawn, dependencies=after, queue=queue)
        if Kind.RESERVATION in self.kinds and dice.random() < 0.3:
            start = self.now + dice.choice([-5, 0, 3, 20, 60])
            drawn = replace(drawn, reservation=ReservationState.TO_SCHEDULE, start_time=start)
        self.waiting.append(drawn)

    def _required(self) -> dict[JobId, RequiredJob]:
        """Tell of the jobs that others depend on; some were there before, and some never were."""
        known = {one: RequiredJob(JobState.TERMINATED, 0) for one, end in ENDS.items() if end == OVER}
        known |= {one.job_id: RequiredJob(JobState.WAITING) for one in self.waiting}
        known |= {one.job_id: RequiredJob(one.state) for one in self.running} | self.ended
        wanted = {required for one in self.waiting for required in one.dependencies}
        return {one: known[one] for one in sorted(wanted & known.keys())}

    def _containers(self) -> Sequence[Container]:
        there: list[WaitingJob | RunningJob] = [*self.waiting, *self.running]
        return [
            Container(
                one.job_id,
                str(nesting_of(one).opens),
                one.queue,
                one.state if isinstance(one, RunningJob) else JobState.WAITING,
            )
            for one in sorted(there, key=lambda one: one.job_id)
            if nesting_of(one).opens is not None
        ]

    def _launched(self, one: WaitingJob, place: Assignment) -> RunningJob:
        return RunningJob(
            one.job_id,
            place.moldable_id,
            self.dice.choice(HOLDING),
            one.queue,
            one.user,
            one.project,
            one.name,
            self.now,
            place.walltime_s,
            place.resources,
            one.types,
            checkpoint_s=self.dice.choice([0, 0, 10]),
        )

    def _end(self, one: RunningJob) -> None:
        self.running.remove(one)
        exit_code = self.dice.choice([0, 0, 256])
        state = self.dice.choice([JobState.TERMINATED, JobState.TERMINATED, JobState.ERROR])
        assert state in FINAL_STATES
        self.ended[one.job_id] = RequiredJob(state, exit_code)

    def _change_a_node(self) -> None:
        node = self.dice.choice(self.resources).node
        state = self.dice.choice([NodeState.ALIVE, *NodeState])
        to_come = self.dice.choice([UNCHANGED, UNCHANGED, NodeState.ALIVE, NodeState.SUSPECTED])
        self.resources = tuple(
            replace(one, state=state, next_state=to_come) if one.node == node else one
            for one in self.resources
        )
