"""Offers nodes that have become Suspected to the program of the site that may mend them."""

import logging
from functools import partial

from oar.almighty.energy.commands import feed
from oar.almighty.means import Means
from oar.db.notices import Notice, sick_resources

log = logging.getLogger(__name__)


async def heal(means: Means, notice: Notice) -> str | None:
    """Run the program once for the nodes of a notice; tell what came of it, None when it is to wait.

    Nodes that were mended meanwhile are not offered.
    """
    settings = means.settings.checks
    if not settings.healing:
        return ""
    sick = await means.database.run(partial(sick_resources, nodes=notice.nodes))
    if settings.healing_waits and any(one.in_use for one in sick):
        return None
    if not sick:
        return "(none is Suspected any more)"
    nodes = ", ".join(sorted({one.node for one in sick}))
    log.info("healing: %s offered to %s", nodes, settings.healing[0])
    lines = [f"{one.resource_id} {one.node}" for one in sick]
    trouble = await feed(settings.healing, lines, settings.healing_timeout_s)
    if trouble:
        log.error("healing of %s: %s", nodes, trouble)
    return f"(healing: {trouble or 'done'})"
