"""What the ledger answers: when the quotas let a job start, and which rule held it back."""

from dataclasses import dataclass

from oar.kamelot.quotas.amounts import HOUR_S
from oar.kamelot.quotas.rules import TOGETHER, Key, Limits, Measure, Rule

_PLURAL = {Measure.RESOURCES: "resources", Measure.JOBS: "jobs", Measure.WORK: "resource-hours"}


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A rule that a job would have broken at a date.

    ``counts`` is what there would be with the job, for what the rule limits; None for what it does not. More
    than one count may be over its limit; ``measure`` is the one that was met.
    """

    rule: Rule
    counter: Key
    measure: Measure
    date: int
    counts: Limits

    def message(self) -> str:
        """Say it as OAR 2 does: ``quota_exceeded:Gantt_quotas->{*}->{*}->{*}->{/}=[17,-,-]>[16,-1,-1]``.

        A dash is for what the rule does not limit.
        """
        counts = ",".join(_number(self.counts, measure, "-") for measure in Measure)
        most = ",".join(_number(self.rule.limits, measure, "-1") for measure in Measure)
        return f"quota_exceeded:{self.rule.key.perl()}=[{counts}]>[{most}]"

    def words(self) -> str:
        """Say it for people, without the date."""
        most = _number(self.rule.limits, self.measure, "")
        count = _number(self.counts, self.measure, "")
        allowed = f"allows {_whose(self.counter)} {most} {_PLURAL[self.measure]}"
        return f"the quota {self.rule} {allowed}; with this job it would be {count}"


@dataclass(frozen=True, slots=True)
class Allowed:
    """The quotas let a job start at that date; ``held_by`` is the last rule that forbids an earlier one."""

    start: int
    held_by: Exceeded | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The quotas let the job start at no date.

    ``held_by`` is the last rule that was in its way. None: it would end later than the calendar is looked
    ahead, whatever the rules are.
    """

    held_by: Exceeded | None = None


def _number(amounts: Limits, measure: Measure, nothing: str) -> str:
    amount = amounts.of(measure)
    if amount is None:
        return nothing
    return f"{amount / HOUR_S:.2f}".rstrip("0").rstrip(".") if measure is Measure.WORK else str(amount)


def _whose(counter: Key) -> str:
    named = [f"{field} {name}" for field, name in zip(Key._fields, counter, strict=True) if name != TOGETHER]
    return ", ".join(named) or "all jobs together"
