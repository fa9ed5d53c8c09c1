"""Rounds that keep what the last one knew decide what rounds that know nothing would decide."""

from dataclasses import dataclass, field, replace
from random import Random

import pytest
from procset import ProcSet

from oar.core.job import Assignment, JobId, RequiredJob, Resource, RunningJob, Told, WaitingJob
from oar.core.states import JobState, NodeState
from oar.kamelot import Platform, Rules
from oar.kao.model import Decisions, World
from oar.kao.round import run_round
from oar.testing import make_resources, make_waiting, make_world

CONDITIONS = {"left": ProcSet((1, 8)), "odd": ProcSet(*range(1, 17, 2)), "none": ProcSet()}
REQUESTS = (
    "nodes=1",
    "nodes=2/core=1",
    "core=3",
    "{left}/core=2",
    "{left}/nodes=1",
    "{odd}/core=3",
    "{none}/core=1",
    "{left}/nodes=1+{odd}/core=2",
    "nodes=ALL",
    "nodes=BEST/core=2",
    "nodes=5",
)
TYPES = (
    {},
    {},
    {},
    {"besteffort": ""},
    {"timesharing": "*,*"},
    {"timesharing": "user,*"},
    {"placeholder": "yop"},
    {"allowed": "yop"},
    {"container": "box"},
    {"inner": "box"},
)


@dataclass
class Life:
    """A site that lives through rounds: what happens in it is drawn by ``dice``."""

    dice: Random
    resources: tuple[Resource, ...] = field(default_factory=lambda: make_resources(nodes=4, cores=4))
    now: int = 1000
    next_id: int = 1
    waiting: list[WaitingJob] = field(default_factory=list)
    running: list[RunningJob] = field(default_factory=list)
    ended: dict[JobId, RequiredJob] = field(default_factory=dict)
    plan: tuple[Assignment, ...] = ()
    told: dict[JobId, Told] = field(default_factory=dict)

    def pass_time(self) -> None:
        """Let jobs come and end and resources change."""
        self.now += self.dice.choice((1, 7, 60, 200))
        for job in [one for one in self.running if self.dice.random() < 0.2]:
            self._end(job)
        for _ in range(self.dice.randrange(4)):
            self.waiting.append(self._submit())
        if self.dice.random() < 0.3:
            self._change_a_node()

    def world(self, platform: Platform) -> World:
        """Show what a round sees."""
        required = {
            job_id: self.ended.get(job_id, RequiredJob(JobState.WAITING))
            for job in self.waiting
            for job_id in job.dependencies
        }
        seen = make_world(*self.waiting, now=self.now, running=tuple(self.running), required=required)
        return replace(seen, platform=platform, plan=self.plan, told=dict(self.told))

    def obey(self, decisions: Decisions) -> None:
        """Do what was decided, all of it."""
        jobs = {job.job_id: job for job in self.waiting}
        gone = {one.job_id for one in decisions.launches} | decisions.refused.keys()
        for one in decisions.launches:
            self.running.append(self._launched(jobs[one.job_id], one))
        for job in [one for one in self.running if one.job_id in decisions.evictions]:
            self._end(job)
        self.waiting = [job for job in self.waiting if job.job_id not in gone]
        self.ended |= {job_id: RequiredJob(JobState.ERROR) for job_id in decisions.refused}
        self.plan = tuple(one for one in decisions.plan if one.job_id not in gone)
        self.told |= decisions.told

    def _submit(self) -> WaitingJob:
        types = self.dice.choice(TYPES)
        requests = [
            f"{self.dice.choice(REQUESTS)},walltime=0:{self.dice.choice((1, 2, 5, 20))}"
            for _ in range(self.dice.choice((1, 1, 2)))
        ]
        others = [job.job_id for job in (*self.waiting, *self.running)] + list(self.ended)
        after = self.dice.sample(others, 1) if others and self.dice.random() < 0.2 else ()
        queue = "besteffort" if "besteffort" in types else self.dice.choice(("default", "admin"))
        job = make_waiting(self.next_id, *requests, types=types, dependencies=after, queue=queue)
        self.next_id += 1
        return replace(
            job, user=self.dice.choice(("ann", "bob")), properties=self.dice.choice(("", "", "left"))
        )

    def _launched(self, job: WaitingJob, place: Assignment) -> RunningJob:
        return RunningJob(
            job.job_id,
            place.moldable_id,
            self.dice.choice((JobState.LAUNCHING, JobState.RUNNING, JobState.SUSPENDED)),
            job.queue,
            job.user,
            job.project,
            job.name,
            self.now,
            place.walltime_s,
            place.resources,
            job.types,
        )

    def _end(self, job: RunningJob) -> None:
        self.running.remove(job)
        self.ended[job.job_id] = RequiredJob(JobState.TERMINATED, 0)

    def _change_a_node(self) -> None:
        node, state = f"node{self.dice.randrange(1, 5)}", self.dice.choice(tuple(NodeState))
        self.resources = tuple(
            replace(one, state=state) if one.node == node else one for one in self.resources
        )


@pytest.mark.parametrize("seed", range(40))
def test_a_warm_round_decides_what_a_cold_one_decides(seed: int) -> None:
    life = Life(Random(seed))  # noqa: S311 - no secret
    warm = Platform(life.resources, CONDITIONS)
    for _ in range(15):
        before = life.resources
        life.pass_time()
        if life.resources != before:
            warm = Platform(life.resources, CONDITIONS)
        cold = Platform(life.resources, CONDITIONS)
        decisions = run_round(life.world(warm), Rules(), check_plan=True)
        assert decisions == run_round(life.world(cold), Rules())
        life.obey(decisions)
