"""Makes, fills, checks and removes an installation's database and its three roles.

The owner role holds the schema and cannot log in; OAR's own login is a member of it; the reader can only
read, and runs the conditions that users write.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from psycopg2.extensions import encrypt_password
from sqlalchemy import URL, Connection, Engine, insert
from sqlalchemy.exc import DBAPIError

from oar.db.conditions import words_of
from oar.db.engine import READER_TIMEOUT_S, open_engine, open_reader, open_url
from oar.db.schema import differences, lock_for_upgrade, migrate, newest_revision, present_revision
from oar.db.tables_admin import QueueRow, SchemaRow
from oar.errors import DatabaseUnreachable, OarError
from oar.settings import DatabaseSettings

SCHEMA_VERSION = "4.0.0"
"""The word in table ``schema``, for programs that ask OAR's way; revisions are what we go by."""
QUEUES = (("admin", 10), ("default", 2), ("besteffort", 0))
SECRET_TABLES = ("challenges",)

Say = Callable[[str], None]


class InstallationError(OarError):
    """The database server refused a step; what was begun is undone."""


class ForeignSchema(OarError):
    """The database holds tables that these migrations did not make."""


def owner_of(settings: DatabaseSettings) -> str:
    """Name the role that owns the schema."""
    return f"{settings.login}_owner"


def create(admin: URL, settings: DatabaseSettings, say: Say) -> None:
    """Make the roles and the empty database as an administrator of PostgreSQL; what is there already stays.

    Raises DatabaseUnreachable or InstallationError; then nothing is left that was not there before.
    """
    server = open_url(admin)
    try:
        with _explained("create"):
            made = _create_roles(server, settings, say)
            try:
                _create_database(server, admin, settings, say)
            except BaseException:
                _drop_roles(server, made)
                raise
    finally:
        server.dispose()


def initialise(engine: Engine, settings: DatabaseSettings, say: Say) -> None:
    """Bring the schema to the newest revision and, in a new database, write the first rows; all or nothing.

    Raises DatabaseUnreachable, ForeignSchema or InstallationError.
    """
    wanted = newest_revision()
    with _explained("initialise"), engine.begin() as connection:
        lock_for_upgrade(connection)
        before = present_revision(connection)
        if before is None:
            _refuse_foreign_tables(connection, settings)
        if before == wanted:
            say(f"The database is up to date (revision {wanted}).")
        else:
            say(
                f"Initializing database '{settings.name}'..."
                if before is None
                else f"Upgrading to {wanted}..."
            )
            connection.exec_driver_sql(f"SET LOCAL ROLE {_quoted(connection, owner_of(settings))}")
            migrate(connection)
        if before is None:
            _first_rows(connection)
        _grant_reading(connection, settings)


