"""How much of something there is over time, and the search for dates at which there is little enough."""

from bisect import bisect_left, bisect_right

from oar.kamelot.occupation import FOREVER


class Steps:
    """An amount that changes at some dates and stays in between; it is 0 where nothing was added.

    Kept as one sorted list of dates, with the amount from each on in a parallel list.
    """

    def __init__(self, begin: int) -> None:
        self._begins = [begin]
        self._values = [0]

    def copy(self) -> "Steps":
        """Make one that can be added to apart from this."""
        other = Steps(0)
        other._begins = self._begins.copy()
        other._values = self._values.copy()
        return other

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

    def clear(self, begin: int, end: int, most: int) -> int:
        """Tell the first date from ``begin`` on from which the amount stays within ``most`` until ``end``.

        It may be later than ``end``: then it is the first date after it at which the amount is within.
        """
        begins, values = self._begins, self._values
        first = bisect_right(begins, begin) - 1
        number = bisect_right(begins, end, first)
        if number - first > SHORT and max(values[first:number]) <= most:
            return begin
        while number > first:
            number -= 1
            if values[number] > most:
                return self._within(number + 1, most)
        return begin

    def _within(self, number: int, most: int) -> int:
        """Tell the first date, from that step on, at which the amount is within ``most``."""
        begins, values = self._begins, self._values
        while number < len(begins) and values[number] > most:
            number += 1
        return begins[number] if number < len(begins) else FOREVER + 1

    def _cut(self, date: int) -> int:
        begins = self._begins
        index = bisect_left(begins, date)
        if index == len(begins) or begins[index] != date:
            begins.insert(index, date)
            self._values.insert(index, self._values[index - 1])
        return index


SHORT = 8
"""So few steps are looked at one by one rather than all at once."""


class Slopes:
    """An amount that falls steadily, and rises at some dates: what is still to be done of what has begun.

    Kept as a sorted list of dates, with the amount at each, and how much of it goes each second from there.
    """

    def __init__(self, begin: int) -> None:
        self._begins = [begin]
        self._values = [0]
        self._slopes = [0]

    def copy(self) -> "Slopes":
        """Make one that can be added to apart from this."""
        other = Slopes(0)
        other._begins = self._begins.copy()
        other._values = self._values.copy()
        other._slopes = self._slopes.copy()
        return other

    def at(self, date: int) -> int:
        """Tell the amount at a date, not before the first."""
        index = bisect_right(self._begins, date) - 1
        return self._values[index] - self._slopes[index] * (date - self._begins[index])

    def add(self, begin: int, end: int, slope: int) -> None:
        """Add what is all there at ``begin``, goes by ``slope`` each second, and is gone after ``end``."""
        first, after = self._cut(begin), self._cut(end + 1)
        begins, values, slopes = self._begins, self._values, self._slopes
        for index in range(first, after):
            values[index] += slope * (end + 1 - begins[index])
            slopes[index] += slope

    def clear(self, begin: int, end: int, most: int) -> int:
        """Tell the first date from ``begin`` on from which the amount stays within ``most`` until ``end``.

        It may be later than ``end``: then it is the first date after it at which the amount is within.
        """
        begins, values = self._begins, self._values
        first = bisect_right(begins, begin) - 1
        number = bisect_right(begins, end, first)
        if max(values[first:number]) <= most:
            return begin
        while number > first + 1:
            number -= 1
            if values[number] > most:
                return self._within(number, most)
        return max(begin, self._within(first, most))

    def _within(self, number: int, most: int) -> int:
        """Tell the first date, from that step on, at which the amount is within ``most`` (0 or more)."""
        begins, values, slopes = self._begins, self._values, self._slopes
        while values[number] > most:
            date = begins[number] - (most - values[number]) // slopes[number]
            if date < begins[number + 1]:
                return date
            number += 1
        return begins[number]

    def _cut(self, date: int) -> int:
        begins = self._begins
        index = bisect_left(begins, date)
        if index == len(begins) or begins[index] != date:
            gone = self._slopes[index - 1] * (date - begins[index - 1])
            begins.insert(index, date)
            self._values.insert(index, self._values[index - 1] - gone)
            self._slopes.insert(index, self._slopes[index - 1])
        return index
