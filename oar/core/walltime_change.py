"""Wishes for another walltime of running jobs: what is asked, and whether it is taken. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from oar.core.durations import LONGEST_S, BadDuration, format_duration, parse_duration
from oar.core.job import JobId, MoldableId
from oar.core.states import JobState
from oar.settings import WalltimeSettings

_TIME = re.compile(r"([+-]?)(\d.*)", re.ASCII)
ANYBODY = "*"


class Refusal(Enum):
    """Why a wish is not taken; the value is the exit code of the command."""

    BAD_REQUEST = 1
    FORBIDDEN = 3
    NOT_FOUND = 4
    NOT_AVAILABLE = 5

    @property
    def words(self) -> str:
        """The name that OAR gives it."""
        return self.name.replace("_", " ").capitalize()


class WalltimeRefused(Exception):
    """A wish that is not taken; its text says why, without a stop at the end."""

    def __init__(self, refusal: Refusal, text: str) -> None:
        super().__init__(text)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class WalltimeWish:
    """What somebody types: ``time`` is ``[+-]h[:m[:s]]``; without a timeout the wish stands until the end."""

    time: str
    force: bool = False
    whole: bool = False
    delay_next_jobs: bool = False
    timeout_s: int = 0


@dataclass(frozen=True, slots=True)
class WalltimeRequest:
    """A wish that was taken; ``pending_s`` are the seconds, of either sign, that were not granted yet.

    ``granted_s`` are those that were; ``timeout_s`` counts from ``asked_at``, 0 where that is not known.
    """

    job_id: JobId
    pending_s: int = 0
    granted_s: int = 0
    force: bool = False
    whole: bool = False
    delay_next_jobs: bool = False
    timeout_s: int = 0
    asked_at: int = 0
    granted_with_force_s: int = 0
    granted_with_whole_s: int = 0
    granted_with_delay_s: int = 0

    def is_over(self, now: int) -> bool:
        """Tell whether the wish is given up."""
        return bool(self.timeout_s and self.asked_at and now >= self.asked_at + self.timeout_s)


@dataclass(frozen=True, slots=True)
class WalltimeGrant:
    """``change_s`` seconds more or less for a job that had ``before_s``; ``request`` is as it was read."""

    request: WalltimeRequest
    moldable_id: MoldableId
    before_s: int
    change_s: int

    @property
    def job_id(self) -> JobId:
        """The job that is granted."""
        return self.request.job_id

    @property
    def walltime_s(self) -> int:
        """The new walltime."""
        return self.before_s + self.change_s

    @property
    def left_s(self) -> int:
        """What is still pending then."""
        return self.request.pending_s - self.change_s

    @property
    def words(self) -> str:
        """The description of the event."""
        flags = {
            "force": self.request.force,
            "delay next jobs": self.request.delay_next_jobs,
            "whole": self.request.whole,
        }
        used = "".join(f"/{name}" for name, is_set in flags.items() if is_set and self.change_s > 0)
        return (
            f"walltime changed: {format_duration(self.walltime_s)} "
            f"(granted: {signed(self.change_s)}/pending: {signed(self.left_s)}{used})"
        )


@dataclass(frozen=True, slots=True)
class WalltimeChanges:
    """What becomes of the requests in a round; ``given_up`` are those whose timeout is over."""

    grants: tuple[WalltimeGrant, ...] = ()
    given_up: tuple[WalltimeRequest, ...] = ()


@dataclass(frozen=True, slots=True)
class JobWithWalltime:
    """A job whose walltime somebody asks about; ``walltime_s`` is None before it was given a place."""

    job_id: JobId
    user: str
    queue: str
    state: JobState
    walltime_s: int | None
    types: Mapping[str, str] = field(default_factory=dict)
    request: WalltimeRequest | None = None
    is_killed: bool = False

    @property
    def initial_s(self) -> int:
        """The walltime that the job began with."""
        return (self.walltime_s or 0) - (self.request.granted_s if self.request else 0)


@dataclass(frozen=True, slots=True)
class WalltimeLimits:
    """What holds for one job; ``max_increase_s`` None is no bound, 0 leaves increases to administrators."""

    max_increase_s: int | None = 0
    least_s: int = 0
    increment_s: int = 0
    apply_time_s: int = 0
    reductions: bool = True
    may_force: frozenset[str] = frozenset()
    may_delay: frozenset[str] = frozenset()


def limits_of(settings: WalltimeSettings, queue: str, initial_s: int) -> WalltimeLimits:
    """Say what a site's settings mean for a job; a value below 1 is a part of its first walltime."""
    increase = settings.max_increase.of(queue)
    return WalltimeLimits(
        None if increase < 0 else _seconds(increase, initial_s),
        _seconds(settings.least.of(queue), initial_s),
        _seconds(settings.increment.of(queue), initial_s),
        _seconds(settings.apply_time.of(queue), initial_s),
        not settings.no_reduction.of(queue),
        settings.may_force.of(queue),
        settings.may_delay.of(queue),
    )


