"""What a submission of reservations must keep to: the dates there are, and how many a user may have."""

from sqlalchemy import Connection

from oar.core.durations import format_date
from oar.db.waiting_reservations import count_waiting_reservations
from oar.submit.admission import AdmissionRefused, Draft
from oar.submit.reservation import LAST_DATE, BadReservation, ReservedFor


def check_reservations(connection: Connection, draft: Draft, dates: ReservedFor) -> None:
    """Refuse reservations beyond the last date (BadReservation), or more than allowed (AdmissionRefused).

    Those that have not begun count, and each job of an array.
    """
    walltime_s = draft.submission.alternatives[0].walltime_s or draft.settings.default_walltime_s
    if dates.start + walltime_s > LAST_DATE:
        raise BadReservation(
            f"-r: with its walltime it would end {format_date(dates.start + walltime_s)}; "
            f"the last date is {format_date(LAST_DATE)}"
        )
    most = draft.settings.waiting_reservations
    if not most or draft.author.has_no_reservation_limit:
        return
    if count_waiting_reservations(connection, draft.author.name) + len(draft.submission.commands) > most:
        raise AdmissionRefused(
            f"[ADMISSION RULE] Error: you cannot have more than {most} waiting advance reservations."
        )
