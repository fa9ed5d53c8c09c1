"""Which program asks the nodes, and what its answer means."""

import pytest

from oar.almighty.finaud.methods import (
    Method,
    MethodKind,
    NoVerdict,
    Said,
    build_command,
    choose_method,
    find_silent,
)
from oar.settings import CheckSettings

NODES = ("node1", "node2", "node3")
TAKTUK = ("/usr/bin/taktuk", "-s")
FPING = Method(MethodKind.FPING, ("fping", "-q"))
NMAP = Method(MethodKind.NMAP, ("nmap", "-p", "22"))
GENERIC = Method(MethodKind.GENERIC, ("/site/check",))
SENTINELLE = Method(MethodKind.SENTINELLE, ("/site/sentinelle",))
BY_TAKTUK = Method(MethodKind.TAKTUK, ("broadcast", "exec", "[", "true", "]"))


def said(status: int | None, output: str = "", errors: str = "", timed_out: bool = False) -> Said:
    return Said(status, output, errors, timed_out)


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (CheckSettings(), MethodKind.SSH),
        (CheckSettings(sentinelle=("/usr/lib/oar/sentinelle.pl", "-t", "30")), MethodKind.SSH),
        (CheckSettings(sentinelle=("/site/sentinelle",)), MethodKind.SENTINELLE),
        (CheckSettings(fping=("fping",), nmap=("nmap",)), MethodKind.FPING),
        (CheckSettings(nmap=("nmap",), generic=("check",)), MethodKind.NMAP),
        (CheckSettings(generic=("check",)), MethodKind.GENERIC),
        (CheckSettings(taktuk=("broadcast",), generic=("check",)), MethodKind.TAKTUK),
    ],
)
def test_the_first_program_that_is_configured_asks(settings: CheckSettings, kind: MethodKind) -> None:
    assert choose_method(settings, TAKTUK).kind is kind


def test_what_taktuk_is_to_do_means_nothing_without_taktuk() -> None:
    assert (
        choose_method(CheckSettings(taktuk=("broadcast",), generic=("check",)), ()).kind is MethodKind.GENERIC
    )


@pytest.mark.parametrize(
    ("method", "argv", "stdin"),
    [
        (FPING, ["fping", "-q", "-a", "node1", "node2"], ""),
        (NMAP, ["nmap", "-p", "22", "-oG", "-", "node1", "node2"], ""),
        (GENERIC, ["/site/check", "node1", "node2"], ""),
        (SENTINELLE, ["/site/sentinelle", "-c", "ssh -p 6667", "-f", "-"], "node1\nnode2\n"),
        (
            BY_TAKTUK,
            [
                *TAKTUK,
                "-c",
                "ssh -p 6667",
                "-o",
                'status="STATUS $host $line\\n"',
                "-f",
                "-",
                *BY_TAKTUK.command,
            ],
            "node1\nnode2\n",
        ),
    ],
)
def test_each_program_is_called_as_oar_2_calls_it(method: Method, argv: list[str], stdin: str) -> None:
    assert build_command(method, ("node1", "node2"), ("ssh", "-p", "6667"), TAKTUK) == (argv, stdin)


@pytest.mark.parametrize(
    ("method", "answer", "silent"),
    [
        (FPING, said(0, "node1\nnode2\nnode3\n"), set()),
        (FPING, said(1, "node3\nnode1\n"), {"node2"}),
        (FPING, said(1), {"node1", "node2", "node3"}),
        (FPING, said(2, "node1\nnode2\n", "node3: Name or service not known\n"), {"node3"}),
        (
            NMAP,
            said(0, "Host: node1 (a) Ports: 22/open/tcp\nHost: node2 () Ports: 22/closed/tcp\n"),
            {"node2", "node3"},
        ),
        (GENERIC, said(0), set()),
        (GENERIC, said(1, "node1", "node2 node3\nnode9\n"), {"node2", "node3"}),
        (SENTINELLE, said(0, "node1 : GOOD\nnode3 : BAD (timeout)\n"), {"node3"}),
        (SENTINELLE, said(1, "", "node1: BAD\n"), {"node1"}),
        (BY_TAKTUK, said(0, "STATUS node1 0\nSTATUS node2 256\n"), {"node2", "node3"}),
        (BY_TAKTUK, said(None, "STATUS node1 0\n", timed_out=True), {"node2", "node3"}),
    ],
)
def test_the_answer_of_each_program_names_the_silent(method: Method, answer: Said, silent: set[str]) -> None:
    assert set(find_silent(method, NODES, answer)) == silent


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        (FPING, said(None, errors="cannot run fping: No such file or directory")),
        (FPING, said(2)),
        (FPING, said(3, errors="fping: bad option")),
        (FPING, said(4, errors="fping: no raw socket")),
        (NMAP, said(1, errors="nmap: no such option")),
        (NMAP, said(None, timed_out=True)),
        (GENERIC, said(2, errors="Traceback: oops")),
        (GENERIC, said(None, timed_out=True)),
        (SENTINELLE, said(127)),
        (BY_TAKTUK, said(2, errors="taktuk: no")),
        (BY_TAKTUK, said(None, errors="cannot run taktuk: No such file or directory")),
    ],
)
def test_a_program_that_fails_itself_condemns_no_node(method: Method, answer: Said) -> None:
    with pytest.raises(NoVerdict):
        find_silent(method, NODES, answer)