def _seconds(value: float, walltime_s: int) -> int:
    return int(value * walltime_s) if 0 < value < 1 else max(int(value), 0)


def judge(
    job: JobWithWalltime | None,
    job_id: int,
    wish: WalltimeWish,
    *,
    asked_by: str,
    is_admin: bool,
    settings: WalltimeSettings,
) -> int:
    """Say by how many seconds the walltime shall change, 0 to take a wish back; raises WalltimeRefused."""
    if not settings.enabled:
        raise WalltimeRefused(Refusal.NOT_AVAILABLE, "functionality is disabled")
    if job is None:
        raise WalltimeRefused(Refusal.NOT_FOUND, f"could not find job {job_id}")
    if job.user != asked_by and not is_admin:
        raise WalltimeRefused(Refusal.FORBIDDEN, f"job {job_id} does not belong to you")
    if job.state is not JobState.RUNNING or job.walltime_s is None:
        raise WalltimeRefused(Refusal.FORBIDDEN, f"job {job_id} is not running")
    if job.is_killed:
        raise WalltimeRefused(Refusal.FORBIDDEN, f"job {job_id} is being deleted")
    change = _change(wish.time, job.walltime_s)
    if change == 0:
        if job.request is None or not job.request.pending_s:
            raise WalltimeRefused(Refusal.BAD_REQUEST, "this changes nothing, and no request is pending")
        return 0
    limits = limits_of(settings, job.queue, job.initial_s)
    _check_options(wish, limits, "" if is_admin else asked_by)
    _check_change(job, change, limits, is_admin)
    return change


def _change(time: str, walltime_s: int) -> int:
    found = _TIME.fullmatch(time.strip())
    try:
        if found is None:
            raise BadDuration(time)
        seconds = parse_duration(found[2])
    except BadDuration:
        raise WalltimeRefused(
            Refusal.BAD_REQUEST, f"syntax error, '{time}' is not [+|-]hours[:minutes[:seconds]]"
        ) from None
    change = {"": seconds - walltime_s, "+": seconds, "-": -seconds}[found[1]]
    if walltime_s + change > LONGEST_S:
        raise WalltimeRefused(Refusal.BAD_REQUEST, f"the longest walltime is {format_duration(LONGEST_S)}")
    return change


def _check_options(wish: WalltimeWish, limits: WalltimeLimits, user: str) -> None:
    """Refuse options that the user may not use; "" is an administrator."""
    if wish.force and not _is_among(user, limits.may_force):
        raise WalltimeRefused(Refusal.FORBIDDEN, "walltime change for this job is not allowed to be forced")
    if wish.delay_next_jobs and not _is_among(user, limits.may_delay):
        raise WalltimeRefused(
            Refusal.FORBIDDEN, "walltime change for this job is not allowed to delay other jobs"
        )
    if wish.whole and limits.increment_s:
        raise WalltimeRefused(
            Refusal.BAD_REQUEST,
            f"nothing beyond {format_duration(limits.increment_s)} is granted at once (WALLTIME_INCREMENT)",
        )


def _check_change(job: JobWithWalltime, change: int, limits: WalltimeLimits, is_admin: bool) -> None:
    if (job.walltime_s or 0) < limits.least_s:
        least = format_duration(limits.least_s)
        raise WalltimeRefused(
            Refusal.FORBIDDEN, f"walltime change is not allowed for a job with walltime < {least}"
        )
    if change < 0 and not limits.reductions:
        raise WalltimeRefused(Refusal.BAD_REQUEST, "walltime reduction is not allowed")
    if change < 0 and "container" in job.types:
        raise WalltimeRefused(Refusal.FORBIDDEN, "reducing the walltime of a container job is not allowed")
    if change > 0 and not is_admin and not _is_within(job, change, limits):
        taken = "updated" if job.request is not None else "accepted"
        most = format_duration(limits.max_increase_s or 0)
        raise WalltimeRefused(
            Refusal.FORBIDDEN,
            f"request cannot be {taken} because the walltime cannot increase by more than {most}",
        )


def _is_within(job: JobWithWalltime, change: int, limits: WalltimeLimits) -> bool:
    granted = job.request.granted_s if job.request else 0
    return limits.max_increase_s is None or granted + change <= limits.max_increase_s


def _is_among(user: str, allowed: frozenset[str]) -> bool:
    return not user or ANYBODY in allowed or user in allowed


def signed(seconds: int) -> str:
    """Spell a change as OAR does: ``h:m:s`` behind its sign, 0 without."""
    return f"{'+' if seconds > 0 else ''}{format_duration(seconds)}"
