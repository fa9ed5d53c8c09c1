"""Prints what whole rounds cost, phase by phase; see ``bench/round``."""

import argparse
import gc
import logging
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from bench.past import Site, build, start_server
from bench.round_load import RUNNING, let_time_pass, prepare, set_load
from oar.kao.metascheduler import Metascheduler
from oar.settings import SchedulerSettings
from tests.integration.statements import statements_of

RESOURCES, WAITING, ENDED = (1_000, 10_000), (100, 1_000, 10_000), (0, 1_000_000)
FOLLOWING = 3
"""So many rounds in which nothing changed, of which the least disturbed counts."""


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
    print(f"milliseconds; {RUNNING} jobs run; read is the database's part of reading, build is ours")
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
    """Run a round; its own line of the log says how long each step took."""
    gc.collect()
    times = RoundTimes()
    logger = logging.getLogger(Metascheduler.__module__)
    logger.setLevel(logging.INFO)
    logger.addHandler(times)
    with statements_of(metascheduler.engine, metascheduler.reader) as statements:
        begin = time.perf_counter()
        metascheduler.run()
    logger.removeHandler(times)
    read = statements.seconds_until(begin + times.read)
    return Phases(read, times.read - read, times.decided, times.wrote, statements.count)


class RoundTimes(logging.Handler):
    """Takes the seconds that reading, deciding and writing took from the line that a round logs."""

    read = decided = wrote = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Look at a line."""
        if str(record.msg).startswith("round:"):
            self.read, self.decided, self.wrote = (float(one) / 1000 for one in record.args[3:6])


def _open_connections(site: Site) -> None:
    for engine in (site.engine, site.reader):
        engine.connect().close()


if __name__ == "__main__":
    sys.exit(main())
