"""What jobs are charged over time, and the first date at which quotas let another one start."""

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from oar.kamelot.occupation import FOREVER
from oar.kamelot.quotas.answer import Allowed, Exceeded, Refused
from oar.kamelot.quotas.bounds import Bound, Bounds
from oar.kamelot.quotas.calendar import Quotas
from oar.kamelot.quotas.profile import Profile, Slopes, Steps
from oar.kamelot.quotas.rules import EXEMPT, Binding, Key, Limits, Measure, QuotaJob, RuleSet, Who, who
from oar.kamelot.quotas.timeline import Timeline

Wanted = tuple[int, int, int]
"""What a job adds to each measure: resources, one job, work."""


@dataclass(slots=True)
class Check:
    """A limit that binds a job, and where what it counts is."""

    profile: Profile
    measure: Measure
    most: int
    binding: Binding


class Failed(NamedTuple):
    """A check that fails at some date from ``clear`` on, and not for a start at ``after``."""

    check: Check
    clear: int
    after: int


@dataclass(slots=True)
class Account:
    """What the ledger has of jobs that are alike to the rules."""

    charged: list[tuple[Profile, Measure]]
    bounds: Bounds
    checks: dict[RuleSet, list[Check]] = field(default_factory=dict)


class Ledger:
    """Charges from ``now`` on. They are only added, never taken away.

    When there is a calendar, no job may end later than ``window_s`` after now. Jobs of other queues than
    ``queues`` are charged and not limited; None limits all.
    """

    def __init__(
        self,
        quotas: Quotas,
        now: int,
        window_s: int = 4 * 1296000,
        ahead_s: int = 1296000,
        *,
        queues: Container[str] | None = None,
    ) -> None:
        """``ahead_s`` is how far the calendar is laid out at once; that is only a matter of speed."""
        self._quotas = quotas
        self._queues = queues
        self._now = now
        self._latest_end = FOREVER if quotas.calendar is None else min(now + window_s, FOREVER)
        self._timeline = Timeline(quotas, now, ahead_s)
        self._profiles: dict[tuple[Key, Measure], Profile] = {}
        self._accounts: dict[Who, Account | None] = {}
        self._bounds: dict[tuple[tuple[Binding, ...], ...], Bounds] = {}

    def copy(self) -> "Ledger":
        """Make a ledger that can be charged apart from this one."""
        other = Ledger(self._quotas, self._now, queues=self._queues)
        other._latest_end = self._latest_end
        other._timeline = self._timeline
        other._profiles = {key: profile.copy() for key, profile in self._profiles.items()}
        other._bounds = {key: bounds.copy() for key, bounds in self._bounds.items()}
        return other

    def charge(self, job: QuotaJob, begin: int, end: int, work_end: int, resources: int) -> None:
        """Note that a job takes resources from ``begin`` to ``end``, both included, security time included.

        ``resources`` counts those of type default, ``work_end`` is the last second of the walltime. What is
        past is ignored, and so are exempt jobs.
        """
        self._add(job, begin, end, work_end, (resources, 1, resources))

    def without(self, job: QuotaJob, begin: int, end: int, work_end: int, resources: int) -> "Ledger":
        """Make a ledger, apart from this one, in which a charge that was made here was not."""
        other = self.copy()
        other._bounds = {}
        other._add(job, begin, end, work_end, (-resources, -1, -resources))
        return other

    def _add(self, job: QuotaJob, begin: int, end: int, work_end: int, amounts: Wanted) -> None:
        """Add the amounts; that of work is what goes by each second."""
        account = self._account(job)
        begin = max(begin, self._now)
        if account is None or end < begin:
            return
        for profile, measure in account.charged:
            last = work_end if measure is Measure.WORK else end
            if last >= begin:
                profile.add(begin, last, amounts[measure])

    def first_start(
        self, job: QuotaJob, earliest: int, duration: int, walltime: int, resources: int
    ) -> Allowed | Refused:
        """Tell the first date, not before ``earliest``, at which no quota is exceeded for the whole duration.

        ``duration`` is what the job takes of the plan, security included; ``walltime`` without it makes its
        work. ``resources`` counts those of type default.
        """
        account = self._limited(job)
        start = max(earliest, self._now)
        latest = self._latest_end - duration + 1
        if account is None:
            return Allowed(start)
        work = resources * walltime
        bound = account.bounds.latest(resources, duration, work)
        held = None
        known = self._now
        if bound is not None:
            known = bound.start
            if known > start:
                start, held = known, bound.held_by
        learns = earliest <= known
        start, met = self._search(job, account, start, duration, (resources, 1, work))
        if met is not None:
            held = self._exceeded(*met, (resources, 1, work))
        if learns and start > known:
            account.bounds.learn(Bound(start, resources, duration, work, held))
        return Refused(held) if start > latest else Allowed(start, held)

    def exceeded(
        self, job: QuotaJob, start: int, duration: int, walltime: int, resources: int
    ) -> tuple[Exceeded, int] | None:
        """Tell the first quota that a start at that date, not before now, would exceed, or None.

        With it comes the first date at which a start would not exceed this quota, before the rules change.
        """
        account = self._limited(job)
        wanted = (resources, 1, resources * walltime)
        failed = account and self._failed(job, account, start, duration, wanted)
        if not failed:
            return None
        check = failed.check
        date = check.profile.first_beyond(failed.clear, check.most - wanted[check.measure])
        return self._exceeded(check, date, wanted), failed.after

    def _search(
        self, job: QuotaJob, account: Account, start: int, duration: int, wanted: Wanted
    ) -> tuple[int, tuple[Check, int] | None]:
        """Find the first start, and the check that it fails at the date given, just before.

        There is no start if it is after the latest.
        """
        latest = self._latest_end - duration + 1
        met = None
        while start <= latest:
            failed = self._failed(job, account, start, duration, wanted)
            if failed is None:
                return start, met
            start = failed.after
            met = failed.check, start - 1
        return FOREVER + 1, met

    def _failed(
        self, job: QuotaJob, account: Account, start: int, duration: int, wanted: Wanted
    ) -> Failed | None:
        """Find the first check that a start fails."""
        timeline = self._timeline
        clear = start
        while clear < start + duration:
            index = timeline.index(clear)
            last = timeline.ends[index]
            end = min(start + duration - 1, last)
            for check in self._checks(job, account, timeline.rules[index]):
                room = check.most - wanted[check.measure]
                after = check.profile.clear(clear, end, duration, last, room) if room >= 0 else FOREVER + 1
                if after > clear:
                    return Failed(check, clear, min(after, last + 1))
            clear = end + 1
        return None

    def _exceeded(self, check: Check, date: int, wanted: Wanted) -> Exceeded:
        rule, counter = check.binding.rule, check.binding.counter
        counts = [
            None
            if rule.limits.of(measure) is None
            else self._profile(counter, measure).at(date) + wanted[measure]
            for measure in Measure
        ]
        return Exceeded(rule, counter, check.measure, date, Limits(*counts))

    def _limited(self, job: QuotaJob) -> Account | None:
        """Give the account of a job, None for a job that no rule limits, whatever the rules are."""
        if self._queues is not None and job.queue not in self._queues:
            return None
        return self._account(job)

    def _account(self, job: QuotaJob) -> Account | None:
        """Give the account of a job, None for a job that is exempt."""
        key = who(job)
        if key not in self._accounts:
            self._accounts[key] = None if EXEMPT & job.types.keys() else self._open(key)
        return self._accounts[key]

    def _open(self, job: Who) -> Account:
        sets = self._quotas.rule_sets()
        counters = {
            (key, measure) for one in sets for key, measures in one.counters(job) for measure in measures
        }
        charged = [(self._profile(*counter), counter[1]) for counter in counters]
        alike = tuple(one.binding(job) for one in sets)
        return Account(charged, self._bounds.setdefault(alike, Bounds()))

    def _checks(self, job: QuotaJob, account: Account, rules: RuleSet) -> Sequence[Check]:
        found = account.checks.get(rules)
        if found is None:
            found = account.checks[rules] = [
                Check(self._profile(binding.counter, measure), measure, most, binding)
                for binding in rules.applying(job)
                for measure in Measure
                if (most := binding.rule.limits.of(measure)) is not None
            ]
        return found

    def _profile(self, counter: Key, measure: Measure) -> Profile:
        found = self._profiles.get((counter, measure))
        if found is None:
            found = Slopes(self._now) if measure is Measure.WORK else Steps(self._now)
            self._profiles[counter, measure] = found
        return found
