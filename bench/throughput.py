"""Prints how many jobs a second an embedded cluster runs; see ``bench/throughput``."""

import sys
import time
from collections import Counter

from clusters import measured_cluster
from sqlalchemy import Connection, text

PATIENCE_S = 600.0
TRACE = 'mkdir "ran.$OAR_JOB_ID" && echo $OAR_JOB_ID >> started'


def main() -> int:
    """Measure; returns 1 when a job was lost, run twice or got stuck."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with measured_cluster() as (cluster, connection):
        begun = time.monotonic()
        cluster.run("oarsub", "-l", "core=1", "--array", str(jobs), TRACE, check=True)
        submitted = time.monotonic()
        wait_for_end(connection, jobs)
        ended = time.monotonic()
        started = Counter((cluster.home / "started").read_text().split())
        states = Counter(connection.execute(text("SELECT state || ' ' || exit_code FROM jobs")).scalars())
        span = connection.execute(text("SELECT max(stop_time) - min(start_time) FROM jobs")).scalar_one()
        phases = connection.execute(
            text(
                "SELECT job_state, round(avg(date_stop - date_start), 2) FROM job_state_logs"
                " WHERE date_stop > 0 GROUP BY job_state"
            )
        ).all()
    wrong = [job for job, times in started.items() if times != 1]
    lost = jobs - len(started)
    print(f"{jobs} jobs on 6 cores, {cluster.bed.kind} bed: {jobs / (ended - begun):.1f} jobs/s")
    print(f"  submission {submitted - begun:.2f} s, from there to the last end {ended - submitted:.2f} s")
    print(f"  first start to last end by the database's clock {span} s")
    print(f"  mean seconds in each state: {', '.join(f'{state} {mean}' for state, mean in phases)}")
    print(f"  ends: {dict(states)}; lost {lost}, run more than once {len(wrong)}")
    return 0 if states == {"Terminated 0": jobs} and not wrong and not lost else 1


def wait_for_end(connection: Connection, jobs: int) -> None:
    """Return when all jobs have ended; gives up aloud."""
    left = text("SELECT count(*) FROM jobs WHERE state NOT IN ('Terminated', 'Error')")
    total = text("SELECT count(*) FROM jobs")
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if connection.execute(left).scalar_one() == 0 and connection.execute(total).scalar_one() == jobs:
            return
        time.sleep(0.05)
    states = text("SELECT state, count(*) FROM jobs GROUP BY state")
    print(f"stuck: {connection.execute(states).all()}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
