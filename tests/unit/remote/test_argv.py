"""What is written on command lines for nodes, hostile words among them."""

import subprocess

import pytest

from oar.remote.argv import END_OF_SOURCE, LOADER, is_node_name, loader_argv, quote_remote, ssh_argv

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


def test_the_loader_runs_the_program_with_its_data() -> None:
    source = b"import sys\nprint(sys.argv[1], DATA.decode(), len(SOURCE))"
    told = subprocess.run(
        loader_argv("init"), input=source + END_OF_SOURCE + b'{"a": 1}', capture_output=True, check=True
    )
    assert told.stdout.decode() == f'init {{"a": 1}} {len(source)}\n'


def test_the_loader_gives_empty_data_when_the_input_was_cut() -> None:
    told = subprocess.run(loader_argv("init"), input=b"print(DATA)", capture_output=True, check=True)
    assert told.stdout == b"b''\n"


def test_the_loader_has_nothing_that_taktuk_reads_as_brackets() -> None:
    assert not set("[]{}") & set(LOADER)
