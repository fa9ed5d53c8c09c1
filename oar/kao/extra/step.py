"""Asks the extra step of a site and makes the changes that it wants; one that fails changes nothing."""

import logging
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points

from procset import ProcSet
from sqlalchemy import Engine

from oar.core.job import JobId, LevelValue, Resource, Told, WaitingJob
from oar.db.engine import one_moment
from oar.db.resources import BadFilter, matching_changed_resources
from oar.kamelot import Platform
from oar.kao.extra.view import Changes, ExtraStep, changed_resource, checked, narrowed_job, view_of
from oar.kao.load import conditions_of
from oar.kao.model import World
from oar.kao.stretches import Halted

log = logging.getLogger(__name__)

PLUGINS = "oar.extra_step"
"""The group of Python's entry points in which packages of a site name their steps."""
NONE = ("", "default")


def load_step(name: str) -> ExtraStep | None:
    """Load the step that EXTRA_METASCHED names; None, and a line in the log, when it cannot be had."""
    if name in NONE:
        return None
    installed = entry_points(group=PLUGINS)
    if name not in installed.names:
        known = ", ".join(sorted(installed.names)) or "none"
        log.error('EXTRA_METASCHED="%s": there is no such extra step; installed: %s', name, known)
        return None
    try:
        step: ExtraStep = installed[name].load()
        if not callable(step):
            raise TypeError("it is no function")
    except (Exception, SystemExit) as problem:  # noqa: BLE001 - a site's code, whatever is wrong with it
        log.error('EXTRA_METASCHED="%s": it cannot be loaded, %s', name, _words(problem))
        return None
    return step


@dataclass(slots=True)
class SiteStep:
    """The extra step in one round; its ``config`` is what the site has written for it.

    ``conditions`` are others than those of jobs, which the round needs too.
    """

    step: ExtraStep
    reader: Engine
    config: str = ""
    conditions: Set[str] = frozenset()
    _properties: dict[int, Mapping[str, LevelValue]] = field(default_factory=dict)

    def change(self, halted: Halted) -> tuple[World, Mapping[JobId, Told]]:
        """Ask the step; a stop of a round."""
        view = view_of(halted, self.config)
        try:
            changes = checked(self.step(view), view)
            return self._changed(halted.world, changes), {}
        except (Exception, SystemExit) as problem:  # noqa: BLE001 - as above
            names = ", ".join(view.queues)
            log.error(
                "the extra step failed before the jobs of %s, it is left out: %s", names, _words(problem)
            )
            return halted.world, {}

    def _changed(self, world: World, changes: Changes) -> World:
        waiting = tuple(narrowed_job(job, changes.conditions) for job in world.waiting)
        properties = {**self._properties}
        for number, values in changes.properties.items():
            properties[number] = {**properties.get(number, {}), **values}
        if changes.properties or changes.conditions:
            world = self._with_platform(world, waiting, properties)
        self._properties = properties
        left_out = {JobId(job_id): words for job_id, words in changes.left_out.items()}
        return replace(world, waiting=waiting, left_out={**world.left_out, **left_out})

    def _with_platform(
        self,
        world: World,
        waiting: tuple[WaitingJob, ...],
        properties: Mapping[int, Mapping[str, LevelValue]],
    ) -> World:
        """Let the database say anew what each condition selects, as if the properties were stored."""
        filters: dict[str, ProcSet] = {}
        with one_moment(self.reader) as connection:
            for text in sorted(conditions_of(waiting) | self.conditions):
                try:
                    filters[text] = matching_changed_resources(connection, text, properties)
                except BadFilter as error:
                    log.warning("condition %r cannot be evaluated: %s", text, error)

        def changed(platform: Platform) -> Platform:
            resources: list[Resource] = [changed_resource(one, properties) for one in platform.resources]
            return Platform(resources, filters)

        ahead = None if world.platform_ahead is None else changed(world.platform_ahead)
        return replace(world, platform=changed(world.platform), platform_ahead=ahead)


def _words(problem: BaseException) -> str:
    return " ".join(f"{type(problem).__name__}: {problem}".split())
