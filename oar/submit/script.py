"""The ``#OAR`` lines of a script. Pure: the file was read by somebody who may."""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from oar.core.job_key import INLINE_OPTIONS, hide_key_of_directive
from oar.errors import BadRequest
from oar.submit.parameters import Wishes

_DIRECTIVE = re.compile(r"#OAR\s+(.*\S)\s*")
_OPTION = re.compile(r"(--[a-z][a-z-]*|-[a-zA-Z])(?:\s*=\s*|\s+)?(.*)", re.DOTALL)


class BadScript(BadRequest):
    """A script that cannot be scanned, or with a line that is not understood."""

    exit_code = 12


@dataclass(frozen=True, slots=True)
class Script:
    """What a script asks for, and its directives as they are written there."""

    wishes: Wishes
    directives: tuple[str, ...]


def script_of(command: str) -> str:
    """Tell which file a command runs: its first word, as a shell reads it."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise BadScript(f"'{command}' cannot be split into words: {str(error).lower()}") from None
    if not words:
        raise BadScript("there is no script to scan; give its name")
    return words[0]


def scan_script(text: str, file: str) -> Script:
    """Read the lines that begin with ``#OAR`` and a blank; each holds one option, with the rest as its value.

    Raises :class:`BadScript` that names every line that is not understood.
    """
    if not text.startswith("#"):
        raise BadScript(f"'{file}' is no script; its first line begins with #")
    found: dict[str, Any] = {}
    directives, problems = [], []
    for number, line in enumerate(text.split("\n"), 1):
        directive = _DIRECTIVE.fullmatch(line)
        if directive is None:
            continue
        directives.append(hide_key_of_directive(line.strip()))
        try:
            _add(found, directive[1])
        except BadScript as error:
            problems.append(f"line {number}, '{directives[-1]}': {error}")
    if problems:
        raise BadScript(f"'{file}' {'; '.join(problems)}")
    return Script(Wishes(**found), tuple(directives))


def _add(found: dict[str, Any], text: str) -> None:
    matched = _OPTION.fullmatch(text)
    option, value = (matched[1], matched[2]) if matched else (text.split(maxsplit=1)[0], "")
    if option in _FLAGS:
        if value:
            raise BadScript(f"{option} takes no value")
        found[_FLAGS[option]] = True
        return
    if option not in _OPTIONS:
        raise BadScript(f"{option} is no option of a script")
    if not value:
        raise BadScript(f"{option} needs a value")
    name, several, read = _OPTIONS[option]
    try:
        wish = read(_unquote(value))
    except ValueError:
        raise BadScript(f"{option} needs a whole number") from None
    found[name] = (*found.get(name, ()), wish) if several else wish


def _unquote(value: str) -> str:
    """Take away one pair of quotes around a whole value; SQL with strings at both ends keeps its own."""
    quote = value[0]
    whole = len(value) > 1 and quote in "\"'" and value[-1] == quote and quote not in value[1:-1]
    return value[1:-1] if whole else value


def _spellings() -> Mapping[str, tuple[str, bool, Callable[[str], str | int]]]:
    """Tell for each spelling of an option which wish it is, whether it may be repeated, how it is read."""
    rows: tuple[tuple[tuple[str, ...], str, bool, Callable[[str], str | int]], ...] = (
        (("-l", "--resource"), "resources", True, str),
        (("-t", "--type"), "types", True, str),
        (("-a", "--anterior"), "anterior", True, int),
        (("-r", "--reservation"), "reservation", False, str),
        (("-q", "--queue"), "queue", False, str),
        (("-p", "--property"), "property", False, str),
        (("-n", "--name"), "name", False, str),
        (("--project",), "project", False, str),
        (("-d", "--directory"), "directory", False, str),
        (("-O", "--stdout"), "stdout", False, str),
        (("-E", "--stderr"), "stderr", False, str),
        (("--array",), "array", False, int),
        (("--checkpoint",), "checkpoint", False, int),
        (("--signal",), "signal", False, str),
        (("--notify",), "notify", False, str),
        (("--array-param-file",), "array_param_file", False, str),
        (("-i", "--import-job-key-from-file"), "import_job_key_from_file", False, str),
        (INLINE_OPTIONS, "import_job_key_inline", False, str),
        (("-e", "--export-job-key-to-file"), "export_job_key_to_file", False, str),
    )
    return {option: (name, several, read) for options, name, several, read in rows for option in options}


_OPTIONS = _spellings()
_FLAGS = MappingProxyType({"--hold": "hold", "-k": "use_job_key", "--use-job-key": "use_job_key"})
