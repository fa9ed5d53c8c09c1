"""What a script asks for, beside what the command line asks for. Pure."""

from dataclasses import fields, replace

from oar.core.job_key import HIDDEN
from oar.submit.parameters import Wishes

_ADDED_UP = frozenset({"resources", "types", "anterior"})
_SAID_SOMEWHERE = frozenset({"hold", "use_job_key", "interactive"})


def merge(command_line: Wishes, script: Wishes) -> tuple[Wishes, list[str]]:
    """Add the wishes of a script to those of the command line, which win; returns them and OAR 2's warnings.

    Alternatives, types and dependencies add up, those of the script last.
    """
    values: dict[str, object] = {}
    warnings = []
    for one in fields(Wishes):
        typed, scanned = getattr(command_line, one.name), getattr(script, one.name)
        if one.name in _ADDED_UP:
            values[one.name] = typed + scanned
        elif one.name in _SAID_SOMEWHERE:
            values[one.name] = typed or scanned
        elif typed is None:
            values[one.name] = scanned
        elif scanned not in (None, typed):
            shown = HIDDEN if one.name == "import_job_key_inline" else scanned
            warnings.append(
                f"# Warning: ignore script value for {one.name} parameter: {shown}; "
                "another value was given on the command line."
            )
    return replace(command_line, **values), warnings  # type: ignore[arg-type] # one value for each field, of its own type
