"""The plan as one kind of job sees it: what is free for it, and the search in that."""

from dataclasses import dataclass

from oar.kamelot.compiled import CompiledMoldable
from oar.kamelot.containers import Nesting, Space
from oar.kamelot.hints import Hints
from oar.kamelot.placement import Place, find_place
from oar.kamelot.sharing import ALONE, Sharing
from oar.kamelot.slot_set import SlotSet


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """The space a job is placed in, and what matters of its sharing: what it does not see there."""

    space: Space = None
    sharing: Sharing = ALONE


PLATFORM = Viewpoint()


def viewpoint(nesting: Nesting, sharing: Sharing) -> Viewpoint:
    """Tell how a job sees the plan; that it is a placeholder itself makes no difference to it."""
    if nesting.inside is None and sharing is ALONE:
        return PLATFORM
    return Viewpoint(nesting.inside, Sharing(sharing.pair, None, sharing.allowed))


class View:
    """Slots from one viewpoint. They only lose resources, so what was learned in them stays true."""

    def __init__(self, seen_from: Viewpoint, slots: SlotSet) -> None:
        self.seen_from = seen_from
        self.slots = slots
        self._hints = Hints()

    def copy(self) -> "View":
        """Make a view that can be drawn in apart from this one."""
        other = View(self.seen_from, self.slots.copy())
        other._hints = self._hints.copy()
        return other

    def find(self, wanted: CompiledMoldable, earliest: int, latest: int) -> Place | None:
        """Find the first start between two dates, both included, at which the moldable has its resources."""
        duration, groups = wanted.duration, wanted.groups
        if len(groups) > 1:
            known = max([self._hints.not_before(group, duration) for group in groups])
            return find_place(self.slots, groups, duration, max(earliest, known), latest)
        group = groups[0]
        known = self._hints.not_before(group, duration)
        place = None
        if known <= latest:
            place = find_place(self.slots, groups, duration, max(earliest, known), latest)
        if earliest <= known or earliest <= self.slots.begins[0]:
            start = place.start if place else latest + 1
            if start > known:
                self._hints.learn(group, duration, start)
        return place
