"""Finds the plugins that are installed, as Python entry points, and loads them.

What cannot be loaded is remembered with the reason: jobs that ask for it are told, no other is harmed.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from procset import ProcSet

from oar.core.job import Resource
from oar.kamelot.plugins import Plugins, ResourceOrderPlugin
from oar.kamelot.plugins.order import reorder
from oar.kamelot.plugins.registry import NoSuchPlugin

log = logging.getLogger(__name__)

PREFIX = "oar."
KINDS = ("find", "assign", "resource_order")
"""The kinds of plugins; those of a kind are the entry points of the group ``oar.<kind>``."""

_NOT_USED = 'SCHEDULER_RESOURCE_ORDER_PLUGIN="%s" is not used, resources stay in SQL order: %s'

OURS = "oar.kamelot."
"""Where the plugins are that OAR comes with; another one of the same name is ignored."""


def load_plugins(entries: Iterable[EntryPoint] | None = None) -> Plugins:
    """Load the plugins among these entry points, or among all that are installed.

    A plugin that cannot be loaded is logged and kept as broken.
    """
    if entries is None:
        entries = [entry for kind in KINDS for entry in entry_points(group=PREFIX + kind)]
    loaded: dict[str, dict[str, Callable[..., Any]]] = {kind: {} for kind in KINDS}
    broken: dict[str, str] = {}
    for entry in sorted(entries, key=lambda entry: not entry.value.startswith(OURS)):
        kind = entry.group.removeprefix(PREFIX)
        if entry.name in loaded[kind] or f"{kind}={entry.name}" in broken:
            log.warning("plugin %s=%s of %s is ignored: the name is taken", kind, entry.name, entry.value)
            continue
        try:
            loaded[kind][entry.name] = _load(entry)
        # Importing runs code of a site, which may even call exit(): it must not stop the scheduler.
        except (Exception, SystemExit) as problem:  # noqa: BLE001
            reason = f"{entry.value}: {type(problem).__name__}: {problem}"
            broken[f"{kind}={entry.name}"] = reason
            log.error("plugin %s=%s cannot be loaded: %s", kind, entry.name, reason)
    return Plugins(loaded["find"], loaded["assign"], loaded["resource_order"], broken)


def _load(entry: EntryPoint) -> Callable[..., Any]:
    found = entry.load()
    if not callable(found):
        raise TypeError("it is not a function")
    plugin: Callable[..., Any] = found
    return plugin


@dataclass(frozen=True, slots=True)
class ResourceOrder:
    """The order of resources that the settings name."""

    name: str
    plugin: ResourceOrderPlugin

    def apply(self, resources: tuple[Resource, ...], taken: ProcSet) -> tuple[Resource, ...]:
        """Put resources, given in SQL order, into this order; ``taken`` are those that jobs hold now.

        When the plugin fails, that is logged, and they stay as they are.
        """
        try:
            return reorder(self.plugin, resources, taken)
        # As above: a site's own code.
        except (Exception, SystemExit) as problem:  # noqa: BLE001
            log.error(_NOT_USED, self.name, problem)
            return resources


def resource_order(plugins: Plugins, name: str) -> ResourceOrder | None:
    """Give the order of that name, None when the setting is empty.

    None also when it cannot be had: then the log says what is wrong, and the order is that of SQL.
    """
    if not name:
        return None
    try:
        return ResourceOrder(name, plugins.resource_order_plugin(name))
    except NoSuchPlugin as problem:
        log.error(_NOT_USED, name, problem)
        return None
