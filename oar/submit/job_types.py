"""The types that a job may have, and how each is written. Pure."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from oar.core.durations import BadDate, parse_date
from oar.errors import BadRequest

Check = Callable[[str], str]
"""Says in words what is wrong with a value, "" if nothing is."""


class BadJobType(BadRequest):
    """A type that means nothing, or whose value does not."""


@dataclass(frozen=True, slots=True)
class JobTypeForm:
    """How a type is written: ``form`` as users are told, ``check`` for the value that it has or may have."""

    form: str
    check: Check | None = None
    bare: bool = False
    """Whether it may stand without a value."""


def check_types(types: Sequence[str]) -> None:
    """See that each type is known, has the value that it needs and is given once; raises BadJobType."""
    values: dict[str, str] = {}
    for one in types:
        name, equals, value = one.partition("=")
        form = FORMS.get(_TOKEN if re.fullmatch(r"token:\w+", name) else name)
        if form is None:
            raise BadJobType(f"unknown job type: {one}; known: {', '.join(FORMS)}")
        wrong = _wrong(form, value, bool(equals))
        if wrong:
            raise BadJobType(f"job type '{one}' {wrong}; write {form.form}")
        if values.setdefault(name, one) != one:
            raise BadJobType(f"job types '{values[name]}' and '{one}' exclude each other; give one of them")


def _wrong(form: JobTypeForm, value: str, has_value: bool) -> str:
    if not has_value:
        return "" if form.bare else "has no value"
    if form.check is None:
        return "has a value"
    return form.check(value)


def _among(*words: str) -> Check:
    return lambda value: "" if value in words else "has a value that means nothing"


def _name(value: str) -> str:
    if not value:
        return "has an empty name"
    return "" if re.fullmatch(r"\w+", value) else "has a name with more than letters, digits and _"


def _container_name(value: str) -> str:
    return "has a name that looks like the number of a job" if value.isdigit() else _name(value)


def _date(value: str) -> str:
    try:
        parse_date(value)
    except BadDate as error:
        return f"is wrong: {str(error).partition(';')[0]}"
    return ""


def _number(value: str) -> str:
    try:
        return "" if math.isfinite(float(value)) else "has no value to count with"
    except ValueError:
        return "has a value that is no number"


def _plugin(value: str) -> str:
    return "" if value.partition(":")[0] else "names no plugin"


def _part_of_one(value: str) -> str:
    return _number(value) or ("" if 0 <= float(value) <= 1 else "is out of its bounds")


def _count(value: str) -> str:
    is_number = re.fullmatch(r"\d{1,9}", value, re.ASCII) and int(value) > 0
    return "" if is_number else "has a value that is no number of tokens"


_TOKEN = "token:NAME"  # noqa: S105 - a kind of job type
_PAIRS = [f"{one},{other}" for one in ("user", "*") for other in ("name", "*")]
_DATE = "YYYY-MM-DD hh:mm:ss"

FORMS: Mapping[str, JobTypeForm] = MappingProxyType(
    {
        "besteffort": JobTypeForm("besteffort", bare=True),
        "idempotent": JobTypeForm("idempotent", bare=True),
        "deploy": JobTypeForm("deploy or deploy=standby", _among("standby"), bare=True),
        "cosystem": JobTypeForm("cosystem or cosystem=standby", _among("standby"), bare=True),
        "noop": JobTypeForm("noop or noop=standby", _among("standby"), bare=True),
        "no_quotas": JobTypeForm("no_quotas", bare=True),
        "allow_classic_ssh": JobTypeForm("allow_classic_ssh", bare=True),
        "state": JobTypeForm("state=permissive", _among("permissive")),
        "timesharing": JobTypeForm(
            "timesharing=A,B with user or * for A and name or * for B",
            _among(*_PAIRS, *(",".join(reversed(pair.split(","))) for pair in _PAIRS)),
        ),
        "placeholder": JobTypeForm("placeholder=NAME", _name),
        "allowed": JobTypeForm("allowed=NAME", _name),
        "allow": JobTypeForm("allow=NAME", _name),
        "container": JobTypeForm("container or container=NAME", _container_name, bare=True),
        "inner": JobTypeForm("inner=JOB or inner=NAME of a container", _name),
        "postpone": JobTypeForm(f"postpone={_DATE}", _date),
        "expire": JobTypeForm(f"expire={_DATE}", _date),
        "deadline": JobTypeForm(f"deadline={_DATE}", _date),
        "find": JobTypeForm("find=PLUGIN or find=PLUGIN:ARGUMENTS", _plugin),
        "assign": JobTypeForm("assign=PLUGIN or assign=PLUGIN:ARGUMENTS", _plugin),
        _TOKEN: JobTypeForm("token:NAME=NUMBER", _count),
        "priority": JobTypeForm("priority=NUMBER", _number),
        "qos": JobTypeForm("qos=NUMBER between 0 and 1", _part_of_one),
        "nice": JobTypeForm("nice=NUMBER between 0 and 1", _part_of_one),
    }
)
"""Every type that means something here, by its name."""
