"""Places jobs by the plugins that OAR comes with, and by some that a site could have."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path

from oar.core.job import WaitingJob
from oar.kamelot import Gantt, Occupation, Platform, Rules
from oar.kamelot.best_walltime import shortest
from oar.kamelot.compiled import CompiledMoldable
from oar.kamelot.containers import nesting_of
from oar.kamelot.eligible import Eligible
from oar.kamelot.occupation import FOREVER
from oar.kamelot.placement import Place
from oar.kamelot.plugins import Plugins
from oar.kamelot.plugins.placed import Bounds, FirstAllowed, placed_by_plugin
from oar.kamelot.reasons.reason import Reason
from oar.kamelot.sharing import sharing_of
from oar.kao.plugins import KINDS, PREFIX, load_plugins
from tests.unit.kamelot.build import NO_MARGIN, job

PROJECT = Path(__file__).parents[4] / "pyproject.toml"


def shipped() -> Plugins:
    """Load what the project declares, without the help of an installation."""
    groups: Mapping[str, Mapping[str, str]] = tomllib.loads(PROJECT.read_text())["project"]["entry-points"]
    return load_plugins(
        EntryPoint(name, value, PREFIX + kind)
        for kind in KINDS
        for name, value in groups[PREFIX + kind].items()
    )


SHIPPED = shipped()


def wants(number: int, request: str, walltime_s: int, **types: str) -> WaitingJob:
    return job(number, (request, walltime_s), types=types)


def search_for(
    gantt: Gantt,
    one: WaitingJob,
    plugins: Plugins = SHIPPED,
    bounds: Bounds | None = None,
    *,
    rules: Rules = NO_MARGIN,
    allowed: FirstAllowed | None = None,
) -> tuple[CompiledMoldable, Place] | Reason:
    """Search for the place of a job that asks for plugins, and draw nothing."""
    usable = Eligible(gantt.platform, rules, gantt.now).resources(one)
    view = gantt.view(one)
    assert view is not None
    compiler = gantt.compiler(usable)
    moldables = [compiler.moldable(one, m, rules.duration(one, m)) for m in map(shortest, one.moldables)]
    return placed_by_plugin(
        gantt.platform,
        view.slots.pieces(gantt.now, FOREVER, usable),
        one,
        moldables,
        plugins=plugins,
        bounds=bounds or Bounds(gantt.now),
        normal=view.find,
        allowed=allowed,
    )


def place(
    platform: Platform,
    jobs: Sequence[WaitingJob],
    running: Sequence[Occupation] = (),
    plugins: Plugins = SHIPPED,
    rules: Rules = NO_MARGIN,
) -> list[tuple[int, str] | str]:
    """Place jobs one after the other; tell start and resources of each, or why it has no place."""
    gantt = Gantt(platform, running, 0)
    told: list[tuple[int, str] | str] = []
    for one in jobs:
        found = search_for(gantt, one, plugins, rules=rules)
        if isinstance(found, Reason):
            told.append(found.words())
            continue
        wanted, where = found
        end = where.start + wanted.duration - 1
        resources = platform.procset(where.resources)
        sharing, nesting = sharing_of(one), nesting_of(one)
        taken = Occupation(where.start, end, resources, one.job_id, sharing=sharing, nesting=nesting)
        gantt.occupy([taken])
        told.append((where.start, str(resources)))
    return told


def with_find(plugin: Callable[..., object]) -> Plugins:
    return Plugins(find={**SHIPPED.find, "site": plugin}, assign=SHIPPED.assign)  # type: ignore[dict-item]


def with_assign(plugin: Callable[..., object]) -> Plugins:
    return Plugins(find=SHIPPED.find, assign={**SHIPPED.assign, "site": plugin})  # type: ignore[dict-item]
