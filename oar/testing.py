"""What tests are built with: resources, jobs and worlds in a line each."""

from collections.abc import Iterable, Mapping

from procset import ProcSet

from oar.core.job import (
    Container,
    JobId,
    Moldable,
    MoldableId,
    RequiredJob,
    Resource,
    ResourceId,
    RunningJob,
    WaitingJob,
)
from oar.core.request import parse_request
from oar.core.states import UNCHANGED, JobState, NodeState
from oar.kamelot import Platform
from oar.kao.model import QueueView, World

NEVER = 2**31 - 1
"""The ``available_upto`` of a resource that stays."""

QUEUES = (QueueView("admin", 10, True), QueueView("default", 2, True), QueueView("besteffort", 0, True))


def make_resources(
    nodes: int = 3,
    cores: int = 2,
    states: Mapping[str, NodeState] | None = None,
    next_states: Mapping[str, str] | None = None,
) -> tuple[Resource, ...]:
    """Make nodes ``node1``... of so many cores, one resource a core; ids count from 1."""
    made = []
    for node in range(nodes):
        name = f"node{node + 1}"
        for core in range(cores):
            number = node * cores + core + 1
            made.append(
                Resource(
                    resource_id=ResourceId(number),
                    node=name,
                    type="default",
                    state=(states or {}).get(name, NodeState.ALIVE),
                    next_state=(next_states or {}).get(name, UNCHANGED),
                    available_upto=NEVER,
                    properties={"resource_id": number, "network_address": name, "core": number},
                )
            )
    return tuple(made)


def make_waiting(
    job_id: int,
    *requests: str,
    queue: str = "default",
    types: Mapping[str, str] | None = None,
    dependencies: Iterable[int] = (),
) -> WaitingJob:
    """Make a waiting job from ``-l`` texts, such as ``nodes=2,walltime=1:0:0``; one moldable each."""
    moldables = []
    for index, text in enumerate(requests or ("core=1,walltime=0:1:0",)):
        asked = parse_request(text, "network_address")
        number = MoldableId(job_id * 10 + index)
        moldables.append(Moldable(number, asked.request, asked.walltime_s or 60, asked.least_walltime_s))
    return WaitingJob(
        job_id=JobId(job_id),
        queue=queue,
        user="alice",
        project="default",
        name="",
        properties="",
        moldables=tuple(moldables),
        types=types or {},
        dependencies=tuple(JobId(one) for one in dependencies),
    )


def make_running(
    job_id: int,
    resources: Iterable[int],
    start_time: int,
    walltime_s: int,
    types: Mapping[str, str] | None = None,
) -> RunningJob:
    """Make a running job on these resource ids."""
    return RunningJob(
        job_id=JobId(job_id),
        moldable_id=MoldableId(job_id * 10),
        state=JobState.RUNNING,
        queue="besteffort" if types and "besteffort" in types else "default",
        user="alice",
        project="default",
        name="",
        start_time=start_time,
        walltime_s=walltime_s,
        resources=ProcSet(*resources),
        types=types or {},
    )


def _containers(jobs: Iterable[WaitingJob | RunningJob]) -> tuple[Container, ...]:
    return tuple(
        Container(
            job.job_id,
            job.types["container"] or str(job.job_id),
            job.queue,
            job.state if isinstance(job, RunningJob) else JobState.WAITING,
        )
        for job in jobs
        if "container" in job.types
    )


def make_world(
    *waiting: WaitingJob,
    now: int = 1000,
    running: tuple[RunningJob, ...] = (),
    resources: tuple[Resource, ...] | None = None,
    queues: tuple[QueueView, ...] = QUEUES,
    required: Mapping[JobId, RequiredJob] | None = None,
) -> World:
    """Make a world of three nodes of two cores, unless told otherwise; its containers are among its jobs."""
    return World(
        now=now,
        platform=Platform(resources or make_resources(), {}),
        queues=queues,
        running=running,
        waiting=waiting,
        required=required or {},
        containers=_containers((*waiting, *running)),
    )
