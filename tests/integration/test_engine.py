from pathlib import Path

import pytest

from oar.db.engine import database_now, open_engine
from oar.errors import DatabaseUnreachable, ExitCode
from oar.settings import DatabaseSettings


def refusal(settings):
    with pytest.raises(DatabaseUnreachable) as refused:
        open_engine(settings).connect()
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == ExitCode.NOT_REACHABLE
    return str(refused.value)


def test_no_server_is_told_with_its_place_and_the_keys_to_look_at(tmp_path: Path):
    told = refusal(DatabaseSettings(host=str(tmp_path), port=5999, name="oar"))
    assert f"database oar at {tmp_path}, port 5999 does not answer account oar" in told
    assert "DB_HOSTNAME and DB_PORT" in told


def test_a_refused_connection_over_tcp_is_told():
    assert "Connection refused" in refusal(DatabaseSettings(host="127.0.0.1", port=1))


def test_a_database_that_is_not_there_is_told_with_what_makes_it(database_server):
    told = refusal(database_server.settings("nowhere"))
    assert 'database "nowhere" does not exist' in told
    assert "oar-database create" in told


def test_an_account_that_is_not_there_is_told(database_server):
    settings = DatabaseSettings(host=database_server.host, name="oar_template", login="nobody")
    assert 'role "nobody" does not exist' in refusal(settings)


def test_a_connection_that_breaks_is_told_and_the_next_one_works(database, database_server):
    with pytest.raises(DatabaseUnreachable), database.engine.begin() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        database_server.run(f"SELECT pg_terminate_backend({pid})")
        connection.exec_driver_sql("SELECT 1")
    with database.engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1


def test_the_clock_of_the_database_tells_whole_seconds(database):
    with database.engine.begin() as connection:
        assert isinstance(database_now(connection), int)


def test_a_connection_that_broke_while_it_rested_is_replaced_without_a_word(database, database_server):
    with database.engine.begin() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    database_server.run(f"SELECT pg_terminate_backend({pid}, 5000)")
    with database.engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1
