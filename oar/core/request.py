"""The grammar of ``-l``: from text to :class:`~oar.core.job.Request`, and back.

``{sql}/level=count/level=count+{sql}/level=count,walltime=h:m:s``: groups are joined by ``+`` or ``,``, each
has a filter, or levels, or both; the walltime comes last. ``walltime=h:m:s-h:m:s`` is the least and the most.
"""

import re
from collections.abc import Iterator

from oar.core.condition import end_of_condition
from oar.core.durations import BadDuration, format_duration, parse_duration
from oar.core.job import ALL, BEST, HALF, Alternative, Group, Level, Request
from oar.errors import BadRequest, ExitCode

ONE_RESOURCE = Request((Group("", (Level("resource_id", 1),)),))
"""What is asked for when nobody says anything, the administrator included."""

LARGEST_COUNT = 2**31 - 1
_WORDS = {"ALL": ALL, "BEST": BEST, "BESTHALF": HALF, "HALF_BEST": HALF}
_SPELLING = {ALL: "ALL", BEST: "BEST", HALF: "BESTHALF"}
_LEVEL = re.compile(r"([A-Za-z_]\w*)\s*=\s*(\w+)", re.ASCII)
_WALLTIME = re.compile(r"walltime\s*=\s*(.*)", re.DOTALL)


class RequestSyntax(BadRequest):
    """A resource request that does not follow the grammar."""

    exit_code = ExitCode.BAD_RESOURCE_REQUEST


def parse_request(text: str, nodes_property: str, default: Request = ONE_RESOURCE) -> Alternative:
    """Read one ``-l`` argument: the request, and its walltime when it has one.

    The level ``nodes`` stands for the property ``nodes_property``. ``default`` replaces a request that only
    has a walltime; its first group lends its levels to groups that only have a filter.
    Raises :class:`RequestSyntax`.
    """
    try:
        return _parse(text, nodes_property, default)
    except RequestSyntax as error:
        raise RequestSyntax(f"resource request '{text}': {error}") from None


def _parse(text: str, nodes_property: str, default: Request) -> Alternative:
    pieces = list(_pieces(text))
    found = _WALLTIME.fullmatch(pieces[-1])
    least_s, walltime_s = (None, None) if found is None else _read_walltime(found[1])
    if found is not None:
        pieces.pop()
    if not pieces:
        return Alternative(default, walltime_s, least_s)
    lent = default.groups[0].levels
    request = Request(tuple(_read_group(piece, nodes_property, lent) for piece in pieces))
    return Alternative(request, walltime_s, least_s)


def format_groups(request: Request) -> str:
    """Spell the groups of a request, without its walltime."""
    return "+".join(_format_group(group) for group in request.groups)


def format_request(request: Request, walltime_s: int, least_walltime_s: int | None = None) -> str:
    """Spell an alternative as OAR shows it: ``-l "{sql}/level=count,walltime=h:m:s"``."""
    least = "" if least_walltime_s is None else f"{format_duration(least_walltime_s)}-"
    return f'-l "{format_groups(request)},walltime={least}{format_duration(walltime_s)}"'


def _format_group(group: Group) -> str:
    condition = f"{{{group.filter}}}" if group.filter else ""
    levels = "".join(f"/{level.name}={_SPELLING.get(level.count, level.count)}" for level in group.levels)
    return condition + levels


def _pieces(text: str) -> Iterator[str]:
    """Cut at each ``+`` and ``,`` that is outside of braces."""
    begin = position = 0
    while position < len(text):
        if text[position] == "{":
            position = _after_filter(text, position)
        elif text[position] in "+,":
            yield text[begin:position].strip()
            position += 1
            begin = position
        else:
            position += 1
    yield text[begin:].strip()


def _after_filter(text: str, begin: int) -> int:
    """Find the end of the filter that opens at ``begin``; a brace inside an SQL string does not close it."""
    end = end_of_condition(text, begin + 1, "}")
    if end is None:
        raise RequestSyntax(f"'{{' is never closed in '{text[begin:]}', or a quote in it is not")
    return end + 1


def _read_walltime(text: str) -> tuple[int | None, int]:
    """Read the least walltime, None where there is only one, and the most."""
    words = text.split("-")
    if len(words) > 2 or (len(words) == 2 and not all(word.strip() for word in words)):
        raise RequestSyntax(f"walltime '{text}' is not understood; write one, or least-most as in 1:0-4:30")
    try:
        walltimes = [parse_duration(word) for word in words]
    except BadDuration as error:
        raise RequestSyntax(f"walltime: {error}") from None
    if 0 in walltimes:
        raise RequestSyntax(f"'walltime={text}' leaves no time at all; a walltime is longer than 0")
    least, most = walltimes[0], walltimes[-1]
    if least > most:
        raise RequestSyntax(f"'walltime={text}': the least walltime comes first, then the most, as in 1-4")
    return (least if least < most else None), most


def _read_group(piece: str, nodes_property: str, lent: tuple[Level, ...]) -> Group:
    condition, path = "", piece
    if piece.startswith("{"):
        end = _after_filter(piece, 0)
        condition, path = piece[1 : end - 1].strip(), piece[end:].strip()
    if not path and condition:
        return Group(condition, lent)
    words = path.removeprefix("/").split("/")
    levels = tuple(_read_level(word.strip(), nodes_property) for word in words)
    names = [level.name for level in levels]
    if twice := {name for name in names if names.count(name) > 1}:
        raise RequestSyntax(f"'{path}' names the level '{min(twice)}' twice")
    return Group(condition, levels)


def _read_level(word: str, nodes_property: str) -> Level:
    found = _LEVEL.fullmatch(word)
    if found is None:
        what = f"'{word}' is not understood" if word else "nothing stands where a level should"
        raise RequestSyntax(f"{what}; write level=count, as in nodes=2")
    name, count = found.groups()
    if name.lower() == "walltime":
        raise RequestSyntax(f"'{word}': the walltime comes once, at the end, after a comma")
    # Columns are lower case in the database, and SQL does not mind how they are written.
    name = name.lower()
    return Level(nodes_property if name == "nodes" else name, _read_count(name, count))


def _read_count(name: str, text: str) -> int:
    if text in _WORDS:
        return _WORDS[text]
    if not re.fullmatch(r"\d{1,10}", text, re.ASCII):
        raise RequestSyntax(f"'{name}={text}': the count is a number, ALL, BEST or BESTHALF")
    if not 0 < (count := int(text)) <= LARGEST_COUNT:
        raise RequestSyntax(f"'{name}={text}': the count is at least 1 and at most {LARGEST_COUNT}")
    return count
