"""The ssh command that gives a terminal a shell in a job."""

import base64
import shlex
import subprocess
import sys
import zlib

import pytest

from oar.remote.argv import END_OF_SOURCE, argument_loader_argv
from oar.remote.programs import LaunchData
from oar.remote.session import pack, session_argv
from oar.settings import NodeSettings, Settings

SETTINGS = Settings(nodes=NodeSettings(ssh=("ssh", "-p", "6667")))


def launch(node: str = "node1", user: str = "alice") -> LaunchData:
    return LaunchData(
        job_id=7,
        user=user,
        array_id=7,
        array_index=1,
        job_name=None,
        project="default",
        command="",
        launching_directory="/home/alice/it's here",
        stdout_file="o",
        stderr_file="e",
        walltime_s=3600,
        challenge="secret",
        resources=[{"type": "default", "network_address": node, "resource_id": 1, "cpuset": "0"}],
    )


def unpack(word: str) -> bytes:
    return zlib.decompress(base64.b64decode(word))


def test_the_terminal_goes_to_the_first_node() -> None:
    argv = session_argv(launch(), SETTINGS, ends_job=True)
    *ssh, remote = argv
    assert ssh == ["ssh", "-p", "6667", "-x", "-e", "none", "-t", "node1"]
    words = shlex.split(remote)
    assert words[:5] == ["env", "TAKTUK_HOSTNAME=node1", "python3", "-I", "-S"]
    assert words[-2] == "OAR_SESSION"


def test_nothing_secret_is_on_the_command_line() -> None:
    words = shlex.split(session_argv(launch(), SETTINGS, ends_job=True)[-1])
    assert b'"challenge": ""' in unpack(words[-1])
    assert b"secret" not in unpack(words[-1]).partition(END_OF_SOURCE.encode())[2]


def test_a_command_line_that_linux_would_not_take_is_far_away() -> None:
    assert len(session_argv(launch(), SETTINGS, ends_job=True)[-1]) < 32_000


@pytest.mark.parametrize("node", ["-oProxyCommand=x", "a b"])
def test_what_is_no_name_of_a_machine_is_not_given_to_ssh(node: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        session_argv(launch(node), SETTINGS, ends_job=True)


def test_a_packed_program_runs_with_its_parts_and_leaves_standard_input_alone() -> None:
    program = (
        "import sys\nfrom part import word\nprint(word, DATA.decode(), sys.argv[1:], sys.stdin.read())\n"
        '\n__PART__ part\nword = "hello"\n\n__END__\n{"a": 1}'
    )
    argv = [sys.executable, *argument_loader_argv("WORD", pack(program))[1:]]
    done = subprocess.run(argv, input="typed", capture_output=True, text=True, check=True)
    assert done.stdout == "hello {\"a\": 1} ['WORD'] typed\n"
