"""How a site changes where jobs are placed, without changing kamelot: three kinds of plugin.

A plugin is a function that is given values and returns a value; docs/plugins.md has an example of each kind.

* a *matching* plugin, ``find=name``, chooses the resources of a job whose window of time is given;
* a *search* plugin, ``assign=name``, chooses moldable, start and resources of a job itself;
* a *resource order* plugin, named in the settings, says which resources are given first.

What a plugin returns is checked before it is used. One that raises, or that returns what cannot be, costs the
job that asked for it its place in this round, and the job is told why; no other job notices.
"""

from oar.kamelot.plugins.arguments import Arguments, BadArguments
from oar.kamelot.plugins.candidates import Candidates, GroupCandidates
from oar.kamelot.plugins.openings import Choice, Openings, Option, Slot
from oar.kamelot.plugins.registry import NO_PLUGINS, AssignPlugin, FindPlugin, Plugins, ResourceOrderPlugin

__all__ = [
    "NO_PLUGINS",
    "Arguments",
    "AssignPlugin",
    "BadArguments",
    "Candidates",
    "Choice",
    "FindPlugin",
    "GroupCandidates",
    "Openings",
    "Option",
    "Plugins",
    "ResourceOrderPlugin",
    "Slot",
]
