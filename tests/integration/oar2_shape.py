"""Gives a database the shape of OAR 2's: tables with a row for each resource, and none of our columns."""

from sqlalchemy import Connection

from oar.db.views import drop_views

_ROWS = (
    "assigned_resources",
    "gantt_jobs_resources",
    "gantt_jobs_predictions_visu",
    "gantt_jobs_resources_visu",
)
_OURS = {
    "jobs": ("last_karma",),
    "moldable_job_descriptions": ("least_walltime", "most_walltime"),
    "gantt_jobs_predictions": ("walltime", "resources"),
    "queues": ("failures",),
    "walltime_change": ("whole", "granted_with_whole", "timeout"),
}
_FOREIGN_KEYS = """
    SELECT conrelid::regclass::text, quote_ident(conname) FROM pg_constraint
    WHERE contype = 'f' AND connamespace = 'public'::regnamespace
"""


def take_oar2_shape(connection: Connection) -> None:
    """Turn the native schema, with what is in it, into tables as OAR 2 has them; nobody else is connected."""
    for name in _ROWS:
        connection.exec_driver_sql(f"CREATE TABLE rows_of_{name} AS TABLE {name}")
    drop_views(connection)
    for name in _ROWS:
        connection.exec_driver_sql(f"ALTER TABLE rows_of_{name} RENAME TO {name}")
        key = "moldable_job_id" if "predictions" in name else "moldable_job_id, resource_id"
        connection.exec_driver_sql(f"ALTER TABLE {name} ADD PRIMARY KEY ({key})")
        connection.exec_driver_sql(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO oar")
        connection.exec_driver_sql(f"GRANT SELECT ON {name} TO oar_ro")
    connection.exec_driver_sql(
        "ALTER TABLE assigned_resources ALTER assigned_resource_index SET DEFAULT 'CURRENT'"
    )
    for table, key in connection.exec_driver_sql(_FOREIGN_KEYS).all():
        connection.exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT {key}")
    connection.exec_driver_sql("DROP TABLE assignments, rounds")
    for table, columns in _OURS.items():
        dropped = ", ".join(f"DROP COLUMN {column}" for column in columns)
        connection.exec_driver_sql(f"ALTER TABLE {table} {dropped} CASCADE")
    connection.exec_driver_sql(
        "UPDATE jobs SET assigned_moldable_job = 0 WHERE assigned_moldable_job IS NULL"
    )
    connection.exec_driver_sql(
        "INSERT INTO gantt_jobs_predictions (moldable_job_id, start_time) VALUES (0, 1000)"
    )
