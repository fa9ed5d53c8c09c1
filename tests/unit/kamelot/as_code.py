"""Print a world as code that can be pasted into a test."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from typing import Any

from procset import ProcSet

from oar.core.job import ALL, BEST, HALF, Group, Moldable, Resource, WaitingJob
from oar.core.states import NodeState
from tests.unit.kamelot.build import job
from tests.unit.kamelot.world import World

WORDS = {ALL: "ALL", BEST: "BEST", HALF: "HALF"}


def as_code(world: World) -> str:
    """Write the world line by line; the names are those of ``build`` and of the types themselves."""
    lines = [f"    {name}={lines_of(value)},\n" for name, value in told(world)]
    return f"World(\n{''.join(lines)})"


def lines_of(value: Any) -> str:
    if isinstance(value, tuple):
        return f"(\n{''.join(f'        {code(one)},{chr(10)}' for one in value)}    )"
    return code(value)


def told(value: Any) -> Iterator[tuple[str, Any]]:
    """Give the fields that differ from what they are by default."""
    for field in fields(value):
        if not is_default(field, getattr(value, field.name)):
            yield field.name, getattr(value, field.name)


def is_default(field: Field[Any], value: Any) -> bool:
    if field.default_factory is not MISSING:
        return bool(value == field.default_factory())
    return field.default is not MISSING and bool(value == field.default)


def code(value: Any) -> str:
    """Write a value as an expression that makes it."""
    match value:
        case ProcSet():
            text = f'ids("{value}")'
        case Enum():
            text = f"{type(value).__name__}.{value.name}"
        case Resource():
            text = resource_code(value)
        case WaitingJob():
            text = job_code(value)
        case tuple():
            items = [code(one) for one in value]
            text = f"({', '.join(items)})" if len(items) != 1 else f"({items[0]},)"
        case Mapping():
            text = f"{{{', '.join(f'{key!r}: {code(one)}' for key, one in value.items())}}}"
        case _ if is_dataclass(value):
            arguments = ", ".join(f"{name}={code(one)}" for name, one in told(value))
            text = f"{type(value).__name__}({arguments})"
        case _:
            text = repr(value)
    return text


def resource_code(value: Resource) -> str:
    parts = [str(value.resource_id), repr(dict(value.properties))]
    if value.state is not NodeState.ALIVE:
        parts.append(f"state={code(value.state)}")
    if value.available_upto:
        parts.append(f"available_upto={value.available_upto}")
    text = f"resource({', '.join(parts)})"
    return text if value.type == "default" else f"replace({text}, type={value.type!r})"


def job_code(value: WaitingJob) -> str:
    """Write a job the short way, with what that cannot say behind it."""
    short = job(
        value.job_id,
        *((request_text(one), one.walltime_s) for one in value.moldables),
        properties=value.properties,
        types=value.types,
        after=value.dependencies,
    )
    parts = [
        str(value.job_id),
        *(f'("{request_text(one)}", {one.walltime_s})' for one in value.moldables),
        *([f"properties={value.properties!r}"] if value.properties else []),
        *([f"types={value.types!r}"] if value.types else []),
        *([f"after={[int(one) for one in value.dependencies]}"] if value.dependencies else []),
    ]
    text = f"job({', '.join(parts)})"
    names = [
        field.name for field in fields(value) if getattr(value, field.name) != getattr(short, field.name)
    ]
    if not names:
        return text
    return f"replace({text}, {', '.join(f'{name}={code(getattr(value, name))}' for name in names)})"


def request_text(moldable: Moldable) -> str:
    return "+".join(map(group_text, moldable.request.groups))


def group_text(group: Group) -> str:
    levels = "/".join(f"{level.name}={WORDS.get(level.count, level.count)}" for level in group.levels)
    return f"{{{group.filter}}}/{levels}" if group.filter else levels
