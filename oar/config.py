"""Reads ``oar.conf`` once into frozen settings.

The file keeps OAR's format: one ``KEY="value"`` a line, as a shell reads it, with ``#`` comments.
"""

import difflib
import json
import math
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from oar.core.perl_hash import BadHash, parse_hash
from oar.errors import ConfigurationError
from oar.setting_kinds import Bound, ByQueue, Commands, JsonObject, LooseBound, Patience, Pools, Targets
from oar.settings import Settings

DEFAULT_FILE = Path("/etc/oar/oar.conf")
_ASSIGNMENT = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """One assignment of the file, with the line it stands on."""

    key: str
    value: str
    line: int


class BadValue(ConfigurationError):
    """A key holds what it cannot hold."""

    def __init__(self, file: Path, entry: Entry, right: str) -> None:
        super().__init__(f'{file}:{entry.line}: {entry.key}="{entry.value}": expected {right}')
        self.entry = entry


def settings_file(path: Path | None = None) -> Path:
    """Tell which file holds the settings: ``path``, ``$OARCONFFILE`` or ``/etc/oar/oar.conf``."""
    return path or Path(os.environ.get("OARCONFFILE") or DEFAULT_FILE)


def load_settings(path: Path | None = None) -> tuple[Settings, list[str]]:
    """Read the settings from ``path``, ``$OARCONFFILE`` or ``/etc/oar/oar.conf``.

    Returns the settings and the warnings, one line each. Raises ConfigurationError.
    """
    file = settings_file(path)
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file}: not a text in UTF-8 (byte {error.start})") from None
    except OSError as error:
        raise ConfigurationError(
            f"{file}: {error.strerror}; OARCONFFILE names the configuration file"
        ) from None
    entries, warnings = parse(text, file)
    return build_settings(entries, file), warnings + list(_unknown_keys(entries, file))


def parse(text: str, file: Path) -> tuple[dict[str, Entry], list[str]]:
    """Read the assignments of a file's text; a later line wins. Returns them and warnings."""
    entries: dict[str, Entry] = {}
    warnings = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _ASSIGNMENT.fullmatch(line)
        if found is None:
            warnings.append(f'{file}:{number}: ignored, it is neither KEY="value" nor a comment')
            continue
        entries[found[1]] = Entry(found[1], _unquote(found[2], found[1], number, file), number)
    return entries, warnings


def _unquote(text: str, key: str, line: int, file: Path) -> str:
    if not text or text[0] not in "\"'":
        return text.split("#", 1)[0].rstrip()
    value, closing, rest = text[1:].partition(text[0])
    if not closing:
        raise ConfigurationError(f"{file}:{line}: {key}: the quote {text[0]} is not closed")
    if rest.strip() and not rest.lstrip().startswith("#"):
        raise ConfigurationError(f"{file}:{line}: {key}: unexpected {rest.strip()!r} after the closing quote")
    return value


def build_settings(entries: Mapping[str, Entry], file: Path) -> Settings:
    """Make the settings from assignments; keys that are absent keep their default."""
    concerns = {name: _build(kind, entries, file) for name, kind in get_type_hints(Settings).items()}
    return Settings(**concerns)


def _build(kind: type[Any], entries: Mapping[str, Entry], file: Path) -> Any:
    hints = get_type_hints(kind)
    values = {}
    for one in fields(kind):
        entry = entries.get(one.metadata["key"])
        if entry is not None:
            values[one.name] = _convert(entry, hints[one.name], one.metadata, file)
    return kind(**values)


def _convert(entry: Entry, kind: Any, bounds: Mapping[str, Any], file: Path) -> Any:
    read, right = _READERS[kind]
    try:
        value = read(entry.value)
    except ValueError:
        raise BadValue(file, entry, right) from None
    if bounds["least"] is not None and value < bounds["least"]:
        raise BadValue(file, entry, f"{right}, at least {bounds['least']}")
    if bounds["most"] is not None and value > bounds["most"]:
        raise BadValue(file, entry, f"{right}, at most {bounds['most']}")
    if bounds["among"] and value not in bounds["among"]:
        raise BadValue(file, entry, "one of " + ", ".join(one or '""' for one in bounds["among"]))
    return value


def _read_yes_no(text: str) -> bool:
    words = {"yes": True, "1": True, "no": False, "0": False, "": False}
    if text.lower() not in words:
        raise ValueError(text)
    return words[text.lower()]


def _read_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _read_bound(text: str) -> Bound:
    return Bound(int(text or "0"))


def _read_loose_bound(text: str) -> LooseBound:
    """Read a number as OAR 3 does, whose files say -1, or words, for no bound."""
    try:
        return LooseBound(max(0, int(text)))
    except ValueError:
        return LooseBound(0)


