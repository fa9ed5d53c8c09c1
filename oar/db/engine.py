"""Opens PostgreSQL: read-write as the account of OAR, read-only for conditions that users write.

Connections are made when they are needed. Functions of this layer take a connection and never commit:
callers write ``with engine.begin() as connection:``.
"""

import time
from enum import Enum
from typing import Any, NoReturn

import psycopg2
from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.exc import InvalidatePoolError

from oar.errors import DatabaseUnreachable
from oar.settings import DatabaseSettings

OLDEST_POSTGRESQL = 14
POOL_SIZE = 10
"""Connections that stay open; the server has 8 threads."""
READER_TIMEOUT_S = 10
PLANNING = "SET jit = off; SET random_page_cost = 1.1"
"""Our queries are short and look for live rows, which are in memory: to compile them, or to prefer reading a
whole table over looking rows up in its index, costs more the longer the history is."""
FIND_SCHEMA = "SELECT relkind FROM pg_class WHERE oid = to_regclass('assigned_resources')"
LAST_USE = "last use"
"""Where a connection's record says when it was given back, by the clock of this process."""
ADVICE = {
    "password authentication failed": "check DB_BASE_LOGIN and DB_BASE_PASSWD (or the _RO pair) in oar.conf",
    "no password supplied": "set DB_BASE_PASSWD and DB_BASE_PASSWD_RO in oar.conf",
    "authentication failed": "check DB_BASE_LOGIN in oar.conf and PostgreSQL's pg_hba.conf",
    "role ": "check DB_BASE_LOGIN and DB_BASE_LOGIN_RO in oar.conf, or run: oar-database create",
    "does not exist": "check DB_BASE_NAME in oar.conf, or run: oar-database create",
}


KEEP_ALIVE = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60000,
}
"""A database host that vanishes without a word is noticed within a minute; a unix socket ignores it."""


class Schema(Enum):
    """Whose tables a database has; told by what is there, never by a version that it states."""

    NATIVE = "native"
    OAR2 = "OAR 2"
    """``assigned_resources`` is a table: it is the database of an OAR 2 that is in charge of it."""


def schema_of(connection: Connection) -> Schema:
    """Say whose tables the database had when it was connected; an empty one counts as native."""
    found: Schema = connection.info.get(Schema, Schema.NATIVE)
    return found


def database_url(settings: DatabaseSettings, login: str, password: str) -> URL:
    """Name the database as SQLAlchemy wants it; a host that begins with a slash is a socket's folder."""
    return URL.create(
        "postgresql+psycopg2",
        username=login,
        password=password or None,
        host=settings.host or None,
        port=settings.port,
        database=settings.name,
    )


def open_engine(settings: DatabaseSettings, trusted_for_s: float = 0.0) -> Engine:
    """Open the database as OAR's own account; its connections raise DatabaseUnreachable.

    ``trusted_for_s`` is for who tries again what fails: a connection that was used so lately is taken without
    a ping, which costs as much as a short transaction.
    """
    return open_url(database_url(settings, settings.login, settings.password), trusted_for_s)


def open_reader(settings: DatabaseSettings, timeout_s: int = READER_TIMEOUT_S) -> Engine:
    """Open the database as the read-only account: transactions are READ ONLY and statements end in time."""
    reader = open_url(database_url(settings, settings.reader_login, settings.reader_password))
    limits = (
        f"SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = {1000 * timeout_s}; "
        "SET LOCAL standard_conforming_strings = on"
    )

    @event.listens_for(reader, "begin")
    def set_limits(connection: Connection) -> None:
        # at each begin, since a statement of a user could have changed the session's own settings
        connection.exec_driver_sql(limits)

    return reader


def open_url(url: URL, trusted_for_s: float = 0.0, **options: Any) -> Engine:
    """Open any PostgreSQL with our checks: reachable, and not too old; raises DatabaseUnreachable."""
    engine = create_engine(
        url,
        connect_args={"connect_timeout": 10, "application_name": "oar", **KEEP_ALIVE},
        pool_size=POOL_SIZE,
        executemany_mode="values_plus_batch",
        **options,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        if connection.server_version < OLDEST_POSTGRESQL * 10000:
            version = connection.server_version // 10000
            raise DatabaseUnreachable(
                f"PostgreSQL at {place(url)} is version {version}: OAR needs {OLDEST_POSTGRESQL} or newer"
            )
        with connection.cursor() as cursor:
            cursor.execute(f"{PLANNING}; {FIND_SCHEMA}")
            record.info[Schema] = Schema.OAR2 if cursor.fetchone() == ("r",) else Schema.NATIVE
        connection.commit()

    @event.listens_for(engine, "checkin")
    def date(connection: Any, record: Any) -> None:
        record.info[LAST_USE] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ping(connection: Any, record: Any, proxy: Any) -> None:
        used_at = record.info.get(LAST_USE)
        if used_at is not None and time.monotonic() - used_at >= trusted_for_s:
            try:
                engine.dialect.do_ping(connection)
            except psycopg2.Error as error:
                # The pool makes a new one, and holds those that are as old for dead too.
                raise InvalidatePoolError from error

    @event.listens_for(engine, "handle_error")
    def tell(context: ExceptionContext) -> None:
        # A ping that fails only means that the pool makes a new connection.
        if not context.is_pre_ping and (context.connection is None or context.is_disconnect):
            _refuse(url, context.original_exception)

    return engine


def one_moment(engine: Engine) -> Connection:
    """Open a connection whose queries all see the database at one moment: a whole plan, with its jobs."""
    return engine.connect().execution_options(isolation_level="REPEATABLE READ")


def place(url: URL) -> str:
    """Say where a database server is, in words."""
    host = url.host or url.query.get("host") or "the local socket"
    return f"{host}, port {url.port or 5432}"


def database_now(connection: Connection) -> int:
    """Say what time it is by the database's clock, which every stored date follows; epoch seconds."""
    return int(
        connection.exec_driver_sql("SELECT extract(epoch FROM current_timestamp)::bigint").scalar_one()
    )


def _refuse(url: URL, error: BaseException | None) -> NoReturn:
    reason = _last_line(error)
    found = (advice for words, advice in ADVICE.items() if words in reason)
    advice = next(found, "check that PostgreSQL runs, and DB_HOSTNAME and DB_PORT in oar.conf")
    raise DatabaseUnreachable(
        f"database {url.database} at {place(url)} does not answer account {url.username}: {reason}; {advice}"
    ) from error


def _last_line(error: BaseException | None) -> str:
    lines = [line.strip() for line in str(error or "").splitlines() if line.strip()]
    if isinstance(error, psycopg2.OperationalError) and lines and "FATAL:" in lines[0]:
        return lines[0].split("FATAL:", 1)[1].strip()
    return lines[0] if lines else "no reason given"