def problems(settings: DatabaseSettings) -> list[str]:
    """Say what is wrong with the database, one line each; nothing when it is ready.

    Raises DatabaseUnreachable when it does not answer OAR's own account.
    """
    engine = open_engine(settings)
    try:
        with _explained("check"), engine.connect() as connection:
            wanted, present = newest_revision(), present_revision(connection)
            if present is None:
                return [f"database {settings.name} holds no schema; run: oar-database init"]
            if present != wanted:
                return [f"the schema is at revision {present}, OAR wants {wanted}; run: oar-database init"]
            return [
                *differences(connection),
                *_role_problems(connection, settings),
                *_reader_problems(settings),
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
                connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {_quoted(connection, settings.name)}")
            for role in (settings.login, settings.reader_login, owner_of(settings)):
                if not _drop_roles(server, [role]):
                    say(f"Role {role} stays: something else uses it.")
    finally:
        server.dispose()


def _create_roles(server: Engine, settings: DatabaseSettings, say: Say) -> list[str]:
    roles = (
        (owner_of(settings), "NOLOGIN", "", "Creating the database owner..."),
        (settings.login, "LOGIN", settings.password, "Creating the database user..."),
        (settings.reader_login, "LOGIN", settings.reader_password, "Creating the database read-only user..."),
    )
    made = []
    with server.begin() as connection:
        for role, login, password, message in roles:
            if _role_exists(connection, role):
                say(f"Role {role} is already there.")
                continue
            say(message)
            secret = _password(connection, role, password) if password else ""
            connection.exec_driver_sql(
                f"CREATE ROLE {_quoted(connection, role)} {login} {secret}",
                execution_options={"no_parameters": True},
            )
            made.append(role)
        _bind_roles(connection, settings)
    return made


def _bind_roles(connection: Connection, settings: DatabaseSettings) -> None:
    owner, login, reader = (
        _quoted(connection, role) for role in (owner_of(settings), settings.login, settings.reader_login)
    )
    connection.exec_driver_sql(f"GRANT {owner} TO {login}")
    connection.exec_driver_sql(f"ALTER ROLE {reader} SET default_transaction_read_only = on")
    connection.exec_driver_sql(f"ALTER ROLE {reader} SET statement_timeout = '{READER_TIMEOUT_S}s'")


def _create_database(server: Engine, admin: URL, settings: DatabaseSettings, say: Say) -> None:
    with _autocommit(server) as connection:
        name = _quoted(connection, settings.name)
        owner = _quoted(connection, owner_of(settings))
        there = connection.exec_driver_sql(
            "SELECT FROM pg_database WHERE datname = %s", (settings.name,)
        ).first()
        if there:
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
    inside = open_url(admin.set(database=settings.name))
    try:
        with inside.begin() as connection:
            name, owner, login, reader = (
                _quoted(connection, word)
                for word in (settings.name, owner_of(settings), settings.login, settings.reader_login)
            )
            connection.exec_driver_sql(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
            connection.exec_driver_sql(f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {login}")
            connection.exec_driver_sql(f"GRANT CONNECT ON DATABASE {name} TO {reader}")
            connection.exec_driver_sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
            connection.exec_driver_sql(f"GRANT USAGE, CREATE ON SCHEMA public TO {owner}")
            connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA public TO {reader}")
    finally:
        inside.dispose()


def _first_rows(connection: Connection) -> None:
    connection.execute(
        insert(QueueRow),
        [
            {"queue_name": name, "priority": priority, "scheduler_policy": "kamelot"}
            for name, priority in QUEUES
        ],
    )
    connection.execute(insert(SchemaRow).values(version=SCHEMA_VERSION, name=""))


def _grant_reading(connection: Connection, settings: DatabaseSettings) -> None:
    reader = _quoted(connection, settings.reader_login)
    connection.exec_driver_sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}")
    connection.exec_driver_sql(f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {reader}")
    connection.exec_driver_sql(f"REVOKE ALL ON {', '.join(SECRET_TABLES)} FROM {reader}")


def _refuse_foreign_tables(connection: Connection, settings: DatabaseSettings) -> None:
    if connection.exec_driver_sql("SELECT to_regclass('jobs')").scalar_one() is not None:
        raise ForeignSchema(
            f"database {settings.name} already holds a table jobs that is not of these migrations (OAR 2?): "
            "give DB_BASE_NAME an empty database"
        )


def _role_problems(connection: Connection, settings: DatabaseSettings) -> Iterator[str]:
    owner = owner_of(settings)
    if not _role_exists(connection, owner):
        yield f"missing role: {owner}; run: oar-database create"
    elif not connection.exec_driver_sql(
        "SELECT pg_has_role(%s, %s, 'USAGE')", (settings.login, owner)
    ).scalar_one():
        yield f"role {settings.login} is no member of {owner}; run: oar-database create"


def _reader_problems(settings: DatabaseSettings) -> Iterator[str]:
    reader = open_reader(settings)
    try:
        with reader.connect() as connection:
            rights = connection.exec_driver_sql(
                "SELECT has_table_privilege('jobs', 'SELECT'), has_table_privilege('jobs', 'UPDATE'), "
                "has_table_privilege('challenges', 'SELECT')"
            ).one()
    except DatabaseUnreachable as error:
        yield str(error)
        return
    finally:
        reader.dispose()
    if not rights[0]:
        yield f"role {settings.reader_login} cannot read jobs; run: oar-database init"
    if rights[1] or rights[2]:
        yield f"role {settings.reader_login} (DB_BASE_LOGIN_RO) can write jobs or read challenges"


def _drop_roles(server: Engine, roles: list[str]) -> bool:
    try:
        with server.begin() as connection:
            for role in reversed(roles):
                connection.exec_driver_sql(f"DROP ROLE IF EXISTS {_quoted(connection, role)}")
    except DBAPIError:
        return False
    return True


def _role_exists(connection: Connection, role: str) -> bool:
    return connection.exec_driver_sql("SELECT FROM pg_roles WHERE rolname = %s", (role,)).first() is not None


def _password(connection: Connection, role: str, password: str) -> str:
    # hashed here, so that no log of the server ever shows it
    driver = connection.connection.driver_connection
    return f"PASSWORD '{encrypt_password(password, role, driver, 'scram-sha-256')}'"


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)


@contextmanager
def _autocommit(server: Engine) -> Iterator[Connection]:
    with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


@contextmanager
def _explained(action: str) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise InstallationError(f"{action}: {words_of(error)}; nothing was changed") from error
