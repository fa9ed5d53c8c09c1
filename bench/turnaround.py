"""Prints how long jobs take on an idle embedded cluster; see ``bench/turnaround``."""

import statistics
import sys
import time

from clusters import measured_cluster
from sqlalchemy import Connection, text

from oar.dev.cluster import Cluster

PATIENCE_S = 60.0


def main() -> int:
    """Measure; returns 1 when a job did not end well."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with measured_cluster() as (cluster, connection):
        one_job(cluster, connection)  # the first one warms the node connections
        times = [one_job(cluster, connection) for _ in range(jobs)]
    submissions, ends = zip(*times, strict=True)
    print(f"{jobs} jobs `true`, one after the other, {cluster.bed.kind} bed")
    print(f"  oarsub itself              {summary(submissions)}")
    print(f"  OAR_JOB_ID= to Terminated  {summary(ends)}")
    return 0


def one_job(cluster: Cluster, connection: Connection) -> tuple[float, float]:
    """Run one job; returns the seconds that oarsub took, and those from its end to Terminated."""
    begun = time.monotonic()
    answer = cluster.run("oarsub", "-l", "core=1", "true", check=True).stdout
    submitted = time.monotonic()
    job_id = int(answer.rpartition("OAR_JOB_ID=")[2].split()[0])
    state = text("SELECT state FROM jobs WHERE job_id = :job_id")
    while time.monotonic() < submitted + PATIENCE_S:
        now = connection.execute(state, {"job_id": job_id}).scalar_one()
        if now == "Terminated":
            return submitted - begun, time.monotonic() - submitted
        if now == "Error":
            break
        time.sleep(0.005)
    raise SystemExit(f"job {job_id} is {now} instead of Terminated")


def summary(values: tuple[float, ...]) -> str:
    """Write median, least and greatest."""
    return f"median {statistics.median(values):.2f} s   min {min(values):.2f} s   max {max(values):.2f} s"


if __name__ == "__main__":
    sys.exit(main())
