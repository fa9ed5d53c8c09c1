"""The three programs of a job on its nodes: prepare, start, clean. Answers are values."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from oar.almighty.means import Means
from oar.core.job_key import BadKey, JobKey
from oar.db.launch import JobOnNodes, whole_nodes
from oar.errors import ConfigurationError
from oar.remote.access import CLASSIC_SSH
from oar.remote.programs import (
    READY_LINE,
    LaunchData,
    clean_program,
    init_program,
    oarexec_program,
    suspend_program,
)
from oar.remote.runner import Answer
from oar.remote.ssh_keys import new_key

log = logging.getLogger(__name__)

WARNING = "[WARN] "
"""What stands before the words of a line in which a program for nodes warns of something."""
SSH_FAILED = 255
"""What ssh ends with when the node cannot be reached."""
NOT_STARTED = 50
"""The code that stands for an oarexec that was never ready."""


def launch_data(job: JobOnNodes) -> LaunchData:
    """Say of a job what its nodes must know."""
    return LaunchData(
        job_id=job.job_id,
        user=job.user,
        array_id=job.array_id,
        array_index=job.array_index,
        job_name=job.name,
        project=job.project,
        command=job.command,
        launching_directory=job.launching_directory,
        stdout_file=job.stdout_file,
        stderr_file=job.stderr_file,
        walltime_s=job.walltime_s,
        challenge=job.challenge,
        resources=job.resources,
        types=job.types,
        reservation=job.reservation,
        mode=job.mode,
        checkpoint_signal=job.checkpoint_signal,
    )


async def prepare(means: Means, job: JobOnNodes) -> list[Answer]:
    """Make the job's place on all its nodes, if it works there; give the answers that are not good."""
    if not job.works_on_nodes:
        return []
    key, whole = job.key or await _new_key(job), await _whole_nodes(means, job)
    program = init_program(replace(launch_data(job), key=key, whole_nodes=whole), means.settings)
    answers = await means.remote.run(job.nodes, program, means.many_nodes_timeout_s)
    _log_warnings(job.job_id, answers)
    return [answer for answer in answers if not answer.good]


async def _new_key(job: JobOnNodes) -> JobKey | None:
    """Make the key by which the job's user gets from node to node; it is kept on the nodes only."""
    if len(job.nodes) < 2:
        return None
    try:
        return await asyncio.to_thread(new_key)
    except BadKey as error:
        log.warning("job %d: oarsh will not lead from node to node: %s", job.job_id, error)
        return None


async def _whole_nodes(means: Means, job: JobOnNodes) -> tuple[str, ...]:
    if CLASSIC_SSH not in job.types:
        return ()
    return await means.database.run(partial(whole_nodes, job=job))


async def clean(means: Means, job: JobOnNodes, nodes: Sequence[str]) -> list[Answer]:
    """End everything of the job on ``nodes``; give the answers that are not good."""
    if not (job.works_on_nodes and nodes):
        return []
    try:
        program = clean_program(launch_data(job), means.settings)
    except ConfigurationError as error:
        return [Answer(node, None, errors=str(error)) for node in nodes]
    answers = await means.remote.run(nodes, program, means.many_nodes_timeout_s)
    _log_warnings(job.job_id, answers)
    return [answer for answer in answers if not answer.good]


def _log_warnings(job_id: int, answers: Sequence[Answer]) -> None:
    for words, nodes in warnings_of(answers).items():
        log.warning("job %d: %s: %s", job_id, ", ".join(nodes), words)


def warnings_of(answers: Sequence[Answer]) -> dict[str, list[str]]:
    """Map what programs warn of to the nodes that say it: a job on many nodes gets one line in the log."""
    found: dict[str, list[str]] = {}
    for answer in answers:
        for line in answer.errors.splitlines():
            _, mark, words = line.partition(WARNING)
            if mark:
                found.setdefault(words.strip(), []).append(answer.node)
    return found


async def freeze(means: Means, job: JobOnNodes) -> list[Answer]:
    """Stop all processes of the job; give the answers that are not good."""
    return await _suspend_resume("suspend", means, job)


async def thaw(means: Means, job: JobOnNodes) -> list[Answer]:
    """Let all processes of the job go on; give the answers that are not good."""
    return await _suspend_resume("resume", means, job)


async def _suspend_resume(action: str, means: Means, job: JobOnNodes) -> list[Answer]:
    program = suspend_program(action, launch_data(job), means.settings)
    answers = await means.remote.run(job.nodes, program, means.many_nodes_timeout_s)
    return [answer for answer in answers if not answer.good]


async def start_oarexec(means: Means, job: JobOnNodes, *, may_start: bool = True) -> Answer:
    """Start oarexec where the job works; without ``may_start`` it only reports what it finds there."""
    program = oarexec_program(launch_data(job), means.settings, may_start=may_start)
    (answer,) = await means.remote.run([job.host(means.settings.frontends)], program, means.oarexec_timeout_s)
    return answer


def is_ready(answer: Answer) -> bool:
    """Tell whether oarexec said that the job is its own now."""
    return READY_LINE in answer.output.splitlines()


def code_of(answer: Answer) -> int:
    """Say which exit code of oarexec an answer without the ready line means."""
    return NOT_STARTED if is_silent(answer) else answer.status or NOT_STARTED


def is_silent(answer: Answer) -> bool:
    """Tell whether a node did not answer at all: nothing more can be asked of it now."""
    return answer.timed_out or answer.status in (None, SSH_FAILED)


def describe(answer: Answer) -> str:
    """Say in a few words what a node answered."""
    lines = [line.strip() for line in answer.errors.splitlines() if line.strip()]
    if answer.timed_out:
        return "no answer in time"
    if lines:
        return lines[-1]
    return "no answer" if answer.status is None else f"status {answer.status}"
