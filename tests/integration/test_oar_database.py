import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine

from oar.cli.app import Context
from oar.cli.oar_database import oar_database
from oar.db.engine import open_engine
from oar.db.install import create, initialise
from oar.db.schema import migrations_folder
from oar.errors import ConfigurationError
from oar.settings import DatabaseSettings, Settings


@pytest.fixture
def settings(database_server):
    """An installation that was not made yet, with accounts of its own."""
    number = next(database_server.numbers)
    chosen = DatabaseSettings(
        host=database_server.host,
        name=f"site_{number}",
        login=f"site{number}",
        reader_login=f"site{number}_ro",
    )
    yield chosen
    database_server.run(f"DROP DATABASE IF EXISTS {chosen.name} WITH (FORCE)")
    for role in (chosen.login, chosen.reader_login, f"{chosen.login}_owner"):
        database_server.run(f"DROP ROLE IF EXISTS {role}")


@pytest.fixture
def run(settings):
    def run_command(*arguments, chosen=settings, answer=None):
        return CliRunner().invoke(
            oar_database, list(arguments), obj=Context(settings=Settings(database=chosen)), input=answer
        )

    return run_command


def roles(server):
    with server.engine.connect() as connection:
        return set(connection.exec_driver_sql("SELECT rolname FROM pg_roles").scalars())


def databases(server):
    with server.engine.connect() as connection:
        return set(connection.exec_driver_sql("SELECT datname FROM pg_database").scalars())


def test_create_and_init_make_a_database_that_passes_the_check(run):
    assert [run(step).exit_code for step in ("create", "init")] == [0, 0]
    assert run("check").output == "[Success] The OAR database is accessible and ready.\n"


def test_create_makes_three_roles(run, settings, database_server):
    run("create")
    assert {settings.login, f"{settings.login}_owner", settings.reader_login} <= roles(database_server)


def test_create_twice_leaves_what_is_there(run, settings):
    run("create")
    again = run("create")
    assert again.exit_code == 0
    assert f"Database {settings.name} is already there." in again.output


def test_init_twice_changes_nothing(run):
    run("create")
    run("init")
    again = run("init")
    assert (again.exit_code, again.output) == (0, "The database is up to date (revision 0002).\n")


def test_two_inits_at_once_build_the_database_once(run, settings):
    run("create")
    engine = open_engine(settings)
    said = []
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda _: initialise(engine, settings, said.append), range(2)))
    engine.dispose()
    assert sorted(said) == [
        f"Initializing database '{settings.name}'...",
        "The database is up to date (revision 0002).",
    ]


def test_alembic_itself_upgrades_the_database_of_the_configuration_file(run, settings, tmp_path: Path):
    run("create")
    conf = tmp_path / "oar.conf"
    conf.write_text(
        f'DB_HOSTNAME="{settings.host}"\nDB_BASE_NAME="{settings.name}"\n'
        f'DB_BASE_LOGIN="{settings.login}"\nDB_BASE_LOGIN_RO="{settings.reader_login}"\n'
    )
    command = [sys.executable, "-m", "alembic", "upgrade", "head"]
    environment = {**os.environ, "OARCONFFILE": str(conf)}
    subprocess.run(command, cwd=migrations_folder().parent, env=environment, check=True)
    assert "is up to date" in run("init").output
    assert run("check").exit_code == 0


def test_init_does_not_bring_back_a_queue_that_was_removed(run, database_server, settings):
    run("create")
    run("init")
    inside = create_engine(database_server.admin.set(database=settings.name))
    with inside.begin() as connection:
        connection.exec_driver_sql("DELETE FROM queues WHERE queue_name = 'besteffort'")
    run("init")
    with inside.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM queues").scalar_one() == 2
    inside.dispose()


def test_nobody_else_enters_the_database(run, database_server, settings):
    run("create")
    with database_server.engine.connect() as connection:
        enters = connection.exec_driver_sql(
            "SELECT has_database_privilege('oar_ro', %s, 'CONNECT')", (settings.name,)
        )
        assert enters.scalar_one() is False


def test_check_tells_that_init_is_missing(run):
    run("create")
    checked = run("check")
    assert checked.exit_code == 1
    assert checked.output.startswith("[Failed] ")
    assert "oar-database init" in checked.output


def test_check_tells_each_difference(run, database_server, settings):
    run("create")
    run("init")
    inside = create_engine(database_server.admin.set(database=settings.name))
    with inside.begin() as connection:
        connection.exec_driver_sql("DROP VIEW gantt_jobs_resources_visu; ALTER TABLE jobs DROP COLUMN notify")
    inside.dispose()
    checked = run("check")
    assert checked.exit_code == 1
    assert len(checked.output.splitlines()) == 3


