"""Jobs that hold other jobs: which space a job is placed in, which it opens, and who comes after whom.

A space is the time and the resources of all the containers of one name. A container of type ``container``
without value is named by its job id. Jobs of type ``inner=name`` are placed in that space and nowhere else;
what they take is taken from the space, since the container has taken it from the platform already.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
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
