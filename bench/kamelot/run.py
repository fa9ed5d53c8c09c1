"""Time kamelot: CPU microseconds per job to place n waiting jobs in one process.

python -m bench.kamelot.run [-n 100 -n 1000 -n 5000 -n 10000] [--seed 1] [workload ...]
python -m bench.kamelot.run --reference -n 10 NodeOnly     also times the slow scheduler of the tests
"""

import argparse
import gc
import resource
import time
from dataclasses import dataclass

from bench.kamelot.realistic import Load, realistic
from bench.kamelot.workloads import WORKLOADS, jobs_of, platform_resources
from oar.core.job import Assignment
from oar.kamelot import Gantt, Platform, Rules, place_all
from tests.unit.kamelot.reference import reference_schedule

NOW = 1_000_000
COUNTS = (100, 1_000, 5_000, 10_000)
REALISTIC = "Realistic"
RULES = Rules(security_time_s=0)


@dataclass(frozen=True, slots=True)
class Measured:
    """One row: how many jobs got a place, slots at the end, CPU seconds."""

    jobs: int
    placed: int
    slots: int
    seconds: float

    @property
    def microseconds(self) -> float:
        """CPU time of one job."""
        return self.seconds / self.jobs * 1e6


def main() -> None:
    """Print one line per workload and number of jobs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("-n", type=int, action="append", help="number of jobs (repeat for several)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reference", action="store_true", help="time the slow scheduler too")
    known = [*WORKLOADS, REALISTIC]
    parser.add_argument("workloads", nargs="*", metavar="workload", help=", ".join(known))
    options = parser.parse_args()
    print(f"{'workload':14}{'jobs':>8}{'placed':>8}{'slots':>8}{'seconds':>10}{'us/job':>10}", flush=True)
    for workload in options.workloads or known:
        rows = [show(workload, count, options) for count in options.n or COUNTS]
        growth(workload, {row.jobs: row for row in rows})
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"at most {peak / 1024:.0f} MB of memory in all")


def show(workload: str, count: int, options: argparse.Namespace) -> Measured:
    """Measure one row and print it."""
    load = load_of(workload, count, options.seed)
    row = measure(load)
    text = f"{workload:14}{row.jobs:8}{row.placed:8}{row.slots:8}{row.seconds:10.3f}{row.microseconds:10.0f}"
    if options.reference:
        text += f"   {reference_seconds(load) / row.seconds:.0f} times faster than the reference"
    print(text, flush=True)
    return row


def growth(workload: str, rows: dict[int, Measured]) -> None:
    """Print by how much a job costs more among 10,000 than among 1,000."""
    if {1_000, 10_000} <= rows.keys():
        factor = rows[10_000].microseconds / rows[1_000].microseconds
        print(f"{workload:14}a job among 10,000 costs {factor:.1f} times one among 1,000")


def load_of(workload: str, count: int, seed: int) -> Load:
    """Draw the load of a row."""
    if workload == REALISTIC:
        return realistic(count, seed, NOW)
    return Load(Platform(platform_resources(), {}), [], jobs_of(workload, count, seed))


def measure(load: Load) -> Measured:
    """Place the jobs once, from resources and requests to outcomes."""
    gc.collect()
    begin = time.process_time()
    gantt = Gantt(load.platform, load.running, NOW)
    outcomes = place_all(gantt, load.waiting, RULES)
    seconds = time.process_time() - begin
    placed = sum(isinstance(outcome, Assignment) for outcome in outcomes.values())
    return Measured(len(load.waiting), placed, len(gantt.slots), seconds)


def reference_seconds(load: Load) -> float:
    """Time the slow and obvious scheduler on the same load."""
    platform = load.platform
    filters = {job.properties: platform.procset(platform.matching(job.properties)) for job in load.waiting}
    begin = time.process_time()
    reference_schedule(platform.resources, filters, load.running, load.waiting, now=NOW, rules=RULES, ends={})
    return time.process_time() - begin


if __name__ == "__main__":
    main()
