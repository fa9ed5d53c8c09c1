"""What users and administrators are still to be told; written in the transaction in which it happens.

A notice is an event that is open (``to_check`` YES) until it was sent, or given up: a server that is killed
in between sends it once more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Text,
    and_,
    case,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from oar.core.events import EventKind
from oar.core.notify import WORDS, Tag, tag_of
from oar.core.states import JobState, NodeState
from oar.db.events import DESCRIPTION_LENGTH, IS_NOTICE, record
from oar.db.holders import holders
from oar.db.sets import among, set_of_ids
from oar.db.tables_admin import EventHostnameRow, EventRow
from oar.db.tables_jobs import JobRow
from oar.db.tables_resources import AssignmentRow, ResourceRow

NOTICES_AT_ONCE = 1000
_BY_MAIL = r"^\s*(\[[^\]]*\]\s*)?mail\s*:"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell; those without a job are for administrators. ``nodes`` are those it is about.

    ``notify`` is the user's wish as the job has it, ``host`` where the job was submitted.
    """

    event_id: int
    kind: EventKind
    words: str
    job_id: int = 0
    job_name: str = ""
    user: str = ""
    notify: str = ""
    host: str = ""
    nodes: tuple[str, ...] = ()


def notices_of_state(job_ids: Sequence[int], to: JobState, now: int) -> Insert | None:
    """Build what notes that users are to be told of jobs that come into a state; None if nobody ever is."""
    tag = tag_of(to)
    if tag is None:
        return None
    return _order(among(JobRow.job_id, job_ids), tag, WORDS[tag], now)


def order_info(connection: Connection, job_id: int, words: str, now: int) -> None:
    """Note that the user of a job is to be told that somebody wants its end, with the words of who does."""
    connection.execute(_order(JobRow.job_id == job_id, Tag.INFO, f"{WORDS[Tag.INFO]}{words}", now))


def open_notices(connection: Connection) -> list[Notice]:
    """List what was not told yet, oldest first."""
    nodes = (
        select(func.array_agg(aggregate_order_by(EventHostnameRow.hostname, EventHostnameRow.hostname.asc())))
        .where(EventHostnameRow.event_id == EventRow.event_id)
        .scalar_subquery()
    )
    rows = connection.execute(
        select(
            EventRow.event_id,
            EventRow.type,
            EventRow.description,
            EventRow.job_id,
            JobRow.job_name,
            JobRow.job_user,
            JobRow.notify,
            JobRow.info_type,
            nodes,
        )
        .outerjoin(JobRow, JobRow.job_id == EventRow.job_id)
        .where(IS_NOTICE, EventRow.to_check == "YES")
        .order_by(EventRow.event_id)
        .limit(NOTICES_AT_ONCE)
    )
    return [
        Notice(
            event_id,
            EventKind(kind),
            words,
            job_id,
            name or "",
            user or "",
            notify or "",
            (info or "").rpartition(":")[0],
            tuple(hosts or ()),
        )
        for event_id, kind, words, job_id, name, user, notify, info, hosts in rows
    ]


def close_notice(
    connection: Connection, notice: Notice, outcome: str, now: int, *, failed: bool = False
) -> None:
    """Note what became of a notice; one to a program that failed leaves an event of its own."""
    words = f"{notice.words} {outcome}".strip()
    closed = connection.execute(
        update(EventRow)
        .where(EventRow.event_id == notice.event_id, EventRow.to_check == "YES")
        .values(to_check="NO", description=words[:DESCRIPTION_LENGTH])
    )
    if failed and closed.rowcount and notice.kind is EventKind.USER_EXEC_NOTIFICATION:
        kind = EventKind.USER_EXEC_NOTIFICATION_ERROR
        record(connection, kind, job_id=notice.job_id, description=words, now=now)


def note_suspected(connection: Connection, nodes: Sequence[str], now: int) -> None:
    """Note that administrators, and the program that heals, are to be told of nodes that were usable."""
    words = f"Suspected: {', '.join(nodes)}"
    record(connection, EventKind.NODE_SUSPECTED, description=words, nodes=nodes, now=now)


def tell_administrators(connection: Connection, words: str, now: int, nodes: Sequence[str] = ()) -> None:
    """Note that administrators are to be told something."""
    record(connection, EventKind.TELL_ADMINISTRATORS, description=words, nodes=nodes, now=now)


@dataclass(frozen=True, slots=True)
class Sick:
    """A resource that is Suspected; ``in_use`` tells whether a job is on one of its node."""

    resource_id: int
    node: str
    in_use: bool


def sick_resources(connection: Connection, nodes: Sequence[str]) -> list[Sick]:
    """List those resources of some nodes that are Suspected still."""
    rows = connection.execute(
        select(ResourceRow.resource_id, ResourceRow.network_address, ResourceRow.state)
        .where(ResourceRow.network_address.in_(sorted(nodes)))
        .order_by(ResourceRow.resource_id)
    ).all()
    ids = set_of_ids([row.resource_id for row in rows])
    held = connection.execute(holders(ids).add_columns(AssignmentRow.resources))
    taken = {one for _, resources in held for one in resources}
    used = {row.network_address for row in rows if row.resource_id in taken}
    return [
        Sick(row.resource_id, row.network_address, row.network_address in used)
        for row in rows
        if row.state == NodeState.SUSPECTED
    ]


def _order(which: ColumnElement[bool], tag: Tag, words: str, now: int) -> Insert:
    by_mail = JobRow.notify.regexp_match(_BY_MAIL)
    kinds = case(
        (by_mail, literal(EventKind.USER_MAIL_NOTIFICATION.value, Text)),
        else_=literal(EventKind.USER_EXEC_NOTIFICATION.value, Text),
    )
    wanted = or_(
        ~JobRow.notify.regexp_match(r"^\s*\["),
        JobRow.notify.regexp_match(rf"^\s*\[[^\]]*\m{tag.value}\M", flags="i"),
    )
    text = literal(f"[{tag.value}] {words}"[:DESCRIPTION_LENGTH], Text)
    rows = select(kinds, JobRow.job_id, literal(now), text, literal("YES")).where(
        and_(which, JobRow.notify.is_not(None), JobRow.notify != "", wanted)
    )
    return insert(EventRow).from_select(["type", "job_id", "date", "description", "to_check"], rows)
