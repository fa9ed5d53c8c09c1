"""What the parts of the server work with; passed in, so that tests pass in theirs."""

from collections.abc import Callable
from dataclasses import dataclass

from oar.almighty.clients import Clients
from oar.almighty.database import Database
from oar.almighty.job_queues import JobAction
from oar.core.messages import Hint
from oar.remote.runner import Remote
from oar.settings import Settings


@dataclass(frozen=True, slots=True)
class Means:
    """The ways to the database, to the nodes, and to the other parts of the server.

    ``hear`` notes a hint in the agenda, ``act`` queues an action on a job, ``is_busy`` tells whether one on
    this job waits or runs, ``clients`` talk to the oarsubs that wait.
    """

    database: Database
    remote: Remote
    settings: Settings
    hear: Callable[[Hint], None]
    act: Callable[[JobAction], None]
    is_busy: Callable[[int], bool]
    clients: Clients

    @property
    def many_nodes_timeout_s(self) -> float:
        """How long a program on all nodes of a job may take."""
        return 2.0 * self.settings.nodes.ssh_timeout_s

    @property
    def oarexec_timeout_s(self) -> float:
        """How long oarexec may take to be ready, with its prologue."""
        nodes = self.settings.nodes
        return nodes.prologue_timeout_s + 30.0 + nodes.ssh_timeout_s

    @property
    def has_cgroups(self) -> bool:
        """Tell whether cleaning a node is sure to end everything of a job there."""
        nodes = self.settings.nodes
        return bool(nodes.cpuset_property and nodes.cpuset_path)
