"""Time kamelot: CPU microseconds per job to place n waiting jobs in one process.

python -m bench.kamelot.run [-n 100 -n 1000 -n 5000 -n 10000] [--seed 1] [--repeat 3] [workload ...]

A server plans round after round on resources that seldom change. So each row is measured after a round with
other jobs, of which the platform keeps how it is divided and what requests ask for; the column "first" has
what a job costs in a round without that. Then the slow and obvious scheduler of the tests places a few jobs.
"""

import argparse
import gc
import resource
import time
from dataclasses import dataclass, replace

from bench.kamelot.mixed import realistic_mixed
from bench.kamelot.realistic import Load, realistic
from bench.kamelot.workloads import WORKLOADS, jobs_of, platform_resources
from oar.core.job import Assignment
from oar.kamelot import Gantt, Plan, Platform, Rules, place_all
from oar.kamelot.quotas import Ledger
from oar.kao.metascheduler import collector_at_rest
from tests.unit.kamelot.reference import reference_schedule

NOW = 1_000_000
COUNTS = (100, 1_000, 5_000, 10_000)
REALISTIC = {"Realistic": realistic, "RealisticMixed": realistic_mixed}
RULES = Rules(security_time_s=0)
OTHERS = 1_000
"""So many other jobs are placed before the first round that is measured."""
FEW = 50
"""So many jobs the slow scheduler has to place."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One row: how many jobs got a place, slots at the end, CPU seconds of a round, and of a first one."""

    jobs: int
    placed: int
    slots: int
    seconds: float
    first_seconds: float

    @property
    def microseconds(self) -> float:
        """CPU time of one job."""
        return self.seconds / self.jobs * 1e6


def main() -> None:
    """Print one line per workload and number of jobs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("-n", type=int, action="append", help="number of jobs (repeat for several)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3, help="rounds, of which the least disturbed counts")
    parser.add_argument("--no-reference", action="store_true", help="leave out the slow scheduler")
    known = [*WORKLOADS, *REALISTIC]
    parser.add_argument("workloads", nargs="*", metavar="workload", help=", ".join(known))
    options = parser.parse_args()
    print(f"{'workload':15}{'jobs':>8}{'placed':>8}{'slots':>8}{'us/job':>10}{'first':>8}", flush=True)
    for workload in options.workloads or known:
        rows = [show(workload, count, options) for count in options.n or COUNTS]
        growth(workload, {row.jobs: row for row in rows})
        if not options.no_reference:
            compare(workload, options)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"at most {peak / 1024:.0f} MB of memory in all")


def show(workload: str, count: int, options: argparse.Namespace) -> Measured:
    """Measure one row and print it."""
    row = measure(workload, count, options)
    first = row.first_seconds / row.jobs * 1e6
    text = f"{workload:15}{row.jobs:8}{row.placed:8}{row.slots:8}{row.microseconds:10.0f}{first:8.0f}"
    print(text, flush=True)
    return row


def growth(workload: str, rows: dict[int, Measured]) -> None:
    """Print by how much a job costs more among 10,000 than among 1,000."""
    if {1_000, 10_000} <= rows.keys():
        factor = rows[10_000].microseconds / rows[1_000].microseconds
        print(f"{workload:15}a job among 10,000 costs {factor:.1f} times one among 1,000")


def load_of(workload: str, count: int, seed: int) -> Load:
    """Draw the load of a row."""
    if workload in REALISTIC:
        return REALISTIC[workload](count, seed, NOW)
    return Load(Platform(platform_resources(), {}), [], jobs_of(workload, count, seed))


def measure(workload: str, count: int, options: argparse.Namespace) -> Measured:
    """Place the jobs, from requests to outcomes, in rounds that follow a round with other jobs."""
    load = load_of(workload, count, options.seed)
    others = load_of(workload, min(count, OTHERS), options.seed + 1).waiting
    first_seconds = place(load)[0]
    load = load_of(workload, count, options.seed)
    place(replace(load, waiting=others))
    seconds, plan = place(load)
    for _ in range(options.repeat - 1):
        again, plan = place(load)
        seconds = min(seconds, again)
    placed = sum(isinstance(outcome, Assignment) for outcome in plan.outcomes.values())
    return Measured(count, placed, len(plan.gantt.slots), seconds, first_seconds)


def place(load: Load) -> tuple[float, Plan]:
    """Plan one round as a server does, with the collector at rest; tells the CPU seconds it took."""
    gc.collect()
    with collector_at_rest():
        begin = time.process_time()
        ledger = None if load.quotas is None else Ledger(load.quotas, NOW)
        gantt = Gantt(load.platform, load.running, NOW, quotas=ledger)
        outcomes = place_all(gantt, load.waiting, RULES)
        return time.process_time() - begin, Plan(outcomes, gantt)


def compare(workload: str, options: argparse.Namespace) -> None:
    """Print how much longer the slow and obvious scheduler takes for a few jobs."""
    load = load_of(workload, FEW, options.seed)
    place(load)
    ours = min(place(load)[0] for _ in range(options.repeat))
    platform = load.platform
    filters = {job.properties: platform.procset(platform.matching(job.properties)) for job in load.waiting}
    begin = time.process_time()
    reference_schedule(platform.resources, filters, load.running, load.waiting, now=NOW, rules=RULES, ends={})
    theirs = time.process_time() - begin
    print(
        f"{workload:15}{FEW} jobs take the reference {theirs:.2f} s, {theirs / ours:.0f} times longer",
        flush=True,
    )


if __name__ == "__main__":
    main()
