"""oarsub on a real database, through its command line."""

import os
import pwd
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select, text

from oar.cli.app import Context
from oar.cli.caller import Caller
from oar.cli.oarsub import oarsub
from oar.core.job_life import JobSignal
from oar.core.states import NodeState
from oar.db.moves import move_job
from oar.db.properties import add_property
from oar.db.resources import add_resource, set_properties
from oar.db.tables_jobs import (
    ChallengeRow,
    DependencyRow,
    GroupRow,
    JobRow,
    JobStateLogRow,
    JobTypeRow,
    LevelRow,
    MoldableRow,
)
from oar.settings import DatabaseSettings, ServerSettings, Settings
from tests.integration.conftest import Database
from tests.ports import free_ports

pytestmark = pytest.mark.integration

OWN = pwd.getpwuid(os.geteuid())
Submit = Callable[..., Result]


@pytest.fixture
def settings(database: Database) -> Settings:
    server = ServerSettings(hostname="127.0.0.1", message_port=free_ports(1)[0])
    return Settings(database=database.settings, server=server)


@pytest.fixture
def cluster(database: Database) -> Database:
    """Three nodes of two cores; the third is Dead, the second Absent."""
    with database.engine.begin() as connection:
        add_property(connection, "core", text=False)
        add_property(connection, "gpu", text=True)
    states = (NodeState.ALIVE, NodeState.ABSENT, NodeState.DEAD)
    with database.engine.begin() as connection:
        for number, state in enumerate(states, 1):
            for core in (1, 2):
                values = {"core": 2 * number + core, "gpu": "YES" if number == 1 else "NO"}
                add_resource(connection, f"node{number}", values, state, now=100)
    return database


@pytest.fixture
def submit(cluster: Database, settings: Settings) -> Submit:
    context = Context(
        settings=settings,
        caller=Caller(OWN.pw_name, OWN.pw_uid, is_admin=False),
        engine=cluster.engine,
        reader=cluster.reader,
    )

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(oarsub, list(arguments), obj=context)

    return run


def read(database: Database, statement: Any) -> Sequence[Any]:
    with database.engine.connect() as connection:
        return connection.execute(statement).all()


def job(database: Database) -> Any:
    (row,) = read(database, select(*JobRow.__table__.columns))
    return row


def ids(result: Result) -> list[str]:
    return [line for line in result.stdout.splitlines() if not line.startswith("[ADMISSION RULE] ")]


def test_one_job_answers_with_one_line(submit: Submit) -> None:
    result = submit("-l", "{type = 'default'}/nodes=1,walltime=1", "true")
    assert result.stdout == "OAR_JOB_ID=1\n"


def test_an_ordinary_submission_prints_what_oar_2_prints(submit: Submit) -> None:
    assert submit("-l", "nodes=1", "./job").stdout == (
        "[ADMISSION RULE] Set default walltime to 7200.\n"
        "[ADMISSION RULE] Modify resource description with type constraints\n"
        "OAR_JOB_ID=1\n"
    )


def test_an_array_answers_with_each_job_and_the_array(submit: Submit) -> None:
    result = submit("--array", "3", "-l", "{type = 'default'}/core=1,walltime=1", "true")
    assert result.stdout == "OAR_JOB_ID=1\nOAR_JOB_ID=2\nOAR_JOB_ID=3\nOAR_ARRAY_ID=1\n"


def test_an_array_of_one_job_is_no_array(submit: Submit) -> None:
    assert ids(submit("--array", "1", "true")) == ["OAR_JOB_ID=1"]


def test_the_job_waits_with_what_was_asked(submit: Submit, cluster: Database) -> None:
    submit("-n", "sim", "-p", "gpu = 'YES'", "--project", "physics", "-d", "/tmp", "-l", "core=1", "sleep 1")
    row = job(cluster)
    assert (row.state, row.job_name, row.project, row.command, row.launching_directory, row.queue_name) == (
        "Waiting",
        "sim",
        "physics",
        "sleep 1",
        "/tmp",
        "default",
    )


