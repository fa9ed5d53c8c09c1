"""The three roles of an installation.

The owner role holds the schema and cannot log in; OAR's own login is a member of it; the reader only reads
and runs the conditions that users write.
"""

from collections.abc import Callable, Iterator

from psycopg2.extensions import encrypt_password
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from oar.db.engine import READER_TIMEOUT_S
from oar.errors import ConfigurationError
from oar.settings import DatabaseSettings

SECRET_TABLES = ("challenges",)

Say = Callable[[str], None]


def owner_of(settings: DatabaseSettings) -> str:
    """Name the role that owns the schema."""
    return f"{settings.login}_owner"


def check_accounts(settings: DatabaseSettings) -> None:
    """Refuse accounts that could not do their work; raises ConfigurationError."""
    accounts = {
        "DB_BASE_LOGIN": (settings.login, "DB_BASE_PASSWD", settings.password),
        "DB_BASE_LOGIN_RO": (settings.reader_login, "DB_BASE_PASSWD_RO", settings.reader_password),
    }
    for key, (login, password_key, password) in accounts.items():
        if not login:
            raise ConfigurationError(f"{key} is empty in oar.conf: give the name of a database account")
        if not password and not settings.host.startswith("/"):
            raise ConfigurationError(f"{password_key} is empty in oar.conf: account {login} needs a password")
    if settings.login == settings.reader_login:
        raise ConfigurationError(
            f"DB_BASE_LOGIN and DB_BASE_LOGIN_RO are both {settings.login} in oar.conf: the second runs the "
            "conditions of users and must be another account"
        )


def create_roles(server: Engine, settings: DatabaseSettings, say: Say) -> list[str]:
    """Make the roles that are missing and bind them to each other; returns those that were made."""
    roles = (
        (owner_of(settings), "NOLOGIN", "", "Creating the database owner..."),
        (settings.login, "LOGIN", settings.password, "Creating the database user..."),
        (settings.reader_login, "LOGIN", settings.reader_password, "Creating the database read-only user..."),
    )
    made = []
    with server.begin() as connection:
        for role, login, password, message in roles:
            if role_exists(connection, role):
                say(f"Role {role} is already there.")
                continue
            say(message)
            secret = _secret(connection, role, password) if password else ""
            connection.exec_driver_sql(
                f"CREATE ROLE {quoted(connection, role)} {login} {secret}",
                execution_options={"no_parameters": True},
            )
            made.append(role)
        _bind(connection, settings)
    return made


def drop_roles(server: Engine, roles: list[str]) -> bool:
    """Remove roles, all or none; False when something else still uses one."""
    try:
        with server.begin() as connection:
            for role in reversed(roles):
                connection.exec_driver_sql(f"DROP ROLE IF EXISTS {quoted(connection, role)}")
    except DBAPIError:
        return False
    return True


def grant_reading(connection: Connection, settings: DatabaseSettings) -> None:
    """Let the reader see every table and view but the secret ones."""
    reader = quoted(connection, settings.reader_login)
    connection.exec_driver_sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}")
    connection.exec_driver_sql(f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {reader}")
    connection.exec_driver_sql(f"REVOKE ALL ON {', '.join(SECRET_TABLES)} FROM {reader}")


def missing_roles(connection: Connection, settings: DatabaseSettings) -> Iterator[str]:
    """Say which roles are not there, or not bound as they should be, one line each."""
    owner = owner_of(settings)
    for role in (owner, settings.login, settings.reader_login):
        if not role_exists(connection, role):
            yield f"role {role} is missing; run: oar-database create"
            return
    member = connection.exec_driver_sql("SELECT pg_has_role(%s, %s, 'USAGE')", (settings.login, owner))
    if not member.scalar_one():
        yield f"role {settings.login} is no member of {owner}; run: oar-database create"


def role_exists(connection: Connection, role: str) -> bool:
    """Tell whether PostgreSQL has the role."""
    found = connection.exec_driver_sql("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
    return found.first() is not None


def quoted(connection: Connection, name: str) -> str:
    """Write a name so that SQL takes it as it is."""
    return connection.dialect.identifier_preparer.quote_identifier(name)


def _bind(connection: Connection, settings: DatabaseSettings) -> None:
    owner, login, reader = (
        quoted(connection, role) for role in (owner_of(settings), settings.login, settings.reader_login)
    )
    connection.exec_driver_sql(f"GRANT {owner} TO {login}")
    connection.exec_driver_sql(f"ALTER ROLE {reader} SET default_transaction_read_only = on")
    connection.exec_driver_sql(f"ALTER ROLE {reader} SET statement_timeout = '{READER_TIMEOUT_S}s'")


def _secret(connection: Connection, role: str, password: str) -> str:
    # hashed here, so that no log of the server ever shows it
    driver = connection.connection.driver_connection
    return f"PASSWORD '{encrypt_password(password, role, driver, 'scram-sha-256')}'"
