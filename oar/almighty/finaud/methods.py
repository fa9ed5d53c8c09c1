"""The ways to ask nodes whether they answer: which one a site has chosen, what it runs, what that says. Pure.

A program that failed itself says nothing about any node: a missing fping must not take a cluster away.
"""

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import PurePosixPath

from oar.settings import CheckSettings

SHIPPED_SENTINELLE = "sentinelle.pl"
"""OAR 2's own program, which its configuration names; the server does its work itself."""

FPING_FOUND_NONE = 2
FPING_BROKEN = 3


class MethodKind(Enum):
    """Who asks the nodes."""

    SSH = auto()
    TAKTUK = auto()
    SENTINELLE = auto()
    FPING = auto()
    NMAP = auto()
    GENERIC = auto()


@dataclass(frozen=True, slots=True)
class Method:
    """A way to ask; ``command`` is what the site has set, empty for our own."""

    kind: MethodKind
    command: tuple[str, ...] = ()

    @property
    def is_of_site(self) -> bool:
        """Tell whether the site has set a program of its own."""
        return self.kind is not MethodKind.SSH


@dataclass(frozen=True, slots=True)
class Said:
    """How a program ended; ``status`` is None when it had to be stopped, or could not be started."""

    status: int | None
    output: str
    errors: str
    timed_out: bool = False


class NoVerdict(Exception):
    """The program did not do its work: nothing is known of any node."""


def choose_method(settings: CheckSettings, taktuk: Sequence[str]) -> Method:
    """Choose the first way that is configured; the one with TakTuk needs TakTuk itself too."""
    if settings.taktuk and taktuk:
        return Method(MethodKind.TAKTUK, settings.taktuk)
    if settings.sentinelle and PurePosixPath(settings.sentinelle[0]).name != SHIPPED_SENTINELLE:
        return Method(MethodKind.SENTINELLE, settings.sentinelle)
    if settings.sentinelle:
        return Method(MethodKind.SSH)
    for kind, command in (
        (MethodKind.FPING, settings.fping),
        (MethodKind.NMAP, settings.nmap),
        (MethodKind.GENERIC, settings.generic),
    ):
        if command:
            return Method(kind, command)
    return Method(MethodKind.SSH)


def build_command(
    method: Method, nodes: Sequence[str], ssh: Sequence[str], taktuk: Sequence[str]
) -> tuple[list[str], str]:
    """Give the command that asks nodes, and what it reads; NMAP is given addresses, not names."""
    names = "".join(f"{node}\n" for node in nodes)
    match method.kind:
        case MethodKind.TAKTUK:
            status = ("-o", 'status="STATUS $host $line\\n"')
            return [*taktuk, "-c", shlex.join(ssh), *status, "-f", "-", *method.command], names
        case MethodKind.SENTINELLE:
            return [*method.command, "-c", shlex.join(ssh), "-f", "-"], names
        case MethodKind.FPING:
            # Not -u, as OAR 2 has it: with -q, that says nothing of names that nobody knows.
            return [*method.command, "-a", *nodes], ""
        case MethodKind.NMAP:
            return [*method.command, "-oG", "-", *nodes], ""
        case _:
            return [*method.command, *nodes], ""


def find_silent(method: Method, nodes: Collection[str], said: Said) -> Mapping[str, str]:
    """Tell which nodes do not answer, each with a few words; raises NoVerdict."""
    if said.status is None and not (said.timed_out and method.kind is MethodKind.TAKTUK):
        why = "did not end in time" if said.timed_out else said.errors.strip() or "was stopped"
        raise NoVerdict(f"{method.command[0] if method.command else 'ssh'}: {why}")
    readers = {
        MethodKind.TAKTUK: _silent_of_taktuk,
        MethodKind.SENTINELLE: _silent_of_sentinelle,
        MethodKind.FPING: _silent_of_fping,
        MethodKind.NMAP: _silent_of_nmap,
        MethodKind.GENERIC: _silent_of_generic,
    }
    return readers[method.kind](nodes, said)


def _silent_of_taktuk(nodes: Collection[str], said: Said) -> dict[str, str]:
    """Read ``STATUS name 0`` for each node that did what it was asked."""
    ended = dict(re.findall(r"^STATUS (\S+) (\d+)$", said.output, re.MULTILINE))
    if not ended and said.status != 0 and not said.timed_out:
        raise NoVerdict(_last_words(said))
    return {
        node: f"status {ended[node]}" if node in ended else "no answer"
        for node in nodes
        if ended.get(node) != "0"
    }


def _silent_of_sentinelle(nodes: Collection[str], said: Said) -> dict[str, str]:
    lines = f"{said.output}\n{said.errors}"
    found = re.findall(r"^\s*(\S+?)\s*:\s*BAD\b[ \t]*(.*)$", lines, re.MULTILINE)
    bad = {name: words.strip(" ()") or "no answer" for name, words in found if name in nodes}
    if said.status != 0 and not bad:
        raise NoVerdict(_last_words(said))
    return bad


def _silent_of_fping(nodes: Collection[str], said: Said) -> dict[str, str]:
    """Read the names of those that answer; where no name at all is known, the nodes are not to blame."""
    alive = set(said.output.split())
    is_broken = said.status is not None and said.status >= FPING_BROKEN
    if is_broken or (said.status == FPING_FOUND_NONE and not alive):
        raise NoVerdict(_last_words(said))
    return {node: "no answer" for node in nodes if node not in alive}


def _silent_of_nmap(nodes: Collection[str], said: Said) -> dict[str, str]:
    if said.status != 0:
        raise NoVerdict(_last_words(said))
    answered = set(re.findall(r"^Host: (\S+) .*\bopen\b", said.output, re.MULTILINE))
    return {node: "no open port" for node in nodes if node not in answered}


def _silent_of_generic(nodes: Collection[str], said: Said) -> dict[str, str]:
    bad = {word: "no answer" for word in said.errors.split() if word in nodes}
    if said.status != 0 and not bad:
        raise NoVerdict(_last_words(said))
    return bad


def _last_words(said: Said) -> str:
    lines = [line.strip() for line in (said.errors or said.output).splitlines() if line.strip()]
    return f"status {said.status}: {lines[-1] if lines else 'it said nothing'}"
