"""What was asked and used lately, queue by queue, from the windows of accounting."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from sqlalchemy import BigInteger, Connection, cast, func, select

from oar.core.fair_share import PastUse
from oar.db.tables_admin import AccountingRow

USED = "USED"


def read_past_use(connection: Connection, now: int, window_s: int) -> Mapping[str, PastUse]:
    """Give the past use of each queue, from the windows that began in the last ``window_s`` seconds.

    One query, which reads the rows of these windows alone: the primary key begins with their date.
    """
    row = AccountingRow
    consumption = cast(func.sum(row.consumption), BigInteger)
    whom = (row.queue_name, row.consumption_type, row.accounting_user, row.accounting_project)
    found = connection.execute(
        select(*whom, consumption)
        .where(row.window_start >= now - window_s, row.window_start < now)
        .group_by(*whom)
    )
    used_by_user: dict[str, Counter[str]] = defaultdict(Counter)
    used_by_project: dict[str, Counter[str]] = defaultdict(Counter)
    asked_by_user: dict[str, Counter[str]] = defaultdict(Counter)
    for queue, kind, user, project, seconds in found:
        if kind == USED:
            used_by_user[queue][user] += seconds
            used_by_project[queue][project] += seconds
        else:
            asked_by_user[queue][user] += seconds
    return {
        queue: PastUse(used_by_user[queue], used_by_project[queue], asked_by_user[queue])
        for queue in sorted(used_by_user.keys() | asked_by_user.keys())
    }
