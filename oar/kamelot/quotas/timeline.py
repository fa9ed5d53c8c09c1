"""The rules that hold from a date on, one span after the other, laid out as far as somebody looked."""

from bisect import bisect_left

from oar.kamelot.occupation import FOREVER
from oar.kamelot.quotas.calendar import Quotas
from oar.kamelot.quotas.rules import RuleSet


class Timeline:
    """Spans of time from ``begin`` on, by their last seconds, each with the rules that hold in it."""

    def __init__(self, quotas: Quotas, begin: int, ahead_s: int) -> None:
        self.ends: list[int] = []
        self.rules: list[RuleSet] = []
        self._quotas = quotas
        self._begin = begin
        self._ahead = ahead_s

    def index(self, date: int) -> int:
        """Tell which span holds the date, not before the first and not later than ``FOREVER``."""
        if not self.ends or self.ends[-1] < date:
            self._extend(date)
        return bisect_left(self.ends, date)

    def _extend(self, date: int) -> None:
        """Lay out more, to the date and some time after it."""
        begin = self.ends[-1] + 1 if self.ends else self._begin
        while begin <= min(date + self._ahead, FOREVER):
            span = self._quotas.at(begin)
            self.ends.append(span.end)
            self.rules.append(span.rules)
            begin = span.end + 1
