"""How oarwalltime shows what became of the walltime of a job. Pure."""

from collections.abc import Iterator

from oar.core.durations import format_duration
from oar.core.states import JobState
from oar.core.walltime_change import JobWithWalltime, WalltimeLimits, WalltimeRequest, signed

_NOT_STARTED = (
    JobState.WAITING,
    JobState.HOLD,
    JobState.TO_LAUNCH,
    JobState.TO_ACK_RESERVATION,
    JobState.TO_ERROR,
    JobState.LAUNCHING,
)


def walltime_lines(job: JobWithWalltime, limits: WalltimeLimits) -> Iterator[str]:
    """Give the lines, with OAR 2's words and columns."""
    title = f"Walltime change status for job {job.job_id}"
    request = job.request or WalltimeRequest(job.job_id)
    if job.state in _NOT_STARTED:
        yield f"{title} (job is not running yet):"
        yield "  N/A"
    elif job.walltime_s is None:
        yield f"{title} (job is not running):"
        yield "  N/A"
    elif job.state is JobState.RUNNING:
        yield f"{title} (job is running):"
        yield f"  Current walltime: {format_duration(job.walltime_s):>11}"
        yield f"  Possible increase: {_possible(job, limits, request):>10}"
        yield f"  Already granted: {signed(request.granted_s):>12}{_granted_by(request)}"
        yield f"  Pending/unsatisfied: {signed(request.pending_s):>8}{_pending(request, 'will')}"
    else:
        yield f"{title} (job is not running):"
        yield f"  Walltime: {format_duration(job.walltime_s):>11}"
        yield f"  Granted: {signed(request.granted_s):>12}{_granted_by(request)}"
        yield f"  Unsatisfied: {signed(request.pending_s):>8}{_pending(request, 'would')}"


def _possible(job: JobWithWalltime, limits: WalltimeLimits, request: WalltimeRequest) -> str:
    if (job.walltime_s or 0) < limits.least_s:
        return signed(0)
    if limits.max_increase_s is None:
        return "UNLIMITED"
    return signed(max(limits.max_increase_s - request.granted_s, 0))


def _granted_by(request: WalltimeRequest) -> str:
    parts = {
        "forced": request.granted_with_force_s,
        "delaying next jobs": request.granted_with_delay_s,
        "whole": request.granted_with_whole_s,
    }
    words = ", ".join(f"{name}: {signed(seconds)}" for name, seconds in parts.items() if seconds)
    return f" ({words})" if words else ""


def _pending(request: WalltimeRequest, will: str) -> str:
    if not request.pending_s:
        return ""
    words = f" (timeout: {format_duration(request.timeout_s)})" if request.timeout_s else ""
    words += " (whole: yes)" if request.whole else ""
    if not request.delay_next_jobs:
        return words
    return words + (
        " (will possibly delay next jobs)" if will == "will" else " (would possibly have delayed next jobs)"
    )
