"""The plugins that an installation has, by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from procset import ProcSet

from oar.core.job import Resource
from oar.kamelot.plugins.candidates import Candidates
from oar.kamelot.plugins.openings import Choice, Openings

FindPlugin = Callable[[Candidates], ProcSet | None]
"""Chooses resources for all groups of a request from those that are free; None: there is too little.

It is asked about one window of time after the other. Asked the same again, it must answer the same.
"""

AssignPlugin = Callable[[Openings], Choice | None]
"""Chooses where and when a job runs; None: nowhere, in this round."""

ResourceOrderPlugin = Callable[[Sequence[Resource], ProcSet], Sequence[Resource]]
"""Puts the resources, given in SQL order, into the order to give them; the ProcSet is what is taken now.

The resources of a node keep their order among themselves.
"""

Plugin = TypeVar("Plugin")


class NoSuchPlugin(Exception):
    """A plugin that is not there, or that could not be loaded; the text says which, and what there is."""


@dataclass(frozen=True, slots=True, eq=False)
class Plugins:
    """The plugins by name; ``broken`` tells for ``find=name`` and the like why it could not be loaded."""

    find: Mapping[str, FindPlugin] = field(default_factory=dict)
    assign: Mapping[str, AssignPlugin] = field(default_factory=dict)
    resource_order: Mapping[str, ResourceOrderPlugin] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)

    def find_plugin(self, name: str) -> FindPlugin:
        """Give a matching plugin; raises NoSuchPlugin."""
        return self._get("find", "matching plugin", self.find, name)

    def assign_plugin(self, name: str) -> AssignPlugin:
        """Give a search plugin; raises NoSuchPlugin."""
        return self._get("assign", "search plugin", self.assign, name)

    def resource_order_plugin(self, name: str) -> ResourceOrderPlugin:
        """Give a resource order plugin; raises NoSuchPlugin."""
        return self._get("resource_order", "resource order plugin", self.resource_order, name)

    def _get(self, kind: str, words: str, there: Mapping[str, Plugin], name: str) -> Plugin:
        found = there.get(name)
        if found is not None:
            return found
        reason = self.broken.get(f"{kind}={name}")
        if reason is not None:
            raise NoSuchPlugin(f"this {words} could not be loaded: {reason}")
        names = f"there are {', '.join(sorted(there))}" if there else "there are none"
        raise NoSuchPlugin(f"there is no such {words}; {names}")


NO_PLUGINS = Plugins()
"""An installation without any; the normal matching and the normal search need none."""
