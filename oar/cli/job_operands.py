"""The jobs that oardel, oarhold and oarresume are told about: ids, arrays, or an SQL condition."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from oar.cli.app import Context
from oar.db.job_choice import live_jobs_meeting, live_jobs_of_array

LARGEST_ID = 2**31 - 1


def _read_ids(ctx: click.Context, parameter: click.Parameter, words: Sequence[str]) -> tuple[int, ...]:
    for word in words:
        if not (word.isascii() and word.isdigit() and 0 < int(word) <= LARGEST_ID):
            raise click.UsageError(f'"{word}" is not a valid job identifier', ctx)
    return tuple(int(word) for word in words)


def job_operands(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the operands ``ids`` and the options ``array`` and ``sql``."""
    decorators = (
        click.argument("ids", nargs=-1, callback=_read_ids, metavar="ID"),
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


def chosen_jobs(context: Context, ids: Sequence[int], array: bool, sql: str | None) -> list[int]:
    """Return the ids of the jobs that are meant, each once; arrays and conditions only mean live jobs.

    Raises click.UsageError when nothing is chosen, UnknownArray or BadFilter.
    """
    if not ids and sql is None:
        raise click.UsageError("the id of a job is missing")
    chosen = [] if array else list(ids)
    if array:
        with context.engine.connect() as connection:
            for array_id in ids:
                chosen += live_jobs_of_array(connection, array_id)
    if sql is not None:
        with context.reader.connect() as connection:
            chosen += live_jobs_meeting(connection, sql)
    return list(dict.fromkeys(chosen))
