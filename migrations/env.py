"""Runs revisions on a connection that is given, or on the database of oar.conf.

One transaction, under an advisory lock, with time-outs: two upgrades never mix, and an upgrade that meets a
busy table gives up instead of making the whole cluster wait behind it.
"""

from alembic import context
from sqlalchemy import Connection

from oar.config import load_settings
from oar.db.engine import open_engine
from oar.db.roles import owner_of, quoted
from oar.db.schema import METADATA, belongs_to_schema, lock_for_upgrade


def upgrade(connection: Connection) -> None:
    """Run the revisions that are asked for; the transaction is the caller's."""
    lock_for_upgrade(connection)
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        include_object=belongs_to_schema,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    upgrade(given)
else:
    settings, _warnings = load_settings()
    with open_engine(settings.database).begin() as opened:
        opened.exec_driver_sql(f"SET LOCAL ROLE {quoted(opened, owner_of(settings.database))}")
        upgrade(opened)
