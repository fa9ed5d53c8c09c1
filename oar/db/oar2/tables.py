"""The tables of OAR 2 that the native schema has not, or has as views: a row for each resource."""

from sqlalchemy import Column, Integer, MetaData, String, Table

OAR2_METADATA = MetaData()
"""Apart from the native schema, so that no migration and no comparison sees these tables."""

assigned_resources = Table(
    "assigned_resources",
    OAR2_METADATA,
    Column("moldable_job_id", Integer, primary_key=True),
    Column("resource_id", Integer, primary_key=True),
    Column("assigned_resource_index", String(7)),
)
predictions = Table(
    "gantt_jobs_predictions",
    OAR2_METADATA,
    Column("moldable_job_id", Integer, primary_key=True),
    Column("start_time", Integer),
)
planned_resources = Table(
    "gantt_jobs_resources",
    OAR2_METADATA,
    Column("moldable_job_id", Integer, primary_key=True),
    Column("resource_id", Integer, primary_key=True),
)
