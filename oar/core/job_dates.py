"""Dates that a job's types set: not before, not after, and finished by."""

from collections.abc import Mapping
from dataclasses import dataclass

from oar.core.durations import parse_date


@dataclass(frozen=True, slots=True)
class JobDates:
    """Epoch seconds, or None where the job sets no such date.

    The job does not start before ``postpone`` and has ended by ``deadline``. When ``expire`` or ``deadline``
    is past and the job is still waiting, it never runs.
    """

    postpone: int | None = None
    expire: int | None = None
    deadline: int | None = None

    def missed(self, now: int) -> str:
        """Name the type whose date is past, "" if none is."""
        if self.expire is not None and now > self.expire:
            return "expire"
        if self.deadline is not None and now > self.deadline:
            return "deadline"
        return ""


NO_DATES = JobDates()
_NAMES = ("postpone", "expire", "deadline")


def job_dates(types: Mapping[str, str]) -> JobDates:
    """Read the local dates in a job's types; raises :class:`oar.core.durations.BadDate`."""
    if not types:
        return NO_DATES
    return JobDates(**{name: parse_date(types[name]) for name in _NAMES if name in types})
