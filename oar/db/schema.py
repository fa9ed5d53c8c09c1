"""The whole native schema: its definition, the way there by migrations, and the difference between the two.

Columns of ``resources`` that are not declared belong to the site (``oarproperty``): no comparison sees them.
"""

import sys
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

import oar
from oar.db import tables_admin, tables_jobs, tables_resources
from oar.db.properties import BUILT_IN
from oar.db.tables import Base
from oar.db.views import VIEWS, WRITERS, ZERO_MOLDABLE, create_views
from oar.errors import OarError

METADATA = Base.metadata
"""All tables; the modules above declare them."""
MODULES = (tables_admin, tables_jobs, tables_resources)
UPGRADE_LOCK = 0x4F4152
"""The number of the advisory lock that one upgrade holds: OAR in ASCII."""
LOCK_TIMEOUT_S = 10
STATEMENT_TIMEOUT_S = 600


class MigrationsMissing(OarError):
    """The folder of migrations was not installed."""


def create_by_definition(connection: Connection) -> None:
    """Build the schema from the declared tables, without migrations; tests compare it with these."""
    METADATA.create_all(connection)
    create_views(connection)


def migrate(connection: Connection) -> None:
    """Bring the schema to the newest revision, in the caller's transaction."""
    command.upgrade(alembic_configuration(connection), "head")


def newest_revision() -> str:
    """Return the revision that this version of OAR wants."""
    head = ScriptDirectory.from_config(alembic_configuration(None)).get_current_head()
    if head is None:
        raise MigrationsMissing(f"no revision in {migrations_folder()}: install OAR again")
    return head


def known_revisions() -> set[str]:
    """Return every revision that this version of OAR has."""
    return {
        script.revision
        for script in ScriptDirectory.from_config(alembic_configuration(None)).walk_revisions()
    }


def present_revision(connection: Connection) -> str | None:
    """Return the revision that the database is at; None when it was never built by migrations."""
    return MigrationContext.configure(connection).get_current_revision()


def lock_for_upgrade(connection: Connection) -> None:
    """Let one upgrade run at a time, and none wait long for tables in use."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'")
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT_S}s'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({UPGRADE_LOCK})")


def differences(connection: Connection) -> list[str]:
    """Say what differs between the database and the definition, one line each; nothing when all is well."""
    context = MigrationContext.configure(
        connection, opts={"include_object": belongs_to_schema, "target_metadata": METADATA}
    )
    return [*_table_differences(compare_metadata(context, METADATA)), *_missing_views(connection)]


def belongs_to_schema(
    thing: Any, name: str | None, kind: str, reflected: bool, compare_to: object | None
) -> bool:
    """Tell alembic what to compare: not the site's own tables, columns, and indexes."""
    if not reflected or compare_to is not None:
        return True
    if kind == "column":
        return thing.table.name != "resources" or name in BUILT_IN
    return kind not in ("table", "index")


def migrations_folder() -> Path:
    """Find the migrations: beside the package in a source tree, or where installed data goes."""
    package = Path(oar.__file__).parent
    places = (
        package.parent / "migrations",
        package.parent / "share/oar/migrations",
        Path(sys.prefix) / "share/oar/migrations",
        Path("/usr/share/oar/migrations"),
    )
    for place in places:
        if (place / "env.py").is_file():
            return place
    raise MigrationsMissing(f"no migrations in {', '.join(map(str, places))}: install OAR again")


def alembic_configuration(connection: Connection | None) -> Config:
    """Set alembic up to work on our migrations, on ``connection`` when it needs one."""
    configuration = Config()
    configuration.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    configuration.attributes["connection"] = connection
    return configuration


def _table_differences(changes: list[Any]) -> list[str]:
    lines = []
    for change in changes:
        for step in change if isinstance(change, list) else [change]:
            words = [str(getattr(part, "name", part)) for part in step[1:] if part is not None]
            lines.append(f"{step[0].replace('_', ' ')}: {' '.join(words)}")
    return lines


def _missing_views(connection: Connection) -> list[str]:
    views = set(
        connection.exec_driver_sql(
            "SELECT viewname FROM pg_views WHERE schemaname = current_schema()"
        ).scalars()
    )
    triggers = {
        tuple(row)
        for row in connection.exec_driver_sql(
            "SELECT relname, tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
            "WHERE NOT tgisinternal"
        )
    }
    wanted = {*WRITERS.items(), ("jobs", ZERO_MOLDABLE)}
    return [f"missing view: {name}" for name in VIEWS if name not in views] + [
        f"missing trigger: {trigger} on {table}" for table, trigger in sorted(wanted - triggers)
    ]