def test_root_submits_nothing_in_an_installation(cluster: Database, settings: Settings) -> None:
    root = Caller("root", 0, is_admin=True, through_sudo=True)
    context = Context(settings=settings, caller=root, engine=cluster.engine, reader=cluster.reader)
    result = CliRunner().invoke(oarsub, ["true"], obj=context)
    assert (result.exit_code, result.stderr.count("\n"), read(cluster, select(JobRow.job_id))) == (254, 1, [])


def test_the_job_belongs_to_the_caller(submit: Submit, cluster: Database) -> None:
    submit("true")
    assert job(cluster).job_user == OWN.pw_name


def test_a_single_job_is_an_array_of_itself(submit: Submit, cluster: Database) -> None:
    submit("true")
    row = job(cluster)
    assert (row.array_id, row.array_index) == (row.job_id, 1)


def test_the_request_is_kept_as_it_was_typed(submit: Submit, cluster: Database) -> None:
    submit("-l", "core=1", "sleep 1")
    assert job(cluster).initial_request == "oarsub -l core=1 sleep 1"


def test_the_message_says_what_the_job_takes(submit: Submit, cluster: Database) -> None:
    submit("-l", "nodes=2,walltime=1:30", "-n", "sim", "true")
    assert job(cluster).message == "R=4,W=1:30:0,J=B,N=sim"


def test_drained_resources_are_left_out_of_the_plan(submit: Submit, cluster: Database) -> None:
    submit("-p", "gpu = 'YES' or core = 3", "true")
    assert job(cluster).properties == "(gpu = 'YES' or core = 3) AND drain='NO'"


def test_the_job_has_a_challenge_of_its_own(submit: Submit, cluster: Database) -> None:
    submit("--array", "2", "true")
    first, second = read(cluster, select(ChallengeRow.challenge))
    assert first != second


def test_the_history_of_the_job_begins_with_waiting(submit: Submit, cluster: Database) -> None:
    submit("true")
    logged = select(JobStateLogRow.job_state, JobStateLogRow.date_start - JobRow.submission_time)
    assert [
        tuple(row) for row in read(cluster, logged.join(JobRow, JobRow.job_id == JobStateLogRow.job_id))
    ] == [("Waiting", 0)]


def test_a_held_job_is_in_hold(submit: Submit, cluster: Database) -> None:
    submit("--hold", "true")
    assert job(cluster).state == "Hold"


def test_alternatives_keep_their_order_and_their_groups(submit: Submit, cluster: Database) -> None:
    submit("-l", "{gpu = 'YES'}/nodes=1/core=2+core=1,walltime=1", "-l", "core=3", "true")
    query = (
        select(
            MoldableRow.moldable_walltime,
            GroupRow.res_group_property,
            LevelRow.res_job_resource_type,
            LevelRow.res_job_value,
        )
        .join(GroupRow, GroupRow.res_group_moldable_id == MoldableRow.moldable_id)
        .join(LevelRow, LevelRow.res_job_group_id == GroupRow.res_group_id)
        .order_by(MoldableRow.moldable_id, GroupRow.res_group_id, LevelRow.res_job_order)
    )
    assert [tuple(row) for row in read(cluster, query)] == [
        (3600, "(gpu = 'YES') AND type = 'default'", "network_address", 1),
        (3600, "(gpu = 'YES') AND type = 'default'", "core", 2),
        (3600, "type = 'default'", "core", 1),
        (7200, "type = 'default'", "core", 3),
    ]


def test_an_inner_job_of_a_container_that_waits_is_accepted(submit: Submit) -> None:
    assert submit("-t", "container", "-t", "noop", "-l", "core=2").exit_code == 0
    assert submit("-t", "container=box", "-t", "inner=1", "-l", "core=2", "true").exit_code == 0
    assert [submit("-t", f"inner={name}", "true").exit_code for name in ("1", "box", "3")] == [0, 0, 254]