def _read_targets(text: str) -> Targets:
    shares = tuple((name, _read_float(share)) for name, share in parse_hash(text).items())
    if negative := [name for name, share in shares if share < 0]:
        raise BadHash(f"{negative[0]} has less than nothing")
    return Targets(shares)


def _read_commands(text: str) -> Commands:
    lines = tuple(parse_hash(text).items())
    if any(not shlex.split(line) for _, line in lines):
        raise BadHash("a command is empty")
    return Commands(lines)


def _read_pools(text: str) -> Pools:
    """Read ``condition:number`` items, parted by & or a comma that is not in quotes or parentheses."""
    pools = []
    for item in re.findall(r"(?:'[^']*'|\((?:[^()']|'[^']*')*\)|[^&,'])+", text):
        condition, _, count = item.rpartition(":")
        if not condition.strip() or not count.strip().isdecimal():
            raise ValueError(item)
        pools.append((condition.strip(), int(count)))
    if text.count("'") % 2 or (text.strip() and not pools):
        raise ValueError(text)
    return Pools(tuple(pools))


def _read_patience(text: str) -> Patience:
    """Read a number of seconds, or pairs of a number of nodes and seconds."""
    if text.strip().isdecimal():
        return Patience(((1, int(text)),))
    steps = []
    for pair in text.split():
        nodes, colon, seconds = pair.partition(":")
        if not (colon and nodes.isdecimal() and seconds.isdecimal()):
            raise ValueError(pair)
        steps.append((int(nodes), int(seconds)))
    if not steps:
        raise ValueError(text)
    return Patience(tuple(sorted(steps)))


def _read_json_object(text: str) -> JsonObject:
    if not isinstance(json.loads(text or "{}"), dict):
        raise ValueError(text)
    return JsonObject(text or "{}")


def _read_seconds(text: str) -> float:
    value = _read_float(text or "0")
    if value < 0 and value != -1:
        raise ValueError(text)
    return value


def _read_users(text: str) -> frozenset[str]:
    return frozenset(text.replace(",", " ").split())


def _by_queue(read: Callable[[str], T]) -> Callable[[str], ByQueue[T]]:
    """Read one value for all queues, or a hash by queue, in which ``_`` stands for all others."""

    def read_all(text: str) -> ByQueue[T]:
        if not text.lstrip().startswith("{"):
            return ByQueue(read(text))
        values = {queue: read(value) for queue, value in parse_hash(text).items()}
        otherwise = values.pop("_", read(""))
        return ByQueue(otherwise, tuple(values.items()))

    return read_all


_OR_HASH = ", or a hash by queue such as {default => %s}"

_READERS: Mapping[Any, tuple[Callable[[str], Any], str]] = {
    str: (str, "a text"),
    int: (int, "a whole number"),
    float: (_read_float, "a number"),
    bool: (_read_yes_no, '"yes" or "no"'),
    LooseBound: (_read_loose_bound, "a whole number"),
    Bound: (_read_bound, 'a whole number, 0 or "" for no bound'),
    Targets: (_read_targets, "shares in percent by name, such as {first => 75, default => 25}"),
    Commands: (
        _read_commands,
        "command lines by name, such as { fluent => '/usr/local/bin/count_fluent.sh all' }",
    ),
    Pools: (_read_pools, "pools such as \"cluster='a':2 & type='default':4\""),
    Patience: (_read_patience, 'seconds, or pairs of nodes and seconds such as "1:500 11:1000"'),
    JsonObject: (_read_json_object, "a JSON object in single quotes, such as '{\"name\": 1.5}'"),
    ByQueue[float]: (_by_queue(_read_seconds), f"seconds, 0 or more, or -1{_OR_HASH % '3600'}"),
    ByQueue[bool]: (_by_queue(_read_yes_no), f'"yes" or "no"{_OR_HASH % "yes"}'),
    ByQueue[frozenset[str]]: (_by_queue(_read_users), f"names of users or *{_OR_HASH % 'alice'}"),
    tuple[str, ...]: (lambda text: tuple(shlex.split(text)), "a command with balanced quotes"),
}


def known_keys() -> dict[str, Any]:
    """Give every key that is read, with its default value."""
    concerns = get_type_hints(Settings).values()
    return {one.metadata["key"]: one.default for kind in concerns for one in fields(kind)}


def _unknown_keys(entries: Mapping[str, Entry], file: Path) -> Iterator[str]:
    known = known_keys()
    for entry in entries.values():
        if entry.key not in known:
            near = difflib.get_close_matches(entry.key, known, 1, 0.85)
            hint = f", did you mean {near[0]}?" if near else ""
            yield f"{file}:{entry.line}: unknown key {entry.key}, ignored{hint}"
