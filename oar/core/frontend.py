"""Where the command of a job runs: on its first node, or on a frontend. Pure."""

from collections.abc import Collection, Sequence

from oar.settings import FrontendSettings

DEPLOY = "deploy"
ON_FRONTEND = frozenset({DEPLOY, "cosystem"})
"""Types of jobs whose nodes are somebody else's: installed anew, or run by another system."""


def works_on_nodes(types: Collection[str], nodes: Sequence[str]) -> bool:
    """Tell whether a job's command runs on its nodes; one with licences only has none."""
    return bool(nodes) and ON_FRONTEND.isdisjoint(types)


def host_of(types: Collection[str], nodes: Sequence[str], frontends: FrontendSettings) -> str:
    """Name the machine that a job's command runs on."""
    if DEPLOY in types:
        return frontends.deploy
    return nodes[0] if works_on_nodes(types, nodes) else frontends.cosystem
