"""oarqueue and oarnotify on a real database, through their command lines."""

import socket
from dataclasses import replace

import pytest
import zmq

from oar.cli.oarnotify import oarnotify
from oar.cli.oarqueue import oarqueue
from oar.settings import ServerSettings
from tests.integration.commands.terminal import BOB, Terminal
from tests.integration.life.build import add_job


def queues(terminal: Terminal) -> dict[str, str]:
    """The queues with their priority, policy and state, as oarqueue lists them."""
    lines = terminal.output(oarqueue, caller=BOB).splitlines()
    return {lines[at]: ", ".join(lines[at + 1 : at + 4]) for at in range(0, len(lines), 4)}


def test_the_queues_are_listed_by_priority(terminal: Terminal) -> None:
    assert list(queues(terminal)) == ["admin", "default", "besteffort"]
    assert queues(terminal)["default"] == "priority = 2, policy = kamelot, state = Active"


def test_a_queue_is_added_changed_disabled_enabled_and_removed(terminal: Terminal) -> None:
    terminal.output(oarqueue, "--add", "night,5,kamelot")
    terminal.output(oarqueue, "--change", "night,,other")
    terminal.output(oarqueue, "-d", "night")
    assert queues(terminal)["night"] == "priority = 5, policy = other, state = notActive"
    terminal.output(oarqueue, "-e", "night")
    assert queues(terminal)["night"].endswith("state = Active")
    terminal.output(oarqueue, "--remove", "night")
    assert "night" not in queues(terminal)


def test_all_queues_are_disabled_and_enabled(terminal: Terminal) -> None:
    terminal.output(oarqueue, "-D")
    assert all(words.endswith("notActive") for words in queues(terminal).values())
    terminal.output(oarqueue, "-E")
    assert all(words.endswith("= Active") for words in queues(terminal).values())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-e", "night"], "there is no queue night"),
        (["--add", "default,1,kamelot"], "there is already a queue default"),
        (["--add", "night,high"], "--add: the priority 'high' is not a whole number"),
        (["--add", ",1"], "is not name,priority,policy"),
        (["-E", "-D"], "one action at a time"),
        (["-e", ""], "there is no queue"),
        (["--add", ""], "--add: '' is not name,priority,policy"),
        (["--remove", ""], "there is no queue"),
        (["-l", "-D"], "one action at a time"),
        (["--remove", "default"], "still holds 1 job"),
    ],
)
def test_bad_input_is_told_in_one_line(terminal: Terminal, words: list[str], said: str) -> None:
    with terminal.database.engine.begin() as connection:
        add_job(connection)
    result = terminal.run(oarqueue, *words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [oarqueue, oarnotify])
def test_only_administrators_change_queues(terminal: Terminal, command) -> None:
    result = terminal.run(command, "-D", caller=BOB)
    assert (result.exit_code, result.stderr) == (8, f"{command.name}: you must be oar or root\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--add-queue", "night,3"], "Add queue night with the priority 3 and the scheduler kamelot."),
        (["--add_queue", "night"], "Add queue night with the priority 0 and the scheduler kamelot."),
        (["--remove-queue", "admin"], "Remove queue admin."),
        (["-d", "admin"], "Disable queue admin."),
        (["-e", "admin"], "Enable queue admin."),
        (["-D"], "Disable all queues."),
        (["-E"], "Enable all queues."),
    ],
)
def test_oarnotify_changes_queues_with_the_words_of_oar_2(
    terminal: Terminal, words: list[str], said: str
) -> None:
    assert terminal.output(oarnotify, *words) == said + "\n"


def test_oarnotify_lists_queues_as_oar_2(terminal: Terminal) -> None:
    lines = terminal.output(oarnotify, "-l").splitlines()
    assert lines[:4] == ["admin", "\tpriority = 10", "\tscheduler = kamelot", "\tstate = Active"]


def test_oarnotify_tells_when_the_server_does_not_answer(terminal: Terminal) -> None:
    result = terminal.run(oarnotify)
    assert (result.exit_code, result.stderr) == (
        2,
        "oarnotify: the server does not answer at 127.0.0.1, port 1\n",
    )


def test_oarnotify_refuses_a_message_that_means_nothing(terminal: Terminal) -> None:
    result = terminal.run(oarnotify, "Hello")
    assert result.exit_code == 1
    assert "'Hello' means nothing to the server; it knows Qsub, Qdel" in result.stderr


def test_oarnotify_sends_the_message_to_the_server(terminal: Terminal) -> None:
    with zmq.Context() as context, context.socket(zmq.PULL) as server:
        port = server.bind_to_random_port("tcp://127.0.0.1")
        settings = replace(terminal.settings, server=ServerSettings(hostname="127.0.0.1", message_port=port))
        assert replace(terminal, settings=settings).run(oarnotify, "Scheduling").exit_code == 0
        assert server.poll(5000)
        assert server.recv() == b'{"cmd": "Scheduling"}'


def test_the_unused_port_of_these_tests_is_unused() -> None:
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", 1)) != 0
