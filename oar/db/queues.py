"""Queues: read and change them."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from oar.core.states import QueueState
from oar.db.store import store_of
from oar.db.tables_admin import QueueRow
from oar.db.tables_jobs import LIVE, JobRow
from oar.errors import OarError


class UnknownQueue(OarError):
    """No queue has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no queue {name}; oarqueue -l lists them")
        self.name = name


class QueueExists(OarError):
    """A queue of this name is already there."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is already a queue {name}; oarqueue -l lists them")
        self.name = name


class QueueInUse(OarError):
    """Jobs that have not ended are in the queue."""

    def __init__(self, name: str, jobs: int) -> None:
        super().__init__(f"queue {name} still holds {jobs} job(s): let them end or delete them first")
        self.name = name


class BadQueue(OarError):
    """A name or a priority that a queue cannot have."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue; of two, the one with the higher ``priority`` is scheduled first."""

    name: str
    priority: int
    policy: str
    state: QueueState


@dataclass(frozen=True, slots=True)
class Failures:
    """How often the scheduler of a queue failed in a row, and whether that stops the queue."""

    in_a_row: int
    stops: bool


def list_queues(connection: Connection) -> list[Queue]:
    """Return the queues, the most important first."""
    rows = connection.execute(
        select(QueueRow.queue_name, QueueRow.priority, QueueRow.scheduler_policy, QueueRow.state).order_by(
            QueueRow.priority.desc(), QueueRow.queue_name
        )
    )
    return [Queue(name, priority, policy, QueueState(state)) for name, priority, policy, state in rows]


def add_queue(connection: Connection, name: str, priority: int, policy: str = "kamelot") -> None:
    """Make an active queue; raises QueueExists or BadQueue."""
    check_queue(name, priority, policy)
    if name in {queue.name for queue in list_queues(connection)}:
        raise QueueExists(name)
    connection.execute(
        insert(QueueRow).values(
            queue_name=name, priority=priority, scheduler_policy=policy, state=QueueState.ACTIVE
        )
    )


def change_queue(
    connection: Connection, name: str, priority: int | None = None, policy: str | None = None
) -> None:
    """Change what is given of a queue; raises UnknownQueue or BadQueue."""
    check_queue(name, priority or 0, policy or "")
    values = {"priority": priority, "scheduler_policy": policy}
    given = {column: value for column, value in values.items() if value is not None}
    _update(connection, name, given or {"queue_name": name})


def enable_queue(connection: Connection, name: str) -> None:
    """Let the queue's jobs be scheduled; raises UnknownQueue."""
    _update(connection, name, {"state": QueueState.ACTIVE})


def disable_queue(connection: Connection, name: str) -> None:
    """Leave the queue's waiting jobs alone from now on; raises UnknownQueue."""
    _update(connection, name, {"state": QueueState.INACTIVE})


def enable_all_queues(connection: Connection) -> None:
    """Let the jobs of every queue be scheduled."""
    connection.execute(update(QueueRow).values(state=QueueState.ACTIVE))


def disable_all_queues(connection: Connection) -> None:
    """Leave all waiting jobs alone from now on."""
    connection.execute(update(QueueRow).values(state=QueueState.INACTIVE))


def note_failure(connection: Connection, name: str, allowed: int) -> Failures:
    """Count a failure of the scheduler of a queue; the one after so many in a row makes it not active.

    ``allowed`` 0 never does. The count begins anew when the queue is made active again. Where the database
    cannot count, each is the first.
    """
    if not store_of(connection).counts_failures:
        return Failures(1, stops=allowed == 1)
    failures = connection.scalar(
        update(QueueRow)
        .where(QueueRow.queue_name == name)
        .values(failures=QueueRow.failures + 1)
        .returning(QueueRow.failures)
    )
    found = Failures(failures or 1, stops=bool(allowed) and (failures or 1) >= allowed)
    if found.stops:
        _update(connection, name, {"state": QueueState.INACTIVE, "failures": 0})
    return found


def note_success(connection: Connection, name: str) -> None:
    """Forget the failures of the scheduler of a queue, if there were any."""
    if not store_of(connection).counts_failures:
        return
    connection.execute(
        update(QueueRow).where(QueueRow.queue_name == name, QueueRow.failures > 0).values(failures=0)
    )


def remove_queue(connection: Connection, name: str) -> None:
    """Remove a queue without live jobs; raises UnknownQueue or QueueInUse."""
    jobs = connection.execute(
        select(func.count()).select_from(JobRow).where(JobRow.queue_name == name, LIVE)
    ).scalar_one()
    if jobs:
        raise QueueInUse(name, jobs)
    if not connection.execute(delete(QueueRow).where(QueueRow.queue_name == name)).rowcount:
        raise UnknownQueue(name)


def _update(connection: Connection, name: str, values: Mapping[str, object]) -> None:
    if not connection.execute(update(QueueRow).where(QueueRow.queue_name == name).values(values)).rowcount:
        raise UnknownQueue(name)


def check_queue(name: str, priority: int, policy: str) -> None:
    """Refuse what a queue cannot be; raises BadQueue."""
    if not name or len(name) > 100 or not name.isprintable() or any(letter in " ," for letter in name):
        raise BadQueue(f"bad queue name '{name}': 1 to 100 characters, no blanks and no commas")
    if not -(2**31) <= priority < 2**31:
        raise BadQueue(f"bad priority {priority} of queue {name}: a whole number of 32 bits is expected")
    if len(policy) > 100 or not policy.isprintable() or " " in policy:
        raise BadQueue(
            f"bad policy of queue {name}: the name of a scheduler, up to 100 characters, no blanks"
        )
