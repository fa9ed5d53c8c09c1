"""Asks the scripts of a site how many tokens there are of the kinds that waiting jobs want."""

import logging
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from oar.core.job import WaitingJob
from oar.kao.external.program import run_program
from oar.kao.model import World
from oar.kao.placing import tokens_of
from oar.setting_kinds import Commands

log = logging.getLogger(__name__)

_NUMBER = re.compile(r"\s*(\d{1,9})\s*", re.ASCII)
_AT_ONCE = 8


def wanted_tokens(world: World, *, of_foreign_queues: bool = False) -> set[str]:
    """Name the tokens that jobs of active queues want; other programs see to those of their queues."""
    queues = {one.name for one in world.queues if one.active and (of_foreign_queues or not one.foreign)}
    return _names(job for job in world.waiting if job.queue in queues)


def _names(jobs: Iterable[WaitingJob]) -> set[str]:
    return {name for job in jobs if job.types for name in tokens_of(job)}


def count_tokens(names: Iterable[str], scripts: Commands, timeout_s: float) -> Mapping[str, int | None]:
    """Run the script of each name, all at the same time; None for what it does not tell.

    A script may take ``timeout_s`` seconds. It must not be run inside a transaction.
    """
    lines = dict(scripts.lines)
    wanted = sorted(names)
    if not wanted:
        return {}
    with ThreadPoolExecutor(min(_AT_ONCE, len(wanted))) as pool:
        counts = pool.map(lambda name: _count(name, lines.get(name), timeout_s), wanted)
        return dict(zip(wanted, counts, strict=True))


def _count(name: str, command: str | None, timeout_s: float) -> int | None:
    if command is None:
        log.warning("tokens %s: SCHEDULER_TOKEN_SCRIPTS has no script of this name", name)
        return None
    said: list[str] = []
    ended = run_program(
        shlex.split(command), os.environ, timeout_s, out=lambda line: _keep_first(said, line), err=_ignore
    )
    number = _NUMBER.fullmatch(said[0]) if said else None
    if ended.code == 0 and number is not None:
        return int(number[1])
    problem = ended.failure or (f"ended with exit code {ended.code}" if ended.code else "told no number")
    log.error("tokens %s: the script %s %s", name, command, problem)
    return None


def _keep_first(said: list[str], line: str) -> None:
    if not said:
        said.append(line)


def _ignore(_line: str) -> None:
    pass
