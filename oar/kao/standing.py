"""What a round finds in place before it plans: what runs, what is fixed, what counts for quotas. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from procset import ProcSet

from oar.core.job import JobId, RunningJob
from oar.core.states import FINAL_STATES, JobState
from oar.kamelot import OVER, Occupation, Rules, occupation_of_planned, occupation_of_running
from oar.kamelot.bits import mask_of
from oar.kamelot.containers import nesting_of
from oar.kamelot.occupation import is_besteffort
from oar.kamelot.quotas import Ledger
from oar.kao.energy import until_awake
from oar.kao.launch import freed_ranks
from oar.kao.model import SiteChoices, World


def ledger_of(world: World) -> Ledger | None:
    """Make what counts the jobs for quotas, if the site has any; it has counted nothing yet."""
    site = world.quotas
    if site is None:
        return None
    return Ledger(site.quotas, world.now, site.window_s, site.ahead_s, queues=site.queues)


def occupations_of(world: World, rules: Rules, choices: SiteChoices) -> list[Occupation]:
    """Say what running jobs take, a suspended one less, and the places that are fixed.

    A container that is suspended opens no space, nor does one that was, while others are on its resources.
    Nodes that sleep are taken until they can have woken up.
    """
    freed = ProcSet()
    if any(job.state is JobState.SUSPENDED for job in world.running):
        freed = world.platform.procset(mask_of(freed_ranks(world.platform, choices.freed_types)))
    running = []
    for job in world.running:
        held = job.resources - freed if job.state is JobState.SUSPENDED else job.resources
        one = occupation_of_running(replace(job, resources=held), world.now, rules)
        if one.nesting.opens is not None and _is_left_to_others(job, world.running):
            one = replace(one, nesting=replace(one.nesting, opens=None))
        running.append(one)
    fixed = [occupation_of_planned(one, rules, is_besteffort(job), job) for one, job in world.fixed]
    return running + fixed + until_awake(world, choices.energy)


def _is_left_to_others(container: RunningJob, running: Sequence[RunningJob]) -> bool:
    """Tell whether a container is suspended, or was until now and others use its resources still."""
    if container.state not in (JobState.RESUMING, JobState.FINISHING):
        return container.state is JobState.SUSPENDED
    inside = nesting_of(container).inside
    return any(
        nesting_of(job).inside == inside and job.resources & container.resources
        for job in running
        if job is not container and job.state is not JobState.SUSPENDED
    )


def known_ends(world: World) -> dict[JobId, int]:
    """Say when the jobs that others wait for end, as far as that is known before anything is planned.

    One that runs has not ended, even if its walltime is over: that takes a second more at least.
    """
    ends = {job_id: OVER for job_id, one in world.required.items() if one.state in FINAL_STATES}
    running = {
        job.job_id: max((job.start_time or world.now) + job.walltime_s + job.suspended_s, world.now + 1)
        for job in world.running
        if job.job_id in world.required
    }
    return ends | running | {job.job_id: one.start_time + one.walltime_s for one, job in world.fixed}