def test_check_tells_that_the_reader_sees_secrets(run, database_server, settings):
    run("create")
    run("init")
    inside = create_engine(database_server.admin.set(database=settings.name))
    with inside.begin() as connection:
        connection.exec_driver_sql(f"GRANT SELECT ON challenges TO {settings.reader_login}")
    inside.dispose()
    assert "read challenges" in run("check").output


def test_check_of_a_database_that_is_not_there_is_one_line_and_exit_code_2(run):
    checked = run("check")
    assert checked.exit_code == 2
    assert len(checked.output.splitlines()) == 1


def test_a_database_of_oar_2_is_left_alone(run, database_server, settings):
    run("create")
    inside = create_engine(database_server.admin.set(database=settings.name))
    with inside.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE jobs (job_id bigserial PRIMARY KEY)")
    done = run("init")
    with inside.begin() as connection:
        assert (
            connection.exec_driver_sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").scalar()
            == 1
        )
    inside.dispose()
    assert done.exit_code == 1
    assert "already holds a table jobs" in done.output


def test_a_database_of_a_newer_oar_is_left_alone(run, database_server, settings):
    run("create")
    run("init")
    inside = create_engine(database_server.admin.set(database=settings.name))
    with inside.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    inside.dispose()
    done = run("init")
    assert done.exit_code == 1
    assert "upgrade OAR" in done.output


def test_a_creation_that_fails_leaves_no_role_behind(run, database_server, settings):
    database_server.run(f"CREATE ROLE {settings.login} LOGIN CREATEROLE")
    before = roles(database_server)
    powerless = f"postgresql://{settings.login}@/postgres?host={settings.host}"
    wanted = replace(settings, login=f"{settings.login}_wanted")
    failed = run("create", "--admin-url", powerless, chosen=wanted)
    assert failed.exit_code == 1
    assert "permission denied to create database" in failed.output
    assert roles(database_server) == before


def test_drop_asks_first(run, database_server, settings):
    run("create")
    refused = run("drop", answer="n\n")
    assert refused.exit_code != 0
    assert settings.name in databases(database_server)


def test_drop_leaves_neither_database_nor_roles(run, database_server, settings):
    run("create")
    run("init")
    assert run("drop", "-y").exit_code == 0
    assert settings.name not in databases(database_server)
    assert not {role for role in roles(database_server) if role.startswith(settings.login)}


def test_drop_of_a_database_in_use_is_refused_with_what_to_do(run, database_server, settings):
    run("create")
    inside = create_engine(database_server.admin.set(database=settings.name))
    with inside.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
        refused = run("drop", "-y")
    inside.dispose()
    assert refused.exit_code == 1
    assert "stop oar-server" in refused.output


def test_a_password_is_kept_hashed(database_server, settings):
    chosen = replace(settings, password="secret")  # noqa: S106
    create(database_server.admin, chosen, say=lambda _line: None)
    with database_server.engine.connect() as connection:
        kept = connection.exec_driver_sql(
            "SELECT rolpassword FROM pg_authid WHERE rolname = %s", (chosen.login,)
        )
        assert kept.scalar_one().startswith("SCRAM-SHA-256$")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"host": "127.0.0.1"}, "DB_BASE_PASSWD is empty"),
        ({"login": ""}, "DB_BASE_LOGIN is empty"),
        ({"reader_login": "same", "login": "same"}, "must be another account"),
    ],
)
def test_accounts_that_could_not_work_are_refused(change, told, database_server, settings):
    with pytest.raises(ConfigurationError, match=told):
        create(database_server.admin, replace(settings, **change), say=print)


def test_a_server_elsewhere_needs_the_url_of_its_administrator(run, settings):
    refused = run("create", chosen=replace(settings, host="db.example.org"))
    assert refused.exit_code == 1
    assert "--admin-url" in refused.output


@pytest.mark.parametrize("url", ["nonsense", "mysql://root@localhost/"])
def test_a_url_that_is_none_of_postgresql_is_refused(url, run):
    refused = run("create", "--admin-url", url)
    assert refused.exit_code == 1
    assert "postgresql://" in refused.output


def test_a_configuration_that_is_not_there_is_told(run, tmp_path: Path):
    refused = run("--conf", str(tmp_path / "oar.conf"), "check")
    assert refused.exit_code == 78
    assert str(tmp_path / "oar.conf") in refused.output
