"""Time kamelot: CPU microseconds per job to place n waiting jobs on an empty platform.

python -m bench.kamelot.run [-n 1000 -n 5000] [--seed 1] [workload ...]
"""

import argparse
import time

from bench.kamelot.workloads import WORKLOADS, jobs_of, platform_resources
from oar.core.job import Assignment
from oar.kamelot import Gantt, Platform, Rules, place_all


def main() -> None:
    """Print one line per workload and number of jobs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("-n", type=int, action="append", help="number of jobs (repeat for several)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("workloads", nargs="*", metavar="workload", help=", ".join(WORKLOADS))
    options = parser.parse_args()
    print(f"{'workload':14}{'jobs':>8}{'placed':>8}{'slots':>8}{'seconds':>10}{'us/job':>10}")
    for workload in options.workloads or WORKLOADS:
        for count in options.n or [1000]:
            print(measure(workload, count, options.seed))


def measure(workload: str, count: int, seed: int) -> str:
    """Place the jobs of a workload once, from resources and requests to outcomes."""
    jobs = jobs_of(workload, count, seed)
    platform = Platform(platform_resources(), {})
    begin = time.process_time()
    gantt = Gantt(platform, (), 1_000_000)
    outcomes = place_all(gantt, jobs, Rules(security_time_s=0))
    seconds = time.process_time() - begin
    placed = sum(isinstance(outcome, Assignment) for outcome in outcomes.values())
    slots = len(gantt.slots)
    return f"{workload:14}{count:8}{placed:8}{slots:8}{seconds:10.3f}{seconds / count * 1e6:10.0f}"


if __name__ == "__main__":
    main()
