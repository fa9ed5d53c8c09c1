"""Draws the tables of moves and events for the documentation; a test keeps the two alike."""

import re
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from types import MappingProxyType

from oar.core.effects import Effect
from oar.core.events import CONSEQUENCES, Consequence
from oar.core.job_life import MOVES, UNFINISHED
from oar.core.kill_life import KILL_MOVES
from oar.core.node_life import NODE_MOVES
from oar.core.states import FINAL_STATES, JobState, KillState

Arrow = tuple[Enum, Enum, Enum, tuple[Effect, ...]]
"""From which state, by which signal, to which state, with which effects."""


def diagram(arrows: Iterable[Arrow], births: Iterable[Enum], deaths: Iterable[Enum]) -> str:
    """Draw moves as a mermaid state diagram, one arrow per pair of states."""
    labels: dict[tuple[Enum, Enum], list[str]] = {}
    for start, signal, to, _effects in arrows:
        labels.setdefault((start, to), []).append(str(signal.value))
    states = dict.fromkeys(state for pair in labels for state in pair)
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f'    state "{state.value}" as {state.name}' for state in states]
    lines += [f"    [*] --> {state.name}" for state in births]
    lines += [
        f"    {start.name} --> {to.name}: {', '.join(signals)}" for (start, to), signals in labels.items()
    ]
    lines += [f"    {state.name} --> [*]" for state in deaths]
    return "\n".join([*lines, "```"])


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Write a Markdown table; an empty cell shows a dash."""
    head = list(head)
    body = [head, ["---"] * len(head), *([cell or "-" for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in body)


def moves_table(arrows: Iterable[Arrow]) -> str:
    """Write moves with what follows each of them."""
    rows = (
        (str(start.value), str(signal.value), str(to.value), _words(effects))
        for start, signal, to, effects in arrows
    )
    return table(("from", "signal", "to", "after the commit"), rows)


def events_table() -> str:
    """Write what each event condemns."""
    rows = ((f"`{kind}`", *_consequence(found)) for kind, found in CONSEQUENCES.items())
    return table(("event", "job", "suspects", "submits again", "stops the queues"), rows)


def recovery_table() -> str:
    """Write what a server that just started does again."""
    rows = ((str(state.value), _words(effects)) for state, effects in UNFINISHED.items())
    return table(("state", "what is done again"), rows)


def _consequence(found: Consequence) -> tuple[str, str, str, str]:
    signal = "" if found.job_signal is None else found.job_signal.value
    spared = ", except reservations" if found.spares_reservations else ""
    suspects = found.suspects.value + (", the checker may lift it" if found.by_checker else "")
    return signal + spared, suspects, found.resubmits.value, "yes" if found.stops_queues else ""


def _words(effects: Iterable[Effect]) -> str:
    return ", ".join(effect.value for effect in effects)


def _job_arrows() -> list[Arrow]:
    return sorted(
        ((start, signal, move.to, move.effects) for (start, signal), move in MOVES.items()),
        key=lambda arrow: (list(JobState).index(JobState(arrow[0].value)), arrow[1].name),
    )


def _kill_arrows() -> list[Arrow]:
    return [(start, signal, move.to, move.effects) for (start, signal), move in KILL_MOVES.items()]


def _node_arrows() -> list[Arrow]:
    return [(start, signal, move.to, move.effects) for (start, signal), move in NODE_MOVES.items()]


SECTIONS: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "job diagram": lambda: diagram(
            _job_arrows(), (JobState.WAITING, JobState.HOLD), sorted(FINAL_STATES, key=str)
        ),
        "job moves": lambda: moves_table(_job_arrows()),
        "recovery": recovery_table,
        "kill diagram": lambda: diagram(_kill_arrows(), (KillState.ASKED,), (KillState.DONE,)),
        "kill moves": lambda: moves_table(_kill_arrows()),
        "node diagram": lambda: diagram(_node_arrows(), (), ()),
        "node moves": lambda: moves_table(_node_arrows()),
        "events": events_table,
    }
)
"""What can stand between markers, by the name that the markers carry."""

_MARKED = re.compile(r"<!-- generated: (?P<name>[^>]*?) -->\n.*?<!-- end -->", re.DOTALL)


def fill_in(document: str) -> str:
    """Put the present tables between the markers of a document; an unknown name raises ``KeyError``."""

    def section(found: re.Match[str]) -> str:
        name = found["name"]
        return f"<!-- generated: {name} -->\n{SECTIONS[name]()}\n<!-- end -->"

    return _MARKED.sub(section, document)


def names_in(document: str) -> tuple[str, ...]:
    """List the names of the generated sections a document has."""
    return tuple(found["name"] for found in _MARKED.finditer(document))
