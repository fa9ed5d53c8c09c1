"""How many reservations a user may have that have not begun."""

from sqlalchemy import Connection

from oar.db.waiting_reservations import count_waiting_reservations
from oar.submit.admission import AdmissionRefused, Draft


def check_reservations(connection: Connection, draft: Draft) -> None:
    """Refuse (AdmissionRefused) a reservation of a user who has as many as the site allows."""
    most = draft.settings.waiting_reservations
    if not most or draft.author.has_no_reservation_limit:
        return
    if count_waiting_reservations(connection, draft.author.name) >= most:
        raise AdmissionRefused(
            f"[ADMISSION RULE] Error: you cannot have more than {most} waiting advance reservations."
        )
