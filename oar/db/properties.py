"""Properties of resources: the columns of ``resources``, some of them made at run time by administrators.

This module alone adds, removes and renames them. A property is a whole number or a text of 255 characters;
it has no value (NULL) until one is set.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, update
from sqlalchemy.exc import DBAPIError

from oar.db.locks import lock_resources
from oar.db.tables_jobs import LevelRow
from oar.db.tables_resources import ResourceLogRow, ResourceRow
from oar.errors import OarError

BUILT_IN = frozenset(column.name for column in ResourceRow.__table__.columns)
"""Columns that the schema declares; all others belong to the site."""
PROTECTED = BUILT_IN | {"walltime", "nodes"}
"""Names that cannot be added, removed or renamed: OAR's columns, and words of a request."""
POSTGRESQLS_OWN = frozenset({"ctid", "cmax", "cmin", "tableoid", "xmax", "xmin"})
"""Columns that every table of PostgreSQL has, unseen."""
NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}", re.ASCII)
LOCK_TIMEOUT_S = 10
IN_USE = {"55P03", "40P01"}
"""PostgreSQL's codes for a lock that was not given in time, and for one given up to end a deadlock."""


class PropertyError(OarError):
    """A property that cannot be what was asked."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"property {name}: {reason}")
        self.name = name


class BadPropertyName(PropertyError):
    """The name is no usable column name."""


class ProtectedProperty(PropertyError):
    """The property belongs to OAR."""


class PropertyExists(PropertyError):
    """A property of this name is already there."""


class UnknownProperty(PropertyError):
    """No property has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "there is no such property; oarproperty -l lists them")


class PropertiesBusy(OarError):
    """The table of resources stayed in use by others."""


def list_properties(connection: Connection) -> dict[str, str]:
    """Return every column of ``resources``, OAR's and the site's, with its kind: ``integer`` or ``text``."""
    rows = connection.exec_driver_sql(
        "SELECT attname, atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) FROM pg_attribute "
        "WHERE attrelid = 'resources'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    )
    return {name: "integer" if whole else "text" for name, whole in rows}


def add_property(connection: Connection, name: str, text: bool, patience_s: float = LOCK_TIMEOUT_S) -> None:
    """Add a property, of text or of whole numbers, without a value on any resource yet.

    It waits for the table of resources, ``patience_s`` seconds at most.

    Raises BadPropertyName, ProtectedProperty, PropertyExists or PropertiesBusy.
    """
    column = _new_name(connection, name)
    with _patient(connection, patience_s):
        _alter(connection, f"ADD COLUMN {column} {'varchar(255)' if text else 'integer'}")


def remove_property(connection: Connection, name: str) -> None:
    """Remove a property and its values; raises ProtectedProperty, UnknownProperty or PropertiesBusy."""
    column = _present_name(connection, name)
    with _patient(connection, LOCK_TIMEOUT_S):
        _alter(connection, f"DROP COLUMN {column}")


def rename_property(connection: Connection, old: str, new: str) -> None:
    """Rename a property, also in the history of resources and in the requests of jobs.

    Raises BadPropertyName, ProtectedProperty, PropertyExists, UnknownProperty or PropertiesBusy.
    """
    before, after = _present_name(connection, old), _new_name(connection, new)
    with _patient(connection, LOCK_TIMEOUT_S):
        lock_resources(connection)
        # first what is long, so that the table of resources is closed to others only for a moment
        level = LevelRow.res_job_resource_type
        connection.execute(update(LevelRow).where(level == before).values({level: after}))
        _alter(connection, f"RENAME COLUMN {before} TO {after}")
        log = ResourceLogRow.attribute
        connection.execute(update(ResourceLogRow).where(log == before).values({log: after}))


def _new_name(connection: Connection, name: str) -> str:
    column = name.lower()
    if not NAME.fullmatch(column):
        raise BadPropertyName(
            name, "a name is made of letters a to z, digits and _, and begins with no digit"
        )
    if column in PROTECTED:
        raise ProtectedProperty(name, "this name belongs to OAR")
    words = "SELECT 1 FROM pg_get_keywords() WHERE word = %s AND catcode IN ('R', 'T')"
    if column in POSTGRESQLS_OWN or connection.exec_driver_sql(words, (column,)).first():
        raise BadPropertyName(name, "this is a word of SQL, choose another name")
    if column in list_properties(connection):
        raise PropertyExists(name, "there is already such a property")
    return column


def _present_name(connection: Connection, name: str) -> str:
    column = name.lower()
    if column in PROTECTED:
        raise ProtectedProperty(name, "this property belongs to OAR")
    if column not in list_properties(connection):
        raise UnknownProperty(name)
    return connection.dialect.identifier_preparer.quote(column)


@contextmanager
def _patient(connection: Connection, patience_s: float) -> Iterator[None]:
    """Wait so long for others at each step; raises PropertiesBusy."""
    try:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(1000 * patience_s)}")
        yield
        connection.exec_driver_sql("SET LOCAL lock_timeout = DEFAULT")
    except DBAPIError as error:
        if getattr(error.orig, "pgcode", None) not in IN_USE:
            raise
        raise PropertiesBusy(
            f"the table of resources was in use for {patience_s} s: nothing was changed, try again"
        ) from None


def _alter(connection: Connection, change: str) -> None:
    owner = connection.exec_driver_sql(
        "SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE oid = 'resources'::regclass"
    ).scalar_one()
    connection.exec_driver_sql(f"SET LOCAL ROLE {owner}")
    connection.exec_driver_sql(f"ALTER TABLE resources {change}")
    connection.exec_driver_sql("RESET ROLE")
