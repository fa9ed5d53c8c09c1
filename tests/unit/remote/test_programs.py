"""What nodes are told of a job."""

from dataclasses import replace
from pathlib import Path

import pytest

from oar.errors import ConfigurationError
from oar.remote.programs import (
    LaunchData,
    NodeSignal,
    clean_program,
    cpuset_full_path,
    init_program,
    job_environment,
    node_file,
    oarexec_program,
    properties_file,
    signal_argv,
)
from oar.settings import FrontendSettings, NodeSettings, Settings

NODES = NodeSettings(cpuset_path="/oar", runtime_directory="/var/lib/oar")
SETTINGS = Settings(nodes=NODES)
FRONTENDS = FrontendSettings(deploy="d", cosystem="c")


def row(number: int, node: str, cpuset: object, kind: str = "default") -> dict[str, object]:
    return {"resource_id": number, "network_address": node, "cpuset": cpuset, "type": kind, "mem": None}


JOB = LaunchData(
    job_id=12,
    user="alice",
    array_id=10,
    array_index=3,
    job_name=None,
    project="prj",
    command="echo 'secret $HOME'",
    launching_directory="/home/alice",
    stdout_file="OAR.12.stdout",
    stderr_file="OAR.12.stderr",
    walltime_s=7200,
    challenge="4711",
    resources=[row(3, "node2", 0), row(1, "node1", 0), row(2, "node1", 1), row(9, "", None, "licence")],
    types={"besteffort": "", "container": "c1"},
)


def test_nodes_come_in_alphabetical_order_without_other_resources() -> None:
    assert (JOB.nodes, JOB.host(FRONTENDS)) == (("node1", "node2"), "node1")


@pytest.mark.parametrize(
    ("types", "host"), [({"deploy": ""}, "d"), ({"deploy": "standby"}, "d"), ({"cosystem": ""}, "c")]
)
def test_jobs_that_leave_their_nodes_to_others_work_on_a_frontend(types: dict[str, str], host: str) -> None:
    job = replace(JOB, types=types)
    assert (job.host(FRONTENDS), job.is_cleaned, cpuset_full_path(job, SETTINGS.nodes)) == (host, False, None)
    assert "OAR_CPUSET" not in oarexec_program(job, SETTINGS).data["environment"]


def test_a_job_of_licences_works_on_the_frontend_for_that() -> None:
    job = replace(JOB, resources=[row(9, "", None, "licence")])
    assert (job.nodes, job.host(FRONTENDS), job.is_cleaned) == ((), "c", False)


def test_each_node_is_given_its_cpus() -> None:
    assert init_program(JOB, SETTINGS).data["nodes"] == {"node1": ["0", "1"], "node2": ["0"]}


def test_the_node_file_has_a_line_per_resource_of_a_node() -> None:
    assert node_file(JOB, NODES) == "node1\nnode1\nnode2\n"


def test_the_node_file_can_have_a_line_per_value_of_another_property() -> None:
    assert node_file(JOB, replace(NODES, node_file_distinct="network_address")) == "node1\nnode2\n"


def test_properties_are_written_as_oarprint_reads_them() -> None:
    first = properties_file(JOB).splitlines()[0]
    assert (
        first
        == " cpuset = '0' , mem = '' , network_address = 'node2' , resource_id = '3' , type = 'default' "
    )


def test_the_job_sees_each_variable_under_all_of_its_names() -> None:
    environment = job_environment(JOB, NODES)
    assert environment["OAR_JOBID"] == environment["OAR_JOB_ID"] == "12"
    assert environment["OAR_ARRAYINDEX"] == environment["OAR_ARRAY_INDEX"] == "3"
    assert environment["OAR_WORKDIR"] == environment["OAR_O_WORKDIR"] == "/home/alice"
    assert environment["OAR_JOB_WALLTIME"] == "2:0:0"
    assert environment["OAR_CPUSET"] == "/oar/alice_12"


def test_a_job_without_name_has_an_empty_one() -> None:
    assert job_environment(JOB, NODES)["OAR_JOB_NAME"] == ""


def test_without_cpuset_property_there_is_no_cgroup() -> None:
    settings = Settings(nodes=replace(NODES, cpuset_property=""))
    assert init_program(JOB, settings).data["cpuset_path"] is None
    assert oarexec_program(JOB, settings).data["cpuset_full_path"] is None


def test_a_type_without_value_is_true() -> None:
    assert init_program(JOB, SETTINGS).data["types"] == {"besteffort": True, "container": "c1"}


def test_the_challenge_and_the_command_go_to_oarexec_only() -> None:
    for program in (init_program(JOB, SETTINGS), clean_program(JOB, SETTINGS)):
        assert "4711" not in program.to_stdin().decode().partition("__END__")[2]
        assert "secret" not in program.to_stdin().decode()
    assert oarexec_program(JOB, SETTINGS).data["challenge"] == "4711"


def test_neither_the_command_nor_the_challenge_is_in_the_action() -> None:
    assert oarexec_program(JOB, SETTINGS).action == "OAREXEC_12"


@pytest.mark.parametrize("kind", ["deploy", "cosystem"])
def test_oarexec_knows_when_nobody_will_clean_after_it(kind: str) -> None:
    assert oarexec_program(JOB, SETTINGS).data["is_cleaned"] is True
    assert oarexec_program(replace(JOB, types={kind: ""}), SETTINGS).data["is_cleaned"] is False


def test_oarexec_carries_the_part_that_runs_as_the_user() -> None:
    assert "USER_CMD_PID" in str(oarexec_program(JOB, SETTINGS).data["user_part"])


def test_a_site_can_replace_a_program_and_gets_the_rows_too(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("print('mine')")
    settings = Settings(nodes=replace(NODES, resource_manager_file=str(tmp_path / "mine.py")))
    program = init_program(JOB, settings)
    assert (program.source, program.as_root) == ("print('mine')", False)
    assert program.data["resources"] == list(JOB.resources)


def test_a_missing_file_of_the_site_is_an_error_that_names_it() -> None:
    settings = Settings(nodes=replace(NODES, oarexec_file="/nonexistent/oarexec.py"))
    with pytest.raises(ConfigurationError, match=r"/nonexistent/oarexec\.py"):
        oarexec_program(JOB, settings)


def test_a_signal_names_the_job_and_nothing_of_it_is_a_script() -> None:
    argv = signal_argv(12, NodeSignal.USER_SIGNAL, "/var/lib/oar; id", "USR1 $(id)")
    assert argv[3:] == ("sh", "/var/lib/oar; id", "12", "URG", "USR1 $(id)")


def test_nodes_are_told_of_no_limit_that_the_site_does_not_set() -> None:
    data = init_program(JOB, SETTINGS).data
    limits = ("limit_memory", "pids_limit", "gpus", "compute_thread_siblings", "clean_user_directories")
    assert [data[name] for name in limits] == [False, 0, None, "no", []]


def test_each_node_is_told_of_its_gpus() -> None:
    nodes = replace(NODES, gpu_property="gpudevice")
    rows = [row(1, "node1", 0) | {"gpudevice": 1}, row(2, "node2", 0) | {"gpudevice": None}]
    data = init_program(replace(JOB, resources=rows), Settings(nodes=nodes)).data
    assert data["gpus"] == {"node1": ["1"], "node2": []}


def test_a_node_gives_up_killing_while_the_server_still_waits_for_its_answer() -> None:
    nodes = replace(NODES, ssh_timeout_s=10)
    assert clean_program(JOB, Settings(nodes=nodes)).data["kill_limit_s"] == 5
