"""The jobs that oardel, oarhold and oarresume are told about: ids, arrays, or an SQL condition."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import click

from oar.cli.app import Context, warn
from oar.cli.job_ids import read_job_id
from oar.core.condition import BadFilter
from oar.db.job_choice import UnknownArray, live_jobs_meeting, live_jobs_of_array
from oar.errors import OarError


class BadOperand(OarError):
    """What stands where jobs are named names none; ends with the command's own exit code."""

    def __init__(self, exit_code: int, text: str) -> None:
        super().__init__(text)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class JobsMeant:
    """The operands ``ids``, and the options ``array`` and ``sql``, as they were typed."""

    ids: tuple[str, ...]
    array: bool
    sql: str | None


def job_operands(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the operands ``ids`` and the options ``array`` and ``sql``."""
    decorators = (
        click.argument("ids", nargs=-1, metavar="ID"),
        click.option("--array", is_flag=True, help="The IDs are those of arrays, and mean all their jobs."),
        click.option(
            "--sql",
            metavar="SQL",
            help="Choose the jobs by a condition on the table jobs, such as \"project = 'old'\".",
        ),
    )
    for decorate in reversed(decorators):
        function = decorate(function)
    return function


def chosen_jobs(context: Context, meant: JobsMeant, bad_operand: int) -> list[int]:
    """Return the ids of the jobs that are meant, each once; arrays and conditions only mean live jobs.

    Raises click.UsageError when nothing is chosen, BadFilter, or BadOperand with the code ``bad_operand``.
    """
    if not meant.ids and meant.sql is None:
        raise click.UsageError("the id of a job is missing")
    chosen = list(_numbers(meant.ids, bad_operand))
    if meant.array:
        chosen = _jobs_of_arrays(context, chosen, bad_operand)
    if meant.sql is not None:
        chosen += _jobs_meeting(context, meant.sql, bad_operand)
    return list(dict.fromkeys(chosen))


def _numbers(words: Sequence[str], bad_operand: int) -> Iterator[int]:
    for word in words:
        number = read_job_id(word)
        if number is None:
            raise BadOperand(bad_operand, f'"{word}" is not a valid job identifier')
        yield number


def _jobs_of_arrays(context: Context, arrays: Sequence[int], bad_operand: int) -> list[int]:
    jobs: list[int] = []
    with context.engine.connect() as connection:
        for array_id in arrays:
            try:
                live = live_jobs_of_array(connection, array_id)
            except UnknownArray as error:
                raise BadOperand(bad_operand, str(error)) from None
            if not live:
                warn(f"all jobs of array {array_id} have ended; nothing is done about it")
            jobs += live
    return jobs


def _jobs_meeting(context: Context, condition: str, bad_operand: int) -> list[int]:
    if not condition.strip():
        raise BadFilter(condition, "it is empty; true means all jobs")
    try:
        with context.reader.connect() as connection:
            jobs = live_jobs_meeting(connection, condition)
    except BadFilter as error:
        raise BadFilter(condition, error.reason) from None  # without the part that we added
    if not jobs:
        raise BadOperand(bad_operand, f"--sql: no job that has not ended meets {condition}")
    return jobs
