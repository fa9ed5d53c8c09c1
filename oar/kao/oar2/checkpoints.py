"""Has besteffort jobs told to save their work before they make room: OAR 2 leaves it to its metascheduler."""

import logging
import subprocess
from collections.abc import Collection

from sqlalchemy import Engine

from oar.core.events import EventKind
from oar.core.job import JobId
from oar.db.resumptions import close_orders
from oar.db.signals import signal_orders
from oar.kao.external.policy import DEFAULT_OARDIR

log = logging.getLogger(__name__)

TIMEOUT_S = 30.0


def send_checkpoints(engine: Engine, leaving: Collection[JobId], oardir: str | None) -> None:
    """Have OAR 2's ``oardel`` send the signals that were ordered for these jobs; it records how that went.

    One that cannot be sent is not sent again: the job is killed when its checkpoint seconds are over.
    """
    if not leaving:
        return
    with engine.begin() as connection:
        orders = [one for one in signal_orders(connection) if one.job_id in leaving and one.number is None]
    for order in orders:
        command = (f"{oardir or DEFAULT_OARDIR}/oardel", "-c", str(order.job_id))
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=TIMEOUT_S
            )
            log.info("job %d: oardel -c ended with %d", order.job_id, done.returncode)
        except (OSError, subprocess.TimeoutExpired) as error:
            log.error("job %d: cannot be told to save its work: %s", order.job_id, error)
        with engine.begin() as connection:
            close_orders(connection, order.job_id, EventKind.CHECKPOINT)
