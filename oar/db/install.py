"""Makes, fills, checks and removes an installation's database; a step is whole or leaves nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, Engine, insert, select
from sqlalchemy.exc import DBAPIError

from oar.db.conditions import words_of
from oar.db.engine import open_engine, open_reader, open_url
from oar.db.roles import (
    Say,
    check_accounts,
    create_roles,
    drop_roles,
    grant_reading,
    missing_roles,
    owner_of,
    quoted,
)
from oar.db.schema import (
    differences,
    known_revisions,
    lock_for_upgrade,
    migrate,
    newest_revision,
    present_revision,
)
from oar.db.tables_admin import QueueRow, SchemaRow
from oar.errors import DatabaseUnreachable, OarError
from oar.settings import DatabaseSettings

SCHEMA_VERSION = "4.0.0"
"""The word in table ``schema``, for programs that ask OAR's way; revisions are what we go by."""
QUEUES = (("admin", 10), ("default", 2), ("besteffort", 0))
IN_USE = {"55006", "55P03"}
"""PostgreSQL's codes for an object that others use, and for a lock that was not given in time."""


class InstallationError(OarError):
    """The database server refused a step; what was begun is undone."""


class ForeignSchema(OarError):
    """The database holds tables that these migrations did not make."""


class NewerSchema(OarError):
    """The database was upgraded by a newer version of OAR."""


def create(admin: URL, settings: DatabaseSettings, say: Say) -> None:
    """Make the roles and the empty database as an administrator of PostgreSQL; what is there already stays.

    Raises DatabaseUnreachable, ConfigurationError or InstallationError; then nothing new is left.
    """
    check_accounts(settings)
    server = open_url(admin)
    try:
        with _explained("create"):
            made = create_roles(server, settings, say)
            try:
                _create_database(server, admin, settings, say)
            except BaseException:
                drop_roles(server, made)
                raise
    finally:
        server.dispose()


def initialise(engine: Engine, settings: DatabaseSettings, say: Say) -> None:
    """Bring the schema to the newest revision and, in a new database, write the first rows; all or nothing.

    Raises DatabaseUnreachable, ForeignSchema, NewerSchema or InstallationError.
    """
    with _explained("init"), engine.begin() as connection:
        lock_for_upgrade(connection)
        for problem in missing_roles(connection, settings):
            raise InstallationError(problem)
        _upgrade(connection, settings, say)
        if connection.execute(select(SchemaRow.version)).first() is None:
            write_first_rows(connection)
        grant_reading(connection, settings)


def problems(settings: DatabaseSettings) -> list[str]:
    """Say what is wrong with the database, one line each; nothing when it is ready.

    Raises DatabaseUnreachable when it does not answer OAR's own account.
    """
    engine = open_engine(settings)
    try:
        with _explained("check"), engine.connect() as connection:
            wanted, present = newest_revision(), present_revision(connection)
            if present is None:
                return [f"database {settings.name} holds no schema of ours; run: oar-database init"]
            if present != wanted:
                return [f"the schema is at revision {present}, OAR wants {wanted}; run: oar-database init"]
            return [
                *differences(connection),
                *missing_roles(connection, settings),
                *_problems_of_reader(settings),
            ]
    finally:
        engine.dispose()


def drop(admin: URL, settings: DatabaseSettings, say: Say) -> None:
    """Remove the database, then the roles that nothing else uses.

    Raises DatabaseUnreachable or InstallationError.
    """
    server = open_url(admin)
    try:
        with _explained("drop"):
            with _autocommit(server) as connection:
                say("Removing the database...")
                connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {quoted(connection, settings.name)}")
            for role in (settings.login, settings.reader_login, owner_of(settings)):
                if not drop_roles(server, [role]):
                    say(f"Role {role} stays: something else uses it.")
    finally:
        server.dispose()


def _create_database(server: Engine, admin: URL, settings: DatabaseSettings, say: Say) -> None:
    with _autocommit(server) as connection:
        name = quoted(connection, settings.name)
        owner = quoted(connection, owner_of(settings))
        there = connection.exec_driver_sql("SELECT 1 FROM pg_database WHERE datname = %s", (settings.name,))
        if there.first() is not None:
            say(f"Database {settings.name} is already there.")
            return
        say("Creating the database...")
        connection.exec_driver_sql(f"CREATE DATABASE {name} OWNER {owner} ENCODING 'UTF8' TEMPLATE template0")
        try:
            _close_database(admin, settings)
        except BaseException:
            connection.exec_driver_sql(f"DROP DATABASE {name}")
            raise


