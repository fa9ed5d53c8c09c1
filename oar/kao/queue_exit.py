"""How the command ``kamelot`` ends: a code of OAR 2's protocol, and one line."""

import logging
from enum import IntEnum

from click import ClickException
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from oar.db.queues import UnknownQueue
from oar.errors import BadRequest, ConfigurationError, DatabaseUnreachable, OarError
from oar.kao.queue_scheduler import QueueNotActive

log = logging.getLogger(__name__)


class QueueExit(IntEnum):
    """The exit codes; OAR 2 goes on after 0 and 1, and switches the queue off after any other.

    So what may be over at the next round is a 1, and only what somebody has to put right is more.
    """

    PLANNED = 0
    LEFT_ALONE = 1
    BAD_ARGUMENTS = 2
    CONFIGURATION = 78


_CODES: tuple[tuple[type[OarError], QueueExit], ...] = (
    (BadRequest, QueueExit.BAD_ARGUMENTS),
    (UnknownQueue, QueueExit.LEFT_ALONE),  # removed since the round began; the next one may have it again
    (QueueNotActive, QueueExit.LEFT_ALONE),
    (DatabaseUnreachable, QueueExit.LEFT_ALONE),
    (ConfigurationError, QueueExit.CONFIGURATION),
)
_SOMEBODY_ELSE = frozenset({"40001", "40P01", "55P03"})
"""PostgreSQL's codes for a transaction that had to give way to another."""


def verdict(error: Exception) -> tuple[QueueExit, str]:
    """Say how to end after an error, and in which words; what nobody foresaw is logged in full."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code, str(error)
    if isinstance(error, ClickException):
        return QueueExit.BAD_ARGUMENTS, f"{error.format_message().rstrip('.')}; see kamelot --help"
    if isinstance(error, SQLAlchemyError):
        return _refusal(error)
    log.error("kamelot failed", exc_info=error)
    return QueueExit.LEFT_ALONE, f"failed: {' '.join(f'{type(error).__name__}: {error}'.split())}"


def _refusal(error: SQLAlchemyError) -> tuple[QueueExit, str]:
    cause = error.orig if isinstance(error, DBAPIError) else error
    words = (str(cause).strip().splitlines() or [type(error).__name__])[0]
    if getattr(cause, "pgcode", None) in _SOMEBODY_ELSE:
        return QueueExit.LEFT_ALONE, f"gave way to another transaction, nothing was changed: {words}"
    return (
        QueueExit.LEFT_ALONE,
        f"the database refused: {words}; oar-database check tells whether it is up to date",
    )
