"""The worker that checks nodes from time to time; nothing waits for it."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial

from sqlalchemy import Connection

from oar.almighty.finaud.methods import NoVerdict
from oar.almighty.finaud.probe import NODES_AT_ONCE, Prober
from oar.almighty.means import Means
from oar.core.messages import Hint
from oar.db.engine import database_now
from oar.db.node_checks import ToCheck, nodes_to_check, write_check
from oar.db.node_moves import NodeChanges

log = logging.getLogger(__name__)


class Finaud:
    """Asks nodes whether they answer, and records of those that changed what follows."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._prober = Prober(means.remote, means.settings)

    async def check(self) -> None:
        """Ask all nodes that are worth it once; what is known of some is written before others are asked."""
        settings = self._means.settings.checks
        read = partial(nodes_to_check, with_jobs=settings.with_jobs, repair=not settings.no_repair)
        nodes = await self._means.database.run(read)
        log.debug("node check: %d nodes", len(nodes))
        for first in range(0, len(nodes), NODES_AT_ONCE):
            some = nodes[first : first + NODES_AT_ONCE]
            try:
                silent = await self._prober.find_silent([one.node for one in some])
            except NoVerdict as error:
                log.error("node check: nothing was found out: %s", error)
                return
            await self._write(some, silent)

    async def _write(self, nodes: Sequence[ToCheck], silent: Mapping[str, str]) -> None:
        answering = [one.node for one in nodes if one.is_suspected and one.node not in silent]
        if not silent and not answering:
            return
        write = partial(_write, silent=silent, answering=answering)
        changes = await self._means.database.run(write)
        for change in changes.changes:
            what = silent.get(change.node, "answers again")
            log.info("resource %d of %s: %s, %s", change.resource_id, change.node, change.state, what)
        if changes.changes:
            self._means.hear(Hint.SCHEDULE)


def _write(connection: Connection, silent: Mapping[str, str], answering: Sequence[str]) -> NodeChanges:
    return write_check(connection, silent, answering, database_now(connection))
