"""Jobs that hold other jobs: which space a job is placed in, which it opens, and who comes after whom.

A space is the time and the resources of all the containers of one name. A container of type ``container``
without value is named by its job id. Jobs of type ``inner=name`` are placed in that space and nowhere else;
what they take is taken from the space, since the container has taken it from the platform already.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from oar.core.job import RunningJob, WaitingJob

Space = str | None
"""The name of the containers that make a space; None is the platform."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Nesting:
    """The space that a job is in, and the space that it opens for others, if it is a container."""

    inside: Space = None
    opens: Space = None


OUTSIDE = Nesting()


def nesting_of(job: WaitingJob | RunningJob) -> Nesting:
    """Read the job's types."""
    types = job.types
    if not types or not ("inner" in types or "container" in types):
        return OUTSIDE
    opens = (types["container"] or str(job.job_id)) if "container" in types else None
    return Nesting(types.get("inner"), opens)


class Spaces:
    """Which space the containers of each space are in; several of one name may be in different ones."""

    def __init__(self, jobs: Iterable[WaitingJob | RunningJob]) -> None:
        self._outer: dict[str, set[str]] = defaultdict(set)
        for one in map(nesting_of, jobs):
            if one.opens is not None and one.inside is not None:
                self._outer[one.opens].add(one.inside)

    def around(self, job: WaitingJob | RunningJob) -> set[str]:
        """Tell the space that a job is in, those that its containers are in, and so on; not the platform."""
        inside = nesting_of(job).inside
        found, new = set[str](), set() if inside is None else {inside}
        while new:
            found |= new
            new = {outer for space in new for outer in self._outer.get(space, ())} - found
        return found


def containers_first(items: Sequence[Item], nesting: Callable[[Item], Nesting]) -> Iterator[Item]:
    """Keep the order, but give what is inner only after all containers of its space.

    What waits comes right after the last of its containers. Containers that are inside themselves, or inside
    one another, come last.
    """
    awaited = Counter(space for space in (nesting(item).opens for item in items) if space is not None)
    waiting: list[Item] = []
    for item in items:
        inside, opens = nesting(item).inside, nesting(item).opens
        if inside is not None and awaited[inside]:
            waiting.append(item)
            continue
        yield item
        if opens is not None:
            awaited[opens] -= 1
            if waiting and not awaited[opens]:
                yield from _released(waiting, nesting, awaited)
    yield from waiting


def _released(
    waiting: list[Item], nesting: Callable[[Item], Nesting], awaited: Counter[str]
) -> Iterator[Item]:
    """Take from what waits, first come first, all that no longer has to."""
    position = 0
    while position < len(waiting):
        inside, opens = nesting(waiting[position]).inside, nesting(waiting[position]).opens
        if inside is not None and awaited[inside]:
            position += 1
            continue
        yield waiting.pop(position)
        if opens is not None:
            awaited[opens] -= 1
            position = 0
