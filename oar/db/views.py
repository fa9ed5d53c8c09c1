"""OAR's tables of one row per resource, as views on sets, for the SQL scripts that sites have.

The text is here once: the definition of the schema and its first migration both run it. Writes to the views
of the plan and of the assignments change the sets behind. Writes to the ``_visu`` pair are accepted and
change nothing: OAR 2 copies the plan there, and here the pair already shows the plan.
"""

from sqlalchemy import Connection

VIEWS = {
    "assigned_resources": """
        SELECT moldable_job_id, resource_id, assigned_resource_index
        FROM assignments, unnest(resources) AS piece,
             generate_series(lower(piece), upper(piece) - 1) AS resource_id
    """,
    "gantt_jobs_resources": """
        SELECT moldable_job_id, resource_id
        FROM gantt_jobs_predictions, unnest(resources) AS piece,
             generate_series(lower(piece), upper(piece) - 1) AS resource_id
    """,
    "gantt_jobs_resources_log": """
        SELECT sched_date, moldable_job_id, resource_id
        FROM gantt_jobs_predictions_log, unnest(resources) AS piece,
             generate_series(lower(piece), upper(piece) - 1) AS resource_id
    """,
    "gantt_jobs_predictions_visu": """
        SELECT moldable_job_id, start_time, resources, walltime FROM gantt_jobs_predictions
    """,
    "gantt_jobs_resources_visu": "SELECT moldable_job_id, resource_id FROM gantt_jobs_resources",
}

FUNCTIONS = {
    "oar_one_resource(resource_id integer) RETURNS int4multirange": """
        SELECT int4multirange(int4range(resource_id, resource_id, '[]'))
    """,
    "oar_write_assigned_resources() RETURNS trigger": """
        BEGIN
            IF TG_OP IN ('UPDATE', 'DELETE') THEN
                UPDATE assignments SET resources = resources - oar_one_resource(OLD.resource_id)
                WHERE moldable_job_id = OLD.moldable_job_id
                  AND assigned_resource_index = OLD.assigned_resource_index;
                DELETE FROM assignments
                WHERE moldable_job_id = OLD.moldable_job_id
                  AND assigned_resource_index = OLD.assigned_resource_index AND isempty(resources);
            END IF;
            IF TG_OP = 'DELETE' THEN
                RETURN OLD;
            END IF;
            NEW.assigned_resource_index = coalesce(NEW.assigned_resource_index, 'CURRENT');
            IF EXISTS (SELECT FROM assignments
                       WHERE moldable_job_id = NEW.moldable_job_id AND resources @> NEW.resource_id) THEN
                RAISE unique_violation USING
                    MESSAGE = format('moldable %s already has resource %s',
                                     NEW.moldable_job_id, NEW.resource_id);
            END IF;
            INSERT INTO assignments AS kept (moldable_job_id, resources, assigned_resource_index)
            VALUES (NEW.moldable_job_id, oar_one_resource(NEW.resource_id), NEW.assigned_resource_index)
            ON CONFLICT (moldable_job_id, assigned_resource_index)
            DO UPDATE SET resources = kept.resources + excluded.resources;
            RETURN NEW;
        END
    """,
    "oar_write_gantt_jobs_resources() RETURNS trigger": """
        BEGIN
            IF TG_OP IN ('UPDATE', 'DELETE') THEN
                UPDATE gantt_jobs_predictions SET resources = resources - oar_one_resource(OLD.resource_id)
                WHERE moldable_job_id = OLD.moldable_job_id;
            END IF;
            IF TG_OP = 'DELETE' THEN
                RETURN OLD;
            END IF;
            IF EXISTS (SELECT FROM gantt_jobs_predictions
                       WHERE moldable_job_id = NEW.moldable_job_id AND resources @> NEW.resource_id) THEN
                RAISE unique_violation USING
                    MESSAGE = format('moldable %s already has resource %s',
                                     NEW.moldable_job_id, NEW.resource_id);
            END IF;
            UPDATE gantt_jobs_predictions SET resources = resources + oar_one_resource(NEW.resource_id)
            WHERE moldable_job_id = NEW.moldable_job_id;
            IF NOT FOUND THEN
                RAISE foreign_key_violation USING
                    MESSAGE = format('moldable %s has no row in gantt_jobs_predictions', NEW.moldable_job_id);
            END IF;
            RETURN NEW;
        END
    """,
    "oar_write_gantt_jobs_resources_log() RETURNS trigger": """
        BEGIN
            IF TG_OP IN ('UPDATE', 'DELETE') THEN
                UPDATE gantt_jobs_predictions_log
                SET resources = resources - oar_one_resource(OLD.resource_id)
                WHERE sched_date = OLD.sched_date AND moldable_job_id = OLD.moldable_job_id;
            END IF;
            IF TG_OP = 'DELETE' THEN
                RETURN OLD;
            END IF;
            UPDATE gantt_jobs_predictions_log SET resources = resources + oar_one_resource(NEW.resource_id)
            WHERE sched_date = NEW.sched_date AND moldable_job_id = NEW.moldable_job_id;
            IF NOT FOUND THEN
                RAISE foreign_key_violation USING
                    MESSAGE = format('moldable %s has no row of date %s in gantt_jobs_predictions_log',
                                     NEW.moldable_job_id, NEW.sched_date);
            END IF;
            RETURN NEW;
        END
    """,
    "oar_accept_and_ignore() RETURNS trigger": """
        BEGIN
            IF TG_OP = 'DELETE' THEN
                RETURN OLD;
            END IF;
            RETURN NEW;
        END
    """,
    "oar_zero_is_none() RETURNS trigger": """
        BEGIN
            NEW.assigned_moldable_job = NULL;
            RETURN NEW;
        END
    """,
}

