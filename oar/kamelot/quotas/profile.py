"""How much of something there is over time, and the search for dates at which there is little enough."""

from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from typing import Self

from oar.kamelot.occupation import FOREVER

SHORT = 8
"""So few steps are looked at one by one rather than all at once."""


class Profile(ABC):
    """An amount over time, that rises only at some dates; it is 0 where nothing was added.

    Kept as a sorted list of dates, with the amount at each in a parallel list: the *steps*.
    """

    def __init__(self, begin: int) -> None:
        self._begins = [begin]
        self._values = [0]

    def copy(self) -> Self:
        """Make one that can be added to apart from this."""
        other = type(self)(0)
        other._begins = self._begins.copy()
        other._values = self._values.copy()
        return other

    @abstractmethod
    def at(self, date: int) -> int:
        """Tell the amount at a date, not before the first."""

    def first_beyond(self, begin: int, most: int) -> int:
        """Tell the first date from ``begin`` on at which the amount is beyond ``most``; there must be one."""
        if self.at(begin) > most:
            return begin
        step = bisect_right(self._begins, begin)
        while self._values[step] <= most:
            step += 1
        return self._begins[step]

    @abstractmethod
    def add(self, begin: int, end: int, amount: int) -> None:
        """Add an amount from ``begin`` to ``end``, both included."""

    @abstractmethod
    def _within(self, step: int, most: int) -> int:
        """Tell the first date, from the begin of a step on, at which the amount is at most ``most``."""

    def clear(self, begin: int, end: int, duration: int, last: int, most: int) -> int:
        """Tell the first date from ``begin`` on from which the amount stays within ``most`` for long enough.

        From ``begin``, that is until ``end``, which is no more than the duration; from later dates for the
        duration or until ``last``. When there is none up to ``last``, it is a later date, and from the last
        one to just before that the amount is beyond.
        """
        begins, values = self._begins, self._values
        first = bisect_right(begins, begin) - 1
        if values[first] > most:
            date = self._within(first, most)
            if date > begin:
                begin = date
                first = bisect_right(begins, begin, first) - 1
                end = min(begin + duration - 1, last)
        known = first + 1
        while begin <= last:
            stop = bisect_right(begins, end, known)
            step = self._last_beyond(known, stop, most)
            if step < known:
                break
            begin = self._within(step, most)
            end = min(begin + duration - 1, last)
            known = max(bisect_right(begins, begin, step), stop)
        return begin

    def _last_beyond(self, first: int, stop: int, most: int) -> int:
        """Tell the last step in ``range(first, stop)`` that begins beyond ``most``, or ``first`` - 1."""
        values = self._values
        if stop - first > SHORT and max(values[first:stop]) <= most:
            return first - 1
        for step in range(stop - 1, first - 1, -1):
            if values[step] > most:
                return step
        return first - 1


class Steps(Profile):
    """An amount that changes at some dates and stays in between."""

    def at(self, date: int) -> int:
        """Tell the amount at a date, not before the first."""
        return self._values[bisect_right(self._begins, date) - 1]

    def add(self, begin: int, end: int, amount: int) -> None:
        """Add an amount from ``begin`` to ``end``, both included."""
        first = self._cut(begin)
        after = self._cut(end + 1) if end < FOREVER else len(self._begins)
        values = self._values
        if after - first == 1:
            values[first] += amount
        else:
            values[first:after] = [value + amount for value in values[first:after]]

    def _within(self, step: int, most: int) -> int:
        values = self._values
        for number in range(step, len(values)):
            if values[number] <= most:
                return self._begins[number]
        return FOREVER + 1

    def _cut(self, date: int) -> int:
        begins = self._begins
        index = bisect_left(begins, date)
        if index == len(begins) or begins[index] != date:
            begins.insert(index, date)
            self._values.insert(index, self._values[index - 1])
        return index


class Slopes(Profile):
    """An amount that falls steadily between some dates: what is still to be done of what has begun.

    One more list holds how much of it goes each second from the begin of a step on.
    """

    def __init__(self, begin: int) -> None:
        super().__init__(begin)
        self._slopes = [0]

    def copy(self) -> Self:
        """Make one that can be added to apart from this."""
        other = super().copy()
        other._slopes = self._slopes.copy()
        return other

    def at(self, date: int) -> int:
        """Tell the amount at a date, not before the first."""
        step = bisect_right(self._begins, date) - 1
        return self._values[step] - self._slopes[step] * (date - self._begins[step])

    def add(self, begin: int, end: int, amount: int) -> None:
        """Add what goes by an amount each second, is all there at ``begin``, and is gone after ``end``."""
        first, after = self._cut(begin), self._cut(end + 1)
        begins, values, slopes = self._begins, self._values, self._slopes
        for step in range(first, after):
            values[step] += amount * (end + 1 - begins[step])
            slopes[step] += amount

    def _within(self, step: int, most: int) -> int:
        """Tell the first date from a step on; ``most`` is not negative, so nothing left is within it."""
        begins, values, slopes = self._begins, self._values, self._slopes
        while values[step] > most:
            date = begins[step] - (most - values[step]) // slopes[step]
            if date < begins[step + 1]:
                return date
            step += 1
        return begins[step]

    def _cut(self, date: int) -> int:
        begins = self._begins
        index = bisect_left(begins, date)
        if index == len(begins) or begins[index] != date:
            gone = self._slopes[index - 1] * (date - begins[index - 1])
            begins.insert(index, date)
            self._values.insert(index, self._values[index - 1] - gone)
            self._slopes.insert(index, self._slopes[index - 1])
        return index
