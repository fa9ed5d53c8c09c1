"""Prints what whole rounds cost, phase by phase; see ``bench/round``."""

import argparse
import gc
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from sqlalchemy import Engine, event

from bench.past import Site, build, start_server
from bench.round_load import RUNNING, let_time_pass, prepare, set_load
from oar.kao.apply import apply
from oar.kao.metascheduler import Metascheduler
from oar.settings import SchedulerSettings

RESOURCES, WAITING, ENDED = (1_000, 10_000), (100, 1_000, 10_000), (0, 1_000_000)
FOLLOWING = 3
"""So many rounds in which nothing changed, of which the least disturbed counts."""


@dataclass(slots=True)
class Statements:
    """Counts statements and the time that they take, until their rows are here."""

    count: int = 0
    seconds: float = 0.0
    began: float = field(default=0.0)

    def begin(self, *_: object) -> None:
        """Note the time."""
        self.count += 1
        self.began = time.perf_counter()

    def end(self, *_: object) -> None:
        """Add the time."""
        self.seconds += time.perf_counter() - self.began


@dataclass(frozen=True, slots=True)
class Phases:
    """Seconds of a round: the database's part of reading, the rest of it, deciding, writing; statements."""

    read: float
    build: float
    decide: float
    write: float
    statements: int

    @property
    def total(self) -> float:
        """Seconds of the whole round."""
        return self.read + self.build + self.decide + self.write


def main() -> int:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("resources", "waiting", "ended"):
        parser.add_argument(f"--{name}", type=int, action="append", metavar="N", help="repeat for several")
    options = parser.parse_args()
    parent = Path(tempfile.mkdtemp(prefix="oar-bench-"))
    parent.chmod(0o755)
    server = start_server(parent / "postgresql")
    print(f"milliseconds; {RUNNING} jobs run; planning is the part of decide without the rest of a round")
    print(
        f"{'ended':>8}{'resources':>10}{'waiting':>8}  {'round':10}"
        f"{'read':>7}{'build':>7}{'decide':>8}{'write':>7}{'total':>8}{'statements':>12}"
    )
    try:
        for ended in options.ended or ENDED:
            site = build(server, f"past{ended}", ended)
            prepare(site)
            for case in product(sorted(options.resources or RESOURCES), options.waiting or WAITING):
                measure(site, ended, *case)
            site.close()
    finally:
        server.stop()
        shutil.rmtree(parent)
    return 0


def measure(site: Site, ended: int, resources: int, waiting: int) -> None:
    """Run rounds on one load and print a line for each kind."""
    set_load(site, ended, resources, waiting)
    metascheduler = Metascheduler(site.engine, site.reader, SchedulerSettings())
    _open_connections(site)
    first = one_round(metascheduler)
    following = min((one_round(metascheduler) for _ in range(FOLLOWING)), key=lambda one: one.total)
    let_time_pass(site, ended + RUNNING + waiting, resources)
    typical = one_round(metascheduler)
    for name, one in (("first", first), ("following", following), ("typical", typical)):
        print(
            f"{ended:8}{resources:10}{waiting:8}  {name:10}"
            f"{one.read * 1e3:7.0f}{one.build * 1e3:7.0f}{one.decide * 1e3:8.0f}{one.write * 1e3:7.0f}"
            f"{one.total * 1e3:8.0f}{one.statements:12}",
            flush=True,
        )


def one_round(metascheduler: Metascheduler) -> Phases:
    """Run a round as the metascheduler does, with a look at the clock between its steps."""
    gc.collect()
    with counted(metascheduler.engine, metascheduler.reader) as statements:
        begin = time.perf_counter()
        world, orders = metascheduler.look()
        loaded, read = time.perf_counter(), statements.seconds
        decisions = metascheduler.decide(world, orders)
        decided = time.perf_counter()
        with metascheduler.engine.begin() as connection:
            apply(connection, world, decisions)
        written = time.perf_counter()
    return Phases(read, loaded - begin - read, decided - loaded, written - decided, statements.count)


@contextmanager
def counted(*engines: Engine) -> Iterator[Statements]:
    """Count the statements that are sent."""
    statements = Statements()
    listeners = {"before_cursor_execute": statements.begin, "after_cursor_execute": statements.end}
    for engine, (name, listener) in product(engines, listeners.items()):
        event.listen(engine, name, listener)
    yield statements
    for engine, (name, listener) in product(engines, listeners.items()):
        event.remove(engine, name, listener)


def _open_connections(site: Site) -> None:
    for engine in (site.engine, site.reader):
        engine.connect().close()


if __name__ == "__main__":
    sys.exit(main())
