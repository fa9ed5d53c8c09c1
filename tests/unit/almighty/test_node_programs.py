"""What the answers of nodes say to the log and to users."""

from oar.almighty.node_programs import describe, warnings_of
from oar.remote.runner import Answer


def warned(node: str, words: str) -> Answer:
    return Answer(node, 0, errors=f"[job_resource_manager][12][{node}][WARN] {words}\n")


def test_a_warning_of_many_nodes_is_one_line() -> None:
    answers = [warned("node1", "no cgroup"), warned("node2", "no cgroup"), warned("node3", "systemd")]
    assert warnings_of(answers) == {"no cgroup": ["node1", "node2"], "systemd": ["node3"]}


def test_other_lines_of_nodes_are_no_warnings() -> None:
    assert warnings_of([Answer("node1", 0, errors="a banner\n"), Answer("node2", 0)]) == {}


def test_what_went_wrong_is_the_last_line() -> None:
    bad = Answer("node1", 6, errors="[x][WARN] slow\n[x][ERROR] 2 processes do not die: 7 dd in state D\n")
    assert describe(bad) == "[x][ERROR] 2 processes do not die: 7 dd in state D"
