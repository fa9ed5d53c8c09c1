"""What is in the way of one moldable at a date: the first thing that takes away too much of the platform."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from oar.core.job import JobId, WaitingJob
from oar.kamelot import bits
from oar.kamelot.compiled import CompiledMoldable
from oar.kamelot.containers import nesting_of
from oar.kamelot.counted import counted_on
from oar.kamelot.gantt import Area
from oar.kamelot.hierarchy import choose
from oar.kamelot.occupation import FOREVER
from oar.kamelot.platform import Platform
from oar.kamelot.quotas import Allowed, Ledger
from oar.kamelot.reasons.explain import shortage_of
from oar.kamelot.reasons.holders import nearest
from oar.kamelot.reasons.obstacle_words import Obstacle
from oar.kamelot.reasons.reason import ReasonKind, Shortage
from oar.kamelot.reasons.sight import Sight
from oar.kamelot.sharing import UNTIL_AWAKE

AT_MOST = " at the latest"


@dataclass(frozen=True, slots=True)
class Lack:
    """What groups lack: each by itself or, ``shared``, because of those before; and all their resources."""

    shortages: tuple[Shortage, ...]
    resources: int
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """One moldable at a date, in the plan as its job sees it, and within quotas, if there are any."""

    platform: Platform
    job: WaitingJob
    wanted: CompiledMoldable
    date: int
    deadline: int | None
    usable: int
    sight: Sight
    quotas: Ledger | None

    @property
    def last(self) -> int:
        """The last second that it would take."""
        return self.date + self.wanted.duration - 1

    def obstacle(self) -> Obstacle | None:
        """Look at one thing after the other that takes something away, until too little is left."""
        if self.deadline is not None and self.date + self.wanted.moldable.walltime_s > self.deadline:
            return Obstacle(ReasonKind.DEADLINE, text=self.job.types["deadline"], date=self.date)
        return self._of_platform() or self._of_containers() or self._of_bars() or self._of_quotas()

    def _of_platform(self) -> Obstacle | None:
        """Ask for the right states, and for resources that can be used for long enough."""
        lack = self._lack(self.usable)
        if lack is not None:
            missing = lack.resources & ~self.usable
            states = {self.platform.resources[rank].state for rank in bits.members(missing)}
            text = str(states.pop()) if len(states) == 1 else "not"
            return self._of_lack(ReasonKind.NOT_USABLE, lack, missing, text=text)
        ends = {date: mask for date, mask in self._ends().items() if mask & self.usable}
        lack = self._lack(self.usable & ~_union(ends.values()))
        if lack is None:
            return None
        ends = {date: mask & lack.resources for date, mask in ends.items() if mask & lack.resources}
        missing = self.usable & _union(ends.values())
        latest = AT_MOST if len(ends) > 1 else ""
        return self._of_lack(ReasonKind.NOT_LONG_ENOUGH, lack, missing, ends=max(ends), text=latest)

    def _of_containers(self) -> Obstacle | None:
        """Ask for a container at the date, and that it holds enough for long enough."""
        sight, date = self.sight, self.date
        if sight.areas is None:
            return None
        name = nesting_of(self.job).inside or ""
        there = [area for area in sight.areas if area.begin <= date <= area.end]
        if not there:
            return self._of_other_time(name, sight.areas)
        lack = self._lack(self._room())
        if lack is None:
            return None
        end = max(area.end for area in there)
        ends = end + 1 if end < self.last else None
        return self._of_lack(ReasonKind.CONTAINER_TOO_SMALL, lack, jobs=_owners(there), ends=ends, text=name)

    def _of_other_time(self, name: str, areas: Sequence[Area]) -> Obstacle:
        """Tell when the next container begins; if there is none, when the last one ends."""
        later = [area.begin for area in areas if area.begin > self.date]
        begins = min(later) if later else None
        ends = None if later else max(area.end for area in areas) + 1
        named = _owners([area for area in areas if begins == area.begin or ends == area.end + 1])
        return Obstacle(ReasonKind.CONTAINER, jobs=named, text=name, date=self.date, begins=begins, ends=ends)

    def _of_bars(self) -> Obstacle | None:
        """Ask for what is free of all that is drawn; tell who holds what is missing."""
        bars = [bar for bar in self.sight.bars if bar.begin <= self.last and bar.end >= self.date]
        room = self._room()
        lack = self._lack(room & ~_union([bar.resources for bar in bars]))
        if lack is None:
            return None
        held = nearest(self.wanted.groups, room, bars)
        if not held.bars:
            return self._of_lack(ReasonKind.RESOURCES, lack)
        begin, ends = min(bar.begin for bar in held.bars), {bar.end + 1 for bar in held.bars}
        waking = all(bar.sharing is UNTIL_AWAKE for bar in held.bars)
        return self._of_lack(
            ReasonKind.WAKING if waking else ReasonKind.RESOURCES,
            lack,
            held.resources,
            jobs=tuple(sorted({bar.job_id for bar in held.bars if bar.job_id is not None})),
            begins=begin if begin > self.date else None,
            ends=max(ends),
            text=AT_MOST if len(ends) > 1 else "",
        )

    def _of_quotas(self) -> Obstacle | None:
        """Ask the quotas about the place that it would get."""
        place = self.sight.view.find(self.wanted, self.date, self.date)
        if self.quotas is None or place is None:
            return None
        walltime_s, count = self.wanted.moldable.walltime_s, counted_on(self.platform).of_place(place)
        wish = self.job, self.date, self.wanted.duration, walltime_s, count
        exceeded = self.quotas.exceeded(*wish)
        if exceeded is not None:
            quota, after = exceeded
            ends = after if after <= FOREVER else None
            return Obstacle(ReasonKind.QUOTA, quota=quota, date=self.date, ends=ends)
        if self.quotas.first_start(*wish) == Allowed(self.date):
            return None
        return Obstacle(ReasonKind.QUOTA, date=self.date)

    def _ends(self) -> dict[int, int]:
        """Tell which resources can be used no longer from a date on that is before its end."""
        return {
            date: mask for date, mask in self.platform.ends_of_availability().items() if date <= self.last
        }

    def _room(self) -> int:
        """Tell what there would be all through, if nothing were drawn."""
        inside = self.sight.inside(self.date, self.last, self.platform.everything)
        return self.usable & inside & ~_union(self._ends().values())

    def _lack(self, room: int) -> Lack | None:
        """Tell what the groups lack among these resources."""
        groups, wanted = self.wanted.groups, self.wanted
        free = [group.hierarchy.whole(room) for group in groups]
        short = [number for number, group in enumerate(groups) if not group.fits(free[number])]
        if short:
            shortages = tuple([shortage_of(self.job, wanted, number, free[number]) for number in short])
            return Lack(shortages, _union([groups[number].hierarchy.resources for number in short]))
        taken = 0
        for number, group in enumerate(groups):
            hierarchy = group.hierarchy
            left = free[number] & ~hierarchy.touched(taken)
            chosen = choose(hierarchy.top, group.counts, left)
            if not chosen:
                shortage = shortage_of(self.job, wanted, number, left)
                theirs = _union([one.hierarchy.resources for one in groups[: number + 1]])
                return Lack((shortage,), theirs, shared=True)
            taken |= hierarchy.resources_of(chosen)
        return None

    def _of_lack(
        self,
        kind: ReasonKind,
        lack: Lack,
        missing: int = 0,
        *,
        jobs: tuple[JobId, ...] = (),
        begins: int | None = None,
        ends: int | None = None,
        text: str = "",
    ) -> Obstacle:
        nodes = tuple(dict.fromkeys(self.platform.resources[rank].node for rank in bits.members(missing)))
        return Obstacle(
            kind,
            jobs=jobs,
            nodes=nodes,
            shortage=lack.shortages[0],
            text=text,
            date=self.date,
            begins=begins,
            ends=ends,
            shortages=lack.shortages,
            shared=lack.shared,
        )


def _owners(areas: Sequence[Area]) -> tuple[JobId, ...]:
    return tuple(sorted({area.job_id for area in areas if area.job_id is not None}))


def _union(masks: Iterable[int]) -> int:
    found = 0
    for mask in masks:
        found |= mask
    return found