WRITERS = {
    "assigned_resources": "oar_write_assigned_resources",
    "gantt_jobs_resources": "oar_write_gantt_jobs_resources",
    "gantt_jobs_resources_log": "oar_write_gantt_jobs_resources_log",
    "gantt_jobs_predictions_visu": "oar_accept_and_ignore",
    "gantt_jobs_resources_visu": "oar_accept_and_ignore",
}

ZERO_MOLDABLE = "oar_zero_is_none"
"""The trigger that turns OAR 2's 0 for "no moldable assigned" into NULL, which the foreign key allows."""


def create_views(connection: Connection) -> None:
    """Make the views, their functions and triggers; the tables must be there."""
    for statement in statements():
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def drop_views(connection: Connection) -> None:
    """Remove the views, their functions and triggers."""
    connection.exec_driver_sql(f"DROP VIEW {', '.join(VIEWS)}")
    names = (head.split("(", 1)[0] for head in FUNCTIONS)
    connection.exec_driver_sql(f"DROP FUNCTION {', '.join(names)} CASCADE")


def statements() -> list[str]:
    """Return the statements in the order they have to run."""
    return [
        *(f"CREATE VIEW {name} AS {query}" for name, query in VIEWS.items()),
        *(_function(head, body) for head, body in FUNCTIONS.items()),
        *(
            f"CREATE TRIGGER {function} INSTEAD OF INSERT OR UPDATE OR DELETE ON {view} "
            f"FOR EACH ROW EXECUTE FUNCTION {function}()"
            for view, function in WRITERS.items()
        ),
        f"CREATE TRIGGER {ZERO_MOLDABLE} BEFORE INSERT OR UPDATE OF assigned_moldable_job ON jobs "
        f"FOR EACH ROW WHEN (NEW.assigned_moldable_job = 0) EXECUTE FUNCTION {ZERO_MOLDABLE}()",
    ]


def _function(head: str, body: str) -> str:
    language = "plpgsql" if head.endswith("RETURNS trigger") else "sql IMMUTABLE"
    return f"CREATE FUNCTION {head} LANGUAGE {language} AS $body${body}$body$"
