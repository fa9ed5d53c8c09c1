"""Whether a request can ever be met, found out before any row is written."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from procset import ProcSet
from sqlalchemy import Connection

from oar.core.job import Alternative, Assignment, JobId, Moldable, MoldableId, Request, WaitingJob
from oar.core.properties import SERVER_PROPERTIES
from oar.db.candidates import load_candidates
from oar.db.conditions import BadFilter
from oar.db.properties import list_properties
from oar.db.resources import matching_resources
from oar.errors import BadRequest
from oar.kamelot import Gantt, Platform, Rules, place_all
from oar.submit.parameters import BadCondition

_MISSING_COLUMN = re.compile(r'column "?([\w.]+)"? does not exist')


class NotEnoughResources(BadRequest):
    """The resources that are there can never hold the request."""

    exit_code = 251


class UnknownLevel(BadRequest):
    """A level, or a word of a condition, that is no property of resources."""

    exit_code = 251

    def __init__(self, name: str, known: Collection[str]) -> None:
        shown = ", ".join(sorted(set(known) - SERVER_PROPERTIES))
        super().__init__(f"unknown property '{name}'; known: {shown}, resource_id")
        self.name = name


def count_resources(reader: Connection, alternatives: Sequence[Alternative], properties: str) -> list[int]:
    """Tell how many resources each alternative takes when every resource that is not Dead is free.

    ``reader`` is read-only, since conditions are evaluated. Raises :class:`NotEnoughResources`,
    :class:`BadCondition` or :class:`UnknownLevel`: each alternative has to be possible.
    """
    known = list_properties(reader)
    levels = {level.name for one in alternatives for group in one.request.groups for level in group.levels}
    for name in sorted(levels - known.keys()):
        raise UnknownLevel(name, known)
    filters = {text: _evaluate(reader, text, known) for text in _conditions(alternatives, properties)}
    platform = Platform(load_candidates(reader, levels), filters)
    return [_place(platform, one.request, properties) for one in alternatives]


def _conditions(alternatives: Sequence[Alternative], properties: str) -> Iterator[str]:
    texts = [properties, *(group.filter for one in alternatives for group in one.request.groups)]
    return (text for text in dict.fromkeys(texts) if text)


def _evaluate(reader: Connection, condition: str, known: Mapping[str, str]) -> ProcSet:
    try:
        return matching_resources(reader, condition)
    except BadFilter as error:
        missing = _MISSING_COLUMN.search(error.reason)
        if missing and f'"{missing[1]}"' in condition:
            raise BadCondition(f"{error}; a text stands in single quotes: '{missing[1]}'") from None
        if missing:
            raise UnknownLevel(missing[1], known) from None
        raise BadCondition(str(error)) from None


def _place(platform: Platform, request: Request, properties: str) -> int:
    moldable = Moldable(MoldableId(0), request, walltime_s=1)  # all is free for ever: any walltime will do
    job = WaitingJob(
        job_id=JobId(0), queue="", user="", project="", name="", properties=properties, moldables=(moldable,)
    )
    outcome = place_all(Gantt(platform, (), now=0), [job], Rules(security_time_s=0))[job.job_id]
    if isinstance(outcome, Assignment):
        return len(outcome.resources)
    raise NotEnoughResources(f"there are not enough resources: {outcome.reason}")
