"""Places a job by the plugins that it asks for."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from oar.core.job import WaitingJob
from oar.kamelot.occupation import FOREVER
from oar.kamelot.placement import Place
from oar.kamelot.platform import Platform
from oar.kamelot.plugins.answers import PluginFailed, ask, checked_choice, checked_resources
from oar.kamelot.plugins.arguments import Call, call_of
from oar.kamelot.plugins.candidates import Candidates, Matching
from oar.kamelot.plugins.openings import Choice, Openings, Option, Slots
from oar.kamelot.plugins.registry import FindPlugin, NoSuchPlugin, Plugins
from oar.kamelot.reasons.explain import why_never
from oar.kamelot.reasons.reason import Reason, ReasonKind

Normal = Callable[[int, int, int], Place | None]
"""A search: number of the moldable, first and last date at which it may start, both included."""

Allowed = Callable[[int, Place], int]
"""The first date, not before the place's own, at which a moldable may have those resources.

That is as far as others than resources are concerned: quotas. A date beyond all others means never.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """A job that asks for plugins, and what its place is bound by.

    ``durations`` are the seconds that each of its moldables takes in the plan. It starts not before
    ``earliest``, not after ``latest``, and is over by ``deadline``.
    """

    job: WaitingJob
    durations: Sequence[int]
    earliest: int
    latest: int = FOREVER
    deadline: int | None = None


def asks_for_plugin(job: WaitingJob) -> bool:
    """Tell whether the job is not to be placed by the normal search with the normal matching."""
    types = job.types
    if not types or not ("find" in types or "assign" in types):
        return False
    return call_of("find", types) is not None or call_of("assign", types) is not None


def place_by_plugin(
    platform: Platform,
    slots: Slots,
    wish: Wish,
    plugins: Plugins,
    *,
    normal: Normal,
    allowed: Allowed | None = None,
) -> tuple[int, Place] | Reason:
    """Find the place of a job that asks for plugins: the number of its moldable, and where.

    ``slots`` is the plan as the job sees it, ``normal`` the search in it without plugins; without ``allowed``
    only resources are in the way. Plugins that fail are a Reason too.
    """
    call = call_of("assign", wish.job.types) or call_of("find", wish.job.types)
    if call is None:
        raise ValueError("asks for no plugin")
    try:
        found = _Search(platform, slots, wish, plugins, allowed).place(normal)
    except PluginFailed as problem:
        return Reason(ReasonKind.FAILURE, text=str(problem))
    if found is None:
        never = why_never(platform, wish.job)
        why = f" ({never.words()})" if never is not None else ""
        return Reason(ReasonKind.FAILURE, text=f"{call.text}: finds no place for it{why}")
    return found


class _Search:
    """The search for the place of one job."""

    def __init__(
        self, platform: Platform, slots: Slots, wish: Wish, plugins: Plugins, allowed: Allowed | None
    ) -> None:
        self._platform = platform
        self._slots = slots
        self._wish = wish
        self._plugins = plugins
        self._allowed = allowed
        self._options = tuple(self._option(number) for number in range(len(wish.job.moldables)))

    def _option(self, number: int) -> Option:
        wish, moldable = self._wish, self._wish.job.moldables[number]
        latest = wish.latest
        if wish.deadline is not None:
            latest = min(latest, wish.deadline - moldable.walltime_s)
        groups = moldable.request.groups
        matchings = tuple(Matching(self._platform, group, wish.job.properties) for group in groups)
        return Option(moldable, wish.durations[number], latest, matchings)

    def place(self, normal: Normal) -> tuple[int, Place] | None:
        """Place the job; raises PluginFailed."""
        search = self._matching_search(normal)
        call = call_of("assign", self._wish.job.types)
        return self._finishes_first(search) if call is None else self._by_search_plugin(call, search)

    def _matching_search(self, normal: Normal) -> Normal:
        """Give the search with the matching that the job asks for; raises PluginFailed."""
        call = call_of("find", self._wish.job.types)
        if call is None:
            return normal
        try:
            plugin = self._plugins.find_plugin(call.name)
        except NoSuchPlugin as problem:
            raise PluginFailed(call, problem) from None
        return lambda number, earliest, latest: self._by_matching(call, plugin, number, earliest, latest)

    def _finishes_first(self, search: Normal) -> tuple[int, Place] | None:
        """Find the moldable that frees its resources first, and its place; of equal ones the first given."""
        best: tuple[int, Place] | None = None
        before = FOREVER
        for number, option in enumerate(self._options):
            latest = min(option.latest, before - option.duration_s - 1)
            place = search(number, self._wish.earliest, latest)
            if place is not None:
                best = number, place
                before = place.start + option.duration_s
        return best

    def _by_matching(
        self, call: Call, plugin: FindPlugin, number: int, earliest: int, latest: int
    ) -> Place | None:
        """Ask a matching plugin about each window in turn, whatever it answered about those before.

        All that is taken for granted is that it answers the same when it is asked the same.
        """
        option, begins = self._options[number], self._slots.begins
        matching = 0
        for one in option.matchings:
            matching |= one.resources
        known: dict[tuple[int, bool], int] = {}
        start = earliest
        while start <= latest:
            free = self._slots.free(start, option.duration_s) & matching
            beginning = self._slots.at(start) == 0
            chosen = known.get((free, beginning))
            if chosen is None:
                question = Candidates(self._platform, option.matchings, free, beginning, call.arguments)
                answer = ask(call, plugin, question) if free else None
                chosen = known[free, beginning] = checked_resources(call, self._platform, free, answer)
            date = self._first_allowed(number, Place(start, chosen)) if chosen else FOREVER + 1
            if date == start:
                return Place(start, chosen)
            after = bisect_right(begins, start)
            start = min(date, begins[after]) if after < len(begins) else date
        return None

    def _first_allowed(self, number: int, place: Place) -> int:
        return place.start if self._allowed is None else max(self._allowed(number, place), place.start)

    def _by_search_plugin(self, call: Call, search: Normal) -> tuple[int, Place] | None:
        try:
            plugin = self._plugins.assign_plugin(call.name)
        except NoSuchPlugin as problem:
            raise PluginFailed(call, problem) from None
        openings = Openings(
            self._platform,
            self._slots,
            self._options,
            earliest=self._wish.earliest,
            arguments=call.arguments,
            search=lambda option, earliest, latest: self._choice(option, search, earliest, latest),
        )
        found = checked_choice(call, self._platform, openings, ask(call, plugin, openings))
        if found is not None and self._first_allowed(*found) > found[1].start:
            raise PluginFailed(call, "the plugin chose a place that quotas do not allow")
        return found

    def _choice(self, option: Option, search: Normal, earliest: int, latest: int) -> Choice | None:
        """Answer a search plugin that wants to know what would be chosen without it."""
        place = search(self._options.index(option), earliest, latest)
        if place is None:
            return None
        resources = self._platform.procset(place.resources)
        return Choice(option.moldable.moldable_id, place.start, resources)
