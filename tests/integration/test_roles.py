import pytest
from sqlalchemy.exc import DBAPIError

from oar.db.properties import add_property


def as_reader(database, statement):
    with database.reader.begin() as connection:
        return connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("SELECT * FROM challenges", "permission denied for table challenges"),
        ("UPDATE jobs SET message = ''", "read-only transaction"),
        ("DELETE FROM assigned_resources", "permission denied for view assigned_resources"),
        ("CREATE TABLE mine (id int)", "read-only transaction"),
        ("SELECT nextval('jobs_job_id_seq')", "permission denied for sequence"),
        ("COMMIT; BEGIN READ WRITE; DELETE FROM jobs", "permission denied for table jobs"),
        ("COMMIT; BEGIN READ WRITE; CREATE TABLE mine (id int)", "permission denied for schema public"),
        ("COMMIT; BEGIN READ WRITE; SET ROLE oar_owner", "permission denied to set role"),
        ("SELECT pg_terminate_backend(pg_backend_pid())", "permission denied for function"),
    ],
)
def test_the_reader_is_refused(statement, reason, database):
    with pytest.raises(DBAPIError, match=reason):
        as_reader(database, statement)


@pytest.mark.parametrize(
    "table", ["jobs", "resources", "assigned_resources", "gantt_jobs_resources_visu", "queues"]
)
def test_the_reader_reads(table, database):
    as_reader(database, f"SELECT * FROM {table}")  # noqa: S608


def test_the_reader_sees_properties_made_later(database):
    with database.engine.begin() as connection:
        add_property(connection, "mem", text=False)
    as_reader(database, "SELECT mem FROM resources")


def test_a_session_of_the_reader_that_was_tampered_with_is_limited_again(database):
    as_reader(database, "SELECT set_config('statement_timeout', '0', false)")
    as_reader(database, "SELECT set_config('default_transaction_read_only', 'off', false)")
    with database.reader.begin() as connection:
        limits = "SELECT current_setting('statement_timeout'), current_setting('transaction_read_only')"
        assert tuple(connection.exec_driver_sql(limits).one()) == ("10s", "on")


def test_the_owner_holds_every_table(database):
    with database.engine.connect() as connection:
        owners = connection.exec_driver_sql(
            "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
        )
        assert owners.scalars().all() == ["oar_owner"]


def test_the_owner_cannot_log_in(database):
    with database.engine.connect() as connection:
        login = connection.exec_driver_sql("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'oar_owner'")
        assert login.scalar_one() is False
