"""What a job's type says after the name of a plugin: ``find=name:word:key=value``."""

from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT = "default"
"""The name that stands for the normal matching and the normal search."""


class BadArguments(Exception):
    """A plugin cannot do what follows its name, or what the job asks for; the text is told to the user."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """The words that follow the plugin's name, in order, and those of the form ``key=value``."""

    words: tuple[str, ...] = ()
    named: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """A plugin as a job asks for it; ``text`` is the type as the user wrote it."""

    text: str
    name: str
    arguments: Arguments


def call_of(kind: str, types: Mapping[str, str]) -> Call | None:
    """Read the plugin of a kind, ``find`` or ``assign``, that a job asks for; None for the normal way."""
    value = types.get(kind)
    if value is None:
        return None
    name, *rest = value.split(":")
    if name == DEFAULT:
        return None
    named = dict(word.split("=", 1) for word in rest if "=" in word)
    words = tuple(word for word in rest if word and "=" not in word)
    return Call(f"{kind}={value}", name, Arguments(words, named))