def test_a_container_with_a_name_is_found_by_its_job_id_as_in_oar_2(
    submit: Submit, cluster: Database
) -> None:
    submit("-t", "container=box", "-l", "core=2", "true")
    submit("-t", "inner=1", "-t", "idempotent", "true")
    words = select(JobTypeRow.type).where(JobTypeRow.job_id == 2).order_by(JobTypeRow.job_type_id)
    assert [row.type for row in read(cluster, words)] == ["inner=box", "idempotent"]


def test_c11_an_inner_job_of_a_container_that_has_ended_is_refused(submit: Submit, cluster: Database) -> None:
    submit("-t", "container", "-l", "core=2", "true")
    with cluster.engine.begin() as connection:
        move_job(connection, 1, JobSignal.KILL, now=2000)
    result = submit("-t", "inner=1", "true")
    assert (result.exit_code, result.stderr) == (
        254,
        "oarsub: [ADMISSION RULE] Error: inner job is requesting an invalid container id: "
        "no container '1' waits or runs\n",
    )


def test_types_are_kept(submit: Submit, cluster: Database) -> None:
    submit("-t", "besteffort", "-t", "idempotent", "true")
    assert [row.type for row in read(cluster, select(JobTypeRow.type))] == ["besteffort", "idempotent"]


def test_the_wish_to_be_told_is_kept(submit: Submit, cluster: Database) -> None:
    submit("--notify", "[END]mail:ann@example.org", "true")
    with cluster.engine.connect() as connection:
        assert connection.scalar(select(JobRow.notify)) == "[END]mail:ann@example.org"


@pytest.mark.parametrize(("wish", "code"), [("ann@example.org", 250), ("exec:told.sh", 16)])
def test_a_wish_to_be_told_that_is_none_registers_nothing(
    submit: Submit, cluster: Database, wish: str, code: int
) -> None:
    result = submit("--notify", wish, "true")
    with cluster.engine.connect() as connection:
        assert (result.exit_code, connection.scalar(select(JobRow.job_id))) == (code, None)
    assert result.stderr.startswith("oarsub: --notify: ")


def test_dependencies_are_kept(submit: Submit, cluster: Database) -> None:
    submit("true")
    submit("-a", "1", "true")
    assert [
        tuple(row) for row in read(cluster, select(DependencyRow.job_id, DependencyRow.job_id_required))
    ] == [(2, 1)]


def test_each_line_of_a_parameter_file_is_a_job(submit: Submit, cluster: Database, tmp_path: Path) -> None:
    (tmp_path / "parameters").write_text("# size\n1 small\n2 large\n")
    submit("--array-param-file", str(tmp_path / "parameters"), "./run")
    query = select(JobRow.job_id, JobRow.array_id, JobRow.array_index, JobRow.command).order_by(JobRow.job_id)
    assert [tuple(row) for row in read(cluster, query)] == [
        (1, 1, 1, "./run 1 small"),
        (2, 1, 2, "./run 2 large"),
    ]


def test_a_script_says_what_it_needs(submit: Submit, cluster: Database, tmp_path: Path) -> None:
    script = tmp_path / "job.sh"
    script.write_text("#!/bin/sh\n#OAR -l core=2,walltime=1\n#OAR -n fromscript\n#OAR -d /tmp\necho\n")
    submit("-S", f"{script} one two")
    row = job(cluster)
    assert (row.message, row.launching_directory, row.command) == (
        "R=2,W=1:0:0,J=B,N=fromscript",
        "/tmp",
        f"{script} one two",
    )


def test_the_directives_are_part_of_the_kept_request(
    submit: Submit, cluster: Database, tmp_path: Path
) -> None:
    script = tmp_path / "job.sh"
    script.write_text("#!/bin/sh\n#OAR -l core=2\n#OAR --hold\n")
    submit("-S", str(script))
    assert job(cluster).initial_request == f"oarsub -S {script}; #OAR -l core=2; #OAR --hold"


