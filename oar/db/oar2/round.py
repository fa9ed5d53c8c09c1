"""What OAR 2's programs find in the plan after a round: what runs, the date, and the copy that they read."""

from sqlalchemy import Connection, text

from oar.core.states import HOLDING_STATES
from oar.db.oar2.store import REFERENCE

_RUNNING = (
    "SELECT moldable_id, CASE WHEN start_time = 0 THEN :now"
    " ELSE greatest(start_time, :now - moldable_walltime) END AS start_time"
    " FROM jobs JOIN moldable_job_descriptions ON moldable_id = assigned_moldable_job"
    " WHERE state = ANY(:holding) AND moldable_index = 'CURRENT'"
)
"""Each job that holds resources; one that outlives its walltime ends now."""

_WRITE = (
    f"WITH running AS ({_RUNNING}), places AS ("  # noqa: S608 - constants, and parameters
    " INSERT INTO gantt_jobs_predictions (moldable_job_id, start_time) SELECT * FROM running"
    " ON CONFLICT (moldable_job_id) DO UPDATE SET start_time = excluded.start_time)"
    " INSERT INTO gantt_jobs_resources (moldable_job_id, resource_id)"
    " SELECT moldable_job_id, resource_id FROM assigned_resources"
    " JOIN running ON moldable_id = moldable_job_id"
    " WHERE assigned_resource_index = 'CURRENT' ON CONFLICT DO NOTHING",
    "INSERT INTO gantt_jobs_predictions (moldable_job_id, start_time) VALUES (:reference, :now)"
    " ON CONFLICT (moldable_job_id) DO UPDATE SET start_time = excluded.start_time",
    "DELETE FROM gantt_jobs_predictions_visu",
    "INSERT INTO gantt_jobs_predictions_visu (moldable_job_id, start_time)"
    " SELECT moldable_job_id, start_time FROM gantt_jobs_predictions",
    "DELETE FROM gantt_jobs_resources_visu",
    "INSERT INTO gantt_jobs_resources_visu (moldable_job_id, resource_id)"
    " SELECT moldable_job_id, resource_id FROM gantt_jobs_resources",
)


def publish_plan(connection: Connection, now: int) -> None:
    """Add to the plan the jobs that hold resources and the date of the round, and copy it for who looks."""
    values = {"now": now, "holding": sorted(HOLDING_STATES), "reference": REFERENCE}
    for statement in _WRITE:
        connection.execute(text(statement), values)