def _close_database(admin: URL, settings: DatabaseSettings) -> None:
    """Keep out of the new database whoever is not one of the three roles."""
    inside = open_url(admin.set(database=settings.name))
    try:
        with inside.begin() as connection:
            name, owner, login, reader = (
                quoted(connection, word)
                for word in (settings.name, owner_of(settings), settings.login, settings.reader_login)
            )
            connection.exec_driver_sql(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
            connection.exec_driver_sql(f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {login}")
            connection.exec_driver_sql(f"GRANT CONNECT ON DATABASE {name} TO {reader}")
            connection.exec_driver_sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
            # before PostgreSQL 16 these write even in a read-only transaction
            connection.exec_driver_sql(
                "REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) "
                "FROM PUBLIC"
            )
            # a condition typed by a user runs as the reader: it must not end the sessions of other readers
            ending = "FUNCTION pg_terminate_backend(integer, bigint), pg_cancel_backend(integer)"
            connection.exec_driver_sql(f"REVOKE EXECUTE ON {ending} FROM PUBLIC")
            connection.exec_driver_sql(f"GRANT EXECUTE ON {ending} TO {login}")
            connection.exec_driver_sql(f"GRANT USAGE, CREATE ON SCHEMA public TO {owner}")
            connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA public TO {reader}")
    finally:
        inside.dispose()


def _upgrade(connection: Connection, settings: DatabaseSettings, say: Say) -> None:
    before, wanted = present_revision(connection), newest_revision()
    if before == wanted:
        say(f"The database is up to date (revision {wanted}).")
        return
    if before is None:
        _refuse_foreign_tables(connection, settings)
        say(f"Initializing database '{settings.name}'...")
    elif before not in known_revisions():
        raise NewerSchema(
            f"database {settings.name} is at revision {before}, newer than {wanted}: upgrade OAR"
        )
    else:
        say(f"The current revision is {before}. Upgrading to {wanted}.")
    connection.exec_driver_sql(f"SET LOCAL ROLE {quoted(connection, owner_of(settings))}")
    migrate(connection)


def write_first_rows(connection: Connection) -> None:
    """Write what a new database begins with: OAR's three queues, and the version."""
    connection.execute(
        insert(QueueRow),
        [
            {"queue_name": name, "priority": priority, "scheduler_policy": "kamelot"}
            for name, priority in QUEUES
        ],
    )
    connection.execute(insert(SchemaRow).values(version=SCHEMA_VERSION, name=""))


def _refuse_foreign_tables(connection: Connection, settings: DatabaseSettings) -> None:
    if connection.exec_driver_sql("SELECT to_regclass('jobs')").scalar_one() is not None:
        raise ForeignSchema(
            f"database {settings.name} already holds a table jobs that is not of these migrations (OAR 2?): "
            "give DB_BASE_NAME an empty database"
        )


def _problems_of_reader(settings: DatabaseSettings) -> Iterator[str]:
    reader = open_reader(settings)
    try:
        with reader.connect() as connection:
            reads, writes, sees_secrets = connection.exec_driver_sql(
                "SELECT has_table_privilege('jobs', 'SELECT'), has_table_privilege('jobs', 'UPDATE'), "
                "has_table_privilege('challenges', 'SELECT')"
            ).one()
    except DatabaseUnreachable as error:
        yield str(error)
        return
    finally:
        reader.dispose()
    if not reads:
        yield f"role {settings.reader_login} cannot read jobs; run: oar-database init"
    if writes or sees_secrets:
        yield f"role {settings.reader_login} (DB_BASE_LOGIN_RO) can write jobs or read challenges"


@contextmanager
def _autocommit(server: Engine) -> Iterator[Connection]:
    with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


@contextmanager
def _explained(action: str) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        in_use = getattr(error.orig, "pgcode", None) in IN_USE
        advice = "; stop oar-server and leave psql first" if in_use else ""
        raise InstallationError(f"{action}: {words_of(error)}; nothing was changed{advice}") from error