def test_the_command_line_wins_over_the_script(submit: Submit, cluster: Database, tmp_path: Path) -> None:
    script = tmp_path / "job.sh"
    script.write_text("#!/bin/sh\n#OAR -d /usr\n")
    result = submit("-S", "-d", "/tmp", str(script))
    assert (job(cluster).launching_directory, "ignore script value for directory" in result.stderr) == (
        "/tmp",
        True,
    )


def test_a_job_may_need_resources_that_are_away(submit: Submit) -> None:
    assert submit("-l", "nodes=2", "true").exit_code == 0


def test_a_job_may_need_resources_that_are_drained(submit: Submit, cluster: Database) -> None:
    with cluster.engine.begin() as connection:
        set_properties(connection, [1, 2, 3, 4], {"drain": "YES"}, now=200)
    assert submit("-l", "nodes=2", "true").exit_code == 0


def test_the_name_of_a_level_may_be_written_in_capitals(submit: Submit, cluster: Database) -> None:
    submit("-l", "CORE=2,walltime=1", "true")
    assert job(cluster).message == "R=2,W=1:0:0,J=B"


def test_without_the_server_the_job_is_registered_and_the_user_is_told(
    submit: Submit, settings: Settings
) -> None:
    result = submit("true")
    assert (result.exit_code, result.stderr) == (
        0,
        f"oarsub: the server at 127.0.0.1:{settings.server.message_port} does not answer; "
        "the job is registered and will start when it is back\n",
    )


REFUSALS = [
    pytest.param(["-l", "nodes=x", "true"], 18, "'network_address=x'|'nodes=x'", id="request"),
    pytest.param(["-l", "nodes=1,walltime=0", "true"], 18, "longer than 0", id="walltime"),
    pytest.param([], 5, "nothing to run", id="no command"),
    pytest.param(["sleep", "10"], 5, "quote it: 'sleep 10'", id="two commands"),
    pytest.param(["--array", "0", "true"], 6, "--array 0", id="array"),
    pytest.param(["-S", "/absent/job.sh"], 12, "'/absent/job.sh' cannot be read: No such file", id="script"),
    pytest.param(["--array-param-file", "/absent", "true"], 12, "'/absent' cannot be read", id="parameters"),
    pytest.param(["-q", "absent", "true"], 248, "queue 'absent' does not exist; known: admin", id="queue"),
    pytest.param(["-l", "nodes=3", "true"], 251, "asks for 3 network_address, 2 match", id="too many"),
    pytest.param(["-l", "core=1", "-l", "nodes=9", "true"], 251, "asks for 9", id="one alternative too many"),
    pytest.param(["-p", "gpu = 'RED'", "true"], 251, "not enough resources", id="nothing matches"),
    pytest.param(["-l", "foo=1", "true"], 251, "unknown property 'foo'; known: .*core.*gpu", id="level"),
    pytest.param(["-p", "foo = 1", "true"], 251, "unknown property 'foo'; known: .*core.*gpu", id="in -p"),
    pytest.param(["-l", "{foo = 1}/core=1", "true"], 251, "unknown property 'foo'", id="in a filter"),
    pytest.param(["-p", "gpu =", "true"], 251, 'bad condition "gpu ="', id="SQL"),
    pytest.param(["-p", "1=1) OR (1=1", "true"], 251, "bad condition", id="parentheses"),
    pytest.param(["-p", "1=1; DROP TABLE jobs", "true"], 251, "';' is not allowed", id="two statements"),
    pytest.param(["-p", "pg_sleep(1) is null or gpu = 'x' --", "true"], 251, "comments", id="comment"),
    pytest.param(["-t", "absent", "true"], 254, "unknown job type: absent", id="type"),
    pytest.param(["-t", "deadline=soon", "true"], 254, "'deadline=soon' is wrong", id="value of a type"),
    pytest.param(["-t", "inner=7", "true"], 254, "no container '7' waits or runs", id="container"),
    pytest.param(["-q", "admin", "true"], 254, "admin queue", id="admin queue"),
    pytest.param(["-l", "state=1", "true"], 254, "'state' resource is not allowed", id="system property"),
    pytest.param(["-a", "77", "true"], 1, "-a: there is no job 77", id="dependency"),
    pytest.param(["-a", "99999999999999", "true"], 1, "-a", id="dependency beyond numbers"),
    pytest.param(["-O", "$HOME/x", "true"], 244, "-O: ", id="stdout"),
    pytest.param(["-E", "$HOME/x", "true"], 243, "-E: ", id="stderr"),
    pytest.param(["-d", "here", "true"], 1, "-d: 'here' is not absolute", id="directory"),
    pytest.param(["-C", "77"], 20, "there is no job 77", id="connection to no job"),
    pytest.param(["-C", "9" * 5000], 1, "-C: .* is no job; give its number", id="connection beyond numbers"),
    pytest.param(["-Z"], 1, "-Z", id="an option that does not exist"),
    pytest.param(["-I", "-t", "noop"], 17, "-t noop", id="interactive noop"),
    pytest.param(["-I", "--array", "2"], 8, "--array", id="array of interactive jobs"),
]


