"""Reservations that have not begun."""

from sqlalchemy import Connection, func, select

from oar.core.states import JobState, ReservationState
from oar.db.locks import lock_reservations
from oar.db.tables_jobs import JobRow


def count_waiting_reservations(connection: Connection, user: str) -> int:
    """Count the reservations of a user that have not begun, answered or not.

    Nobody else counts them until the commit: what is added to them meanwhile is counted by the next one.
    """
    lock_reservations(connection, user)
    query = select(func.count()).where(
        JobRow.state.in_((JobState.WAITING, JobState.HOLD, JobState.TO_ACK_RESERVATION)),
        JobRow.reservation != ReservationState.NONE,
        JobRow.job_user == user,
    )
    return int(connection.execute(query).scalar_one())
