"""TakTuk's command line and its output."""

from oar.remote.argv import loader_argv, quote_remote
from oar.remote.taktuk import parse_output, taktuk_argv


def test_templates_stand_before_the_nodes_they_are_for() -> None:
    argv = taktuk_argv(("taktuk", "-s"), ("ssh",), ["node1", "node2"], ("true",), 20)
    last_template = max(index for index, word in enumerate(argv) if word == "-o")
    assert last_template < argv.index("-m")


def test_each_node_is_named_once() -> None:
    argv = taktuk_argv(("taktuk", "-s"), ("ssh",), ["node1", "node2"], ("true",), 20)
    assert [argv[index + 1] for index, word in enumerate(argv) if word == "-m"] == ["node1", "node2"]


def test_a_node_that_does_not_answer_leaves_time_for_the_others() -> None:
    argv = taktuk_argv(("taktuk", "-t", "30", "-s"), ("ssh",), ["node1"], ("true",), 20)
    assert [argv[index + 1] for index, word in enumerate(argv) if word == "-t"] == ["30", "10"]


def test_a_shorter_wait_of_the_site_holds() -> None:
    argv = taktuk_argv(("taktuk", "-t", "5", "-s"), ("ssh",), ["node1"], ("true",), 20)
    assert [argv[index + 1] for index, word in enumerate(argv) if word == "-t"] == ["5"]


def test_the_connector_is_quoted_for_the_shell_that_taktuk_uses() -> None:
    argv = taktuk_argv(("taktuk",), ("ssh", "-F", "/my folder/config"), ["node1"], ("true",), 20)
    assert argv[argv.index("-c") + 1] == "ssh -F '/my folder/config' -x -T"


def test_the_program_and_its_input_are_broadcast() -> None:
    argv = taktuk_argv(("taktuk",), ("ssh",), ["node1"], loader_argv("clean"), 20)
    command = quote_remote(loader_argv("clean"))
    assert argv[argv.index("broadcast") :] == [
        *("broadcast", "exec", "[", command, "],"),
        *("broadcast", "input", "file", "[", "-", "],"),
        *("broadcast", "input", "close"),
    ]


def test_lines_are_sorted_by_node() -> None:
    told = parse_output(
        ["n1", "n2"], "OUTPUT n1 a b\nERROR n2 bad\nOUTPUT n1 c\nSTATUS n1 0\nSTATUS n2 1280\n"
    )
    assert told["n1"].output == ["a b", "c"]
    assert told["n2"].errors == ["bad"]


def test_a_status_is_the_exit_code_and_not_the_wait_status() -> None:
    assert parse_output(["n1"], "STATUS n1 1280\n")["n1"].status == 5


def test_a_program_ended_by_a_signal_has_a_negative_status() -> None:
    assert parse_output(["n1"], "STATUS n1 9\n")["n1"].status == -9


def test_a_node_without_status_line_has_none() -> None:
    told = parse_output(["n1"], "CONNECTOR n1 ssh: Could not resolve hostname n1\n")["n1"]
    assert (told.status, told.errors) == (None, ["ssh: Could not resolve hostname n1"])


def test_a_node_that_did_not_answer_in_time_is_told_apart() -> None:
    told = parse_output(["n1", "n2"], "CONNECTOR n1 timeouted\nERROR n2 timeouted\nSTATUS n2 1\n")
    assert (told["n1"].timed_out, told["n2"].timed_out) == (True, False)


def test_what_a_node_prints_cannot_pass_for_the_status_of_another() -> None:
    text = "OUTPUT n1 STATUS n2 0\nOUTPUT n1 x\x1cSTATUS n2 0\x0bSTATUS n2 0\u2028STATUS n2 0\n"
    assert parse_output(["n1", "n2"], text)["n2"].status is None


def test_lines_that_mean_nothing_are_left_out() -> None:
    text = "\nSTATUS\nSTATUS n9 0\nSTATUS n1 x\n[ TAKTUK-3 ] warning\n"
    assert parse_output(["n1"], text)["n1"].status is None