@pytest.mark.parametrize(("arguments", "code", "told"), REFUSALS)
def test_a_bad_submission_is_told_in_one_line_and_writes_nothing(
    submit: Submit, cluster: Database, arguments: list[str], code: int, told: str
) -> None:
    result = submit(*arguments)
    rows = read(cluster, select(JobRow.job_id))
    assert (result.exit_code, result.stderr.count("\n"), ids(result), rows) == (code, 1, [], []), (
        result.stderr
    )
    assert re.search(told, result.stderr), result.stderr


def test_two_submissions_at_once_do_not_share_an_id(submit: Submit, cluster: Database) -> None:
    first, second = submit("--array", "2", "true"), submit("--array", "2", "true")
    assert len(set(ids(first)[:2] + ids(second)[:2])) == 4


def test_a_large_array_is_written_whole(submit: Submit, cluster: Database) -> None:
    submit("--array", "2500", "-l", "core=1/resource_id=1", "true")
    (row,) = read(
        cluster,
        text(
            "SELECT count(*), max(array_index), count(DISTINCT array_id), count(c.job_id) FROM jobs"
            " LEFT JOIN challenges c USING (job_id)"
        ),
    )
    assert tuple(row) == (2500, 2500, 1, 2500)


def configuration(folder: Path, database: DatabaseSettings, port: int) -> Path:
    file = folder / "oar.conf"
    file.write_text(
        f'DB_HOSTNAME="{database.host}"\nDB_PORT="{database.port}"\nDB_BASE_NAME="{database.name}"\n'
        f'SERVER_HOSTNAME="127.0.0.1"\nAPPENDICE_SERVER_PORT="{port}"\n'
    )
    return file


def run_program(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("oarsub")
    environment = {**os.environ, "OARCONFFILE": str(file)}
    return subprocess.run([program, *arguments], capture_output=True, text=True, env=environment, check=False)


def test_the_installed_program_submits(cluster: Database, settings: Settings, tmp_path: Path) -> None:
    file = configuration(tmp_path, settings.database, settings.server.message_port)
    answer = run_program(file, "-l", "{type = 'default'}/core=1,walltime=0:10", "echo 'a b'")
    assert (answer.returncode, answer.stdout, job(cluster).command) == (0, "OAR_JOB_ID=1\n", "echo 'a b'")


def test_without_the_database_the_user_is_told_in_one_line(settings: Settings, tmp_path: Path) -> None:
    away = replace(settings.database, host=str(tmp_path))
    answer = run_program(configuration(tmp_path, away, settings.server.message_port), "true")
    assert (answer.returncode, answer.stderr.count("\n"), answer.stderr.startswith("oarsub: ")) == (
        2,
        1,
        True,
    )
