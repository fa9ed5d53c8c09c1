"""Many small jobs at once."""

from collections import Counter

import pytest

from tests.acceptance.site import Site

JOBS = 100


@pytest.mark.best_bed
def test_no_job_of_many_is_lost_run_twice_or_stuck(site: Site) -> None:
    jobs = site.submit_all("-l", "core=1", "--array", str(JOBS), "echo $OAR_JOB_ID >> started")
    site.until_terminated(*jobs, within_s=180)
    assert Counter(site.read("started").split()) == Counter(map(str, jobs))
    assert {site.job(job).exit_code for job in jobs} == {0}
    assert {tuple(site.states(job).count(state) for state in ("Running", "Terminated")) for job in jobs} == {
        (1, 1)
    }
    assert site.value(OVERLAPS, first=jobs[0], last=jobs[-1]) == 0


OVERLAPS = """
WITH held AS (
    SELECT resource_id, job_id, start_time, stop_time FROM jobs
    JOIN assigned_resources a ON a.moldable_job_id = assigned_moldable_job
    WHERE job_id BETWEEN :first AND :last
)
SELECT count(*) FROM held a JOIN held b USING (resource_id)
WHERE a.job_id < b.job_id AND a.start_time < b.stop_time AND b.start_time < a.stop_time
"""
