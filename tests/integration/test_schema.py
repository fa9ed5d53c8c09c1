import pytest
from alembic import command
from sqlalchemy.exc import IntegrityError

from oar.db.properties import add_property
from oar.db.schema import alembic_configuration, create_by_definition, differences, migrate
from tests.integration.databases import cloned

QUESTIONS = {
    "columns": """
        SELECT relname, attnum, attname, format_type(atttypid, atttypmod), attnotnull,
               pg_get_expr(adbin, adrelid)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')
          AND attnum > 0 AND NOT attisdropped
    """,
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    """,
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "options": """
        SELECT relname, (SELECT array_agg(option ORDER BY option) FROM unnest(reloptions) AS option)
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    """,
    "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'",
    "triggers": """
        SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
    """,
    "functions": """
        SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    """,
    "sequences": "SELECT sequencename, data_type::text FROM pg_sequences WHERE schemaname = 'public'",
}

OAR_COLUMNS = {
    "schema": "version name",
    "jobs": """
        job_id array_id array_index initial_request job_name job_env job_type info_type state
        reservation message scheduler_info job_user project job_group command exit_code queue_name
        properties launching_directory submission_time start_time stop_time file_id accounted notify
        assigned_moldable_job checkpoint checkpoint_signal stdout_file stderr_file resubmit_job_id
        suspended last_karma
    """,
    "moldable_job_descriptions": "moldable_id moldable_job_id moldable_walltime moldable_index",
    "job_resource_groups": "res_group_id res_group_moldable_id res_group_property res_group_index",
    "job_resource_descriptions": """
        res_job_group_id res_job_resource_type res_job_value res_job_order res_job_index
    """,
    "job_types": "job_type_id job_id type types_index",
    "job_dependencies": "job_id job_id_required job_dependency_index min_start_shift max_start_shift",
    "job_state_logs": "job_state_log_id job_id job_state date_start date_stop",
    "assigned_resources": "moldable_job_id resource_id assigned_resource_index",
    "gantt_jobs_predictions": "moldable_job_id start_time",
    "gantt_jobs_resources": "moldable_job_id resource_id",
    "gantt_jobs_predictions_visu": "moldable_job_id start_time",
    "gantt_jobs_resources_visu": "moldable_job_id resource_id",
    "gantt_jobs_predictions_log": "sched_date moldable_job_id start_time",
    "gantt_jobs_resources_log": "sched_date moldable_job_id resource_id",
    "frag_jobs": "frag_id_job frag_date frag_state",
    "event_logs": "event_id type job_id date description to_check",
    "event_log_hostnames": "event_id hostname",
    "challenges": "job_id challenge ssh_private_key ssh_public_key",
    "files": "file_id md5sum location method compression size",
    "queues": "queue_name priority scheduler_policy state",
    "scheduler": "name script description",
    "admission_rules": "id priority enabled rule",
    "resources": """
        resource_id type network_address state next_state finaud_decision next_finaud_decision
        state_num suspended_jobs scheduler_priority cpuset besteffort deploy expiry_date
        desktop_computing last_job_date available_upto last_available_upto drain
    """,
    "resource_logs": "resource_log_id resource_id attribute value date_start date_stop finaud_decision",
    "accounting": """
        window_start window_stop accounting_user accounting_project queue_name consumption_type
        consumption
    """,
    "walltime_change": """
        job_id pending force delay_next_jobs granted granted_with_force granted_with_delay_next_jobs
    """,
}


def snapshot(database, question):
    with database.engine.connect() as connection:
        rows = [tuple(row) for row in connection.exec_driver_sql(QUESTIONS[question])]
    return sorted(row for row in rows if "alembic_version" not in row)


@pytest.fixture(scope="module")
def by_migration(database_server):
    with cloned(database_server, "oar_by_migration") as opened:
        yield opened


@pytest.fixture(scope="module")
def by_definition(database_server):
    with cloned(database_server, "oar_by_definition", "template0") as opened:
        with opened.engine.begin() as connection:
            connection.exec_driver_sql("SET LOCAL ROLE oar_owner")
            create_by_definition(connection)
        yield opened


@pytest.mark.parametrize("question", QUESTIONS)
def test_migrations_and_definition_build_the_same(question, by_migration, by_definition):
    assert snapshot(by_migration, question) == snapshot(by_definition, question)


@pytest.mark.parametrize("table", OAR_COLUMNS)
def test_a_script_for_oar_finds_the_columns_it_knows(table, by_migration):
    columns = ", ".join(OAR_COLUMNS[table].split())
    with by_migration.engine.connect() as connection:
        connection.exec_driver_sql(f"SELECT {columns} FROM {table}")  # noqa: S608


def test_nothing_is_left_when_the_first_revision_is_taken_back(database):
    with database.engine.begin() as connection:
        command.downgrade(alembic_configuration(connection), "base")
    assert snapshot(database, "columns") == []
    assert snapshot(database, "functions") == []


def test_a_database_that_was_just_built_shows_no_difference(by_migration):
    with by_migration.engine.connect() as connection:
        assert differences(connection) == []


def test_columns_of_the_site_are_no_difference_and_survive_a_migration(database):
    with database.engine.begin() as connection:
        add_property(connection, "mem", text=False)
        migrate(connection)
        assert differences(connection) == []
        connection.exec_driver_sql("SELECT mem FROM resources")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("ALTER TABLE jobs DROP COLUMN message", "message"),
        ("ALTER TABLE resources DROP COLUMN drain", "drain"),
        ("ALTER TABLE jobs ALTER COLUMN message TYPE text", "message"),
        ("DROP INDEX ix_jobs_state_job_id", "ix_jobs_state_job_id"),
        ("ALTER TABLE challenges DROP CONSTRAINT fk_challenges_job_id", "fk_challenges_job_id"),
        ("DROP VIEW assigned_resources", "assigned_resources"),
        ("DROP TRIGGER oar_zero_is_none ON jobs", "oar_zero_is_none"),
        ("DROP TABLE walltime_change", "walltime_change"),
    ],
)
def test_a_damage_is_told(damage, told, by_migration):
    with by_migration.engine.connect() as connection:
        connection.exec_driver_sql(damage)
        assert [line for line in differences(connection) if told in line]


def test_a_table_of_the_site_is_no_difference(database):
    with database.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE monitoring_load (host varchar, load real)")
        assert differences(connection) == []


def test_a_job_takes_all_its_rows_with_it(database, add_job):
    with database.engine.begin() as connection:
        job, moldable = add_job(connection)
        connection.exec_driver_sql("INSERT INTO challenges (job_id) VALUES (%s)", (job,))
        connection.exec_driver_sql("INSERT INTO frag_jobs (frag_id_job) VALUES (%s)", (job,))
        connection.exec_driver_sql(
            "INSERT INTO gantt_jobs_predictions VALUES (%s, 5, '{[1,3]}')", (moldable,)
        )
        connection.exec_driver_sql("UPDATE jobs SET assigned_moldable_job = %s", (moldable,))
        connection.exec_driver_sql("DELETE FROM jobs WHERE job_id = %s", (job,))
        for table in ("moldable_job_descriptions", "challenges", "frag_jobs", "gantt_jobs_predictions"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 0  # noqa: S608


def test_zero_for_no_assigned_moldable_becomes_null(database, add_job):
    with database.engine.begin() as connection:
        job, _ = add_job(connection)
        connection.exec_driver_sql("UPDATE jobs SET assigned_moldable_job = 0")
        read = connection.exec_driver_sql("SELECT assigned_moldable_job FROM jobs WHERE job_id = %s", (job,))
        assert read.scalar_one() is None


def test_a_state_outside_the_life_of_a_job_is_refused(database, add_job):
    with database.engine.begin() as connection:
        add_job(connection)
        with pytest.raises(IntegrityError, match="ck_jobs_state"), connection.begin_nested():
            connection.exec_driver_sql("UPDATE jobs SET state = 'Sleeping'")


def test_live_jobs_are_found_without_reading_history(database):
    with database.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO jobs (launching_directory, checkpoint_signal, state, queue_name) "
            "SELECT '/', 12, CASE WHEN n % 5000 = 0 THEN 'Waiting' ELSE 'Terminated' END, 'default' "
            "FROM generate_series(1, 20000) AS n",
            execution_options={"no_parameters": True},
        )
        connection.exec_driver_sql("ANALYZE jobs")
        plan = "\n".join(
            connection.exec_driver_sql(
                "EXPLAIN SELECT job_id FROM jobs "
                "WHERE queue_name = 'default' AND state IN ('Waiting', 'Hold')"
            ).scalars()
        )
    assert "ix_jobs_" in plan
    assert "Seq Scan" not in plan
