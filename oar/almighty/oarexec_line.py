"""Signals to oarexec, with gates, so that a node that does not answer delays no signals but its own."""

import asyncio
from collections import defaultdict
from functools import partial

from oar.almighty.gate import PatientGate
from oar.db.launch import JobOnNodes
from oar.remote.programs import NodeSignal, signal_argv
from oar.remote.runner import Answer, Remote
from oar.settings import Settings

SIGNALS_AT_ONCE = 64
SLOW_SIGNALS = 256
SLOW_AFTER_S = 3.0
SIGNALS_AT_ONCE_PER_NODE = 4
NO_OAREXEC = 1
"""What the signal command ends with where no oarexec of the job is alive."""
PAUSES_S = (0.2, 0.4, 0.8)
"""A site's own oarexec may write its pid file a moment after its ready line."""


class OarexecLine:
    """A way to the oarexecs of jobs; only so many signals go out at once, to each node and to all."""

    def __init__(self, remote: Remote, settings: Settings) -> None:
        self._remote = remote
        self._settings = settings
        self._of_all = PatientGate(SIGNALS_AT_ONCE, SLOW_SIGNALS, SLOW_AFTER_S)
        self._of_node: defaultdict[str, asyncio.Semaphore] = defaultdict(
            partial(asyncio.Semaphore, SIGNALS_AT_ONCE_PER_NODE)
        )

    async def send(self, job: JobOnNodes, signal: NodeSignal, user_signal: str = "") -> Answer:
        """Send one signal to where the job works; ``user_signal`` is what USER_SIGNAL passes on.

        The answer's status is NO_OAREXEC where no oarexec of the job is alive.
        """
        node, settings = job.host(self._settings.frontends), self._settings.nodes
        argv = signal_argv(job.job_id, signal, settings.runtime_directory, user_signal)
        async with self._of_node[node], self._of_all.place():
            return await self._remote.run_command(node, argv, b"", settings.ssh_timeout_s)
