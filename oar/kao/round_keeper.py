"""Puts rounds on record, in the transaction of each."""

import time
from dataclasses import dataclass, replace
from itertools import pairwise

from sqlalchemy import Connection

from oar.db.rounds import write_round
from oar.kao.apply import Applied
from oar.kao.model import Decisions, World
from oar.kao.round_log import record_of


@dataclass(slots=True)
class RoundKeeper:
    """Keeps the records of the last rounds; knows when the last one was."""

    last_now: int | None = None

    def keep(
        self,
        connection: Connection,
        world: World,
        decisions: Decisions,
        applied: Applied,
        *,
        kept: int,
        phases: tuple[float, ...],
    ) -> None:
        """Write what a round decided anew, so that the last ``kept`` records are there; 0 for none.

        ``phases`` are the dates at which it began to read, to decide, to write, as ``perf_counter`` tells.
        """
        last_now, self.last_now = self.last_now, world.now
        if not kept:
            return
        record = record_of(world, decisions, applied.to_launch, applied.leaving, last_now)
        dates = (*phases, time.perf_counter())
        took = [round((after - before) * 1000) for before, after in pairwise(dates)]
        write_round(connection, replace(record, read_ms=took[0], decided_ms=took[1], wrote_ms=took[2]), kept)
