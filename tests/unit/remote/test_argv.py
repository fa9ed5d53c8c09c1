"""What is written on command lines for nodes, hostile words among them."""

import subprocess
from pathlib import Path

import pytest

from oar.remote.argv import (
    AS_ROOT,
    END_OF_SOURCE,
    LOADER,
    PART,
    is_node_name,
    loader_argv,
    quote_remote,
    ssh_argv,
)

HOSTILE = [
    "",
    " ",
    "a b",
    "it's",
    'say "no"',
    "$(touch /tmp/owned)",
    "`id`",
    "; rm -rf /",
    "a\nb",
    "a && b || c | d > e < f & g",
    "*?[a-z]{1,2}~",
    "\\",
    "'\"'\"'",
    "-x",
    "!history",
    "# no comment",
    "é世\t",
    "$HOME ${OAR} %s",
]


@pytest.mark.parametrize("word", HOSTILE)
def test_every_word_reaches_the_remote_command_as_it_was(word: str) -> None:
    line = quote_remote(["printf", "%s", word])
    told = subprocess.run(["sh", "-c", line], capture_output=True, check=True)
    assert told.stdout.decode() == word


def test_all_hostile_words_together_stay_apart() -> None:
    line = quote_remote(["printf", "%s\\0", *HOSTILE])
    told = subprocess.run(["sh", "-c", line], capture_output=True, check=True)
    assert told.stdout.decode().split("\0")[:-1] == HOSTILE


def test_a_zero_byte_is_refused() -> None:
    with pytest.raises(ValueError, match="zero byte"):
        quote_remote(["echo", "a\0b"])


def test_an_empty_command_is_refused() -> None:
    with pytest.raises(ValueError, match="at least its name"):
        quote_remote([])


@pytest.mark.parametrize("name", ["node1", "node-1.site.example.org", "10.0.0.1", "fe80::1", "a", "n_1"])
def test_names_of_machines_are_accepted(name: str) -> None:
    assert is_node_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-oProxyCommand=id",
        "a b",
        "node[1-5]",
        "a,b",
        "root@node1",
        "node1;id",
        "a\n",
        "$(id)",
        "a/b",
        "n" * 256,
    ],
)
def test_names_that_ssh_or_taktuk_would_read_otherwise_are_not(name: str) -> None:
    assert not is_node_name(name)


def test_ssh_gets_no_terminal_and_tells_the_node_its_name() -> None:
    assert ssh_argv(("ssh", "-p", "6667"), "node1", ["echo", "a b"]) == [
        *("ssh", "-p", "6667", "-x", "-T", "node1"),
        "env TAKTUK_HOSTNAME=node1 echo 'a b'",
    ]


def test_the_action_of_a_program_is_one_plain_word() -> None:
    with pytest.raises(ValueError, match="plain word"):
        loader_argv("init; id")


def load(text: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(loader_argv("init"), input=text, capture_output=True, text=True, check=False)


def test_the_loader_runs_the_program_with_its_data() -> None:
    told = load("import sys\nprint(sys.argv[1], DATA.decode())" + END_OF_SOURCE + '{"a": 1}')
    assert told.stdout == 'init {"a": 1}\n'


def test_the_loader_makes_modules_of_the_parts_a_program_imports() -> None:
    main = "from oar.node.second import twice\nprint(twice(21))"
    first = "def add(a, b):\n    return a + b\n"
    second = "from oar.node.first import add\ndef twice(a):\n    return add(a, a)\n"
    told = load(f"{main}{PART}oar.node.first\n{first}{PART}oar.node.second\n{second}{END_OF_SOURCE}")
    assert (told.stdout, told.stderr) == ("42\n", "")


def test_an_error_in_a_part_names_the_part_and_its_line() -> None:
    told = load(f"import oar.node.bad{PART}oar.node.bad\n\n1 / 0\n{END_OF_SOURCE}")
    assert 'File "oar.node.bad", line 2' in told.stderr


def test_the_loader_runs_nothing_when_the_input_was_cut() -> None:
    told = load("print(1)\n__END")
    assert (told.returncode, told.stdout) == (30, "")


@pytest.mark.parametrize("text", [LOADER, AS_ROOT])
def test_a_command_for_nodes_has_nothing_that_taktuk_reads_as_brackets(text: str) -> None:
    assert not set("[]{}") & set(text)


def run_as_root(
    tmp_path: Path, sudo: str, program: str, **environ: str
) -> "subprocess.CompletedProcess[str]":
    """Run a program as a node would whose sudo is the given script."""
    (tmp_path / "sudo").write_text(f"#!/bin/sh\n{sudo}\n")
    (tmp_path / "sudo").chmod(0o755)
    return subprocess.run(
        loader_argv("init", as_root=True),
        input=program + END_OF_SOURCE,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "TAKTUK_HOSTNAME": "node1", **environ},
        capture_output=True,
        text=True,
        check=False,
    )


GRANT = 'test "$1" = -n && shift && exec env -i BY_SUDO=1 PATH="$PATH" "$@"'
TELL = "import os\nprint(os.environ.get('BY_SUDO'), os.environ['TAKTUK_HOSTNAME'])\n"


def test_a_program_for_root_is_started_by_sudo_and_knows_its_node(tmp_path: Path) -> None:
    assert run_as_root(tmp_path, GRANT, TELL).stdout == "1 node1\n"


@pytest.mark.parametrize("status", [1, 127])
def test_it_is_started_all_the_same_where_there_is_no_sudo(tmp_path: Path, status: int) -> None:
    assert run_as_root(tmp_path, f"exit {status}", TELL).stdout == "None node1\n"


def test_what_it_ends_with_comes_back_and_it_is_not_started_again(tmp_path: Path) -> None:
    told = run_as_root(tmp_path, GRANT, "import sys\nprint(1)\nsys.exit(5)")
    assert (told.returncode, told.stdout) == (5, "1\n")


def test_a_node_that_shares_its_machine_does_not_ask_for_root(tmp_path: Path) -> None:
    assert run_as_root(tmp_path, GRANT, TELL, OAR_RUNDIR="/run/node1").stdout == "None node1\n"
