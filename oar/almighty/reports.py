"""Believes the report of a job's end only when it carries the job's own secret."""

import asyncio
import hmac
import logging
from functools import partial

from sqlalchemy import Connection

from oar.almighty.job_queues import ActionKind, JobAction
from oar.almighty.means import Means
from oar.core.events import EventKind
from oar.core.job_life import JobSignal, accepting
from oar.core.messages import JobReport
from oar.db.engine import database_now
from oar.db.events import record
from oar.db.watch import read_challenges

log = logging.getLogger(__name__)

REPORTS_AT_ONCE = 1000
"""Reports that are being checked; more are dropped, and their senders repeat them."""
SECONDS_BETWEEN_COMPLAINTS = 60.0
"""A job's wrong challenges fill the log and the events only so fast."""


class Reports:
    """Checks reports and queues those that are true; dropping one is safe, since oarexec repeats it."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._checks: dict[JobReport, asyncio.Task[None]] = {}
        self._complained_at: dict[int, float] = {}

    def receive(self, report: JobReport) -> None:
        """Take a report; one that is being checked is not checked twice."""
        if report in self._checks or len(self._checks) >= REPORTS_AT_ONCE:
            return
        task = asyncio.get_running_loop().create_task(self._check(report))
        self._checks[report] = task
        task.add_done_callback(lambda _: self._checks.pop(report, None))

    async def close(self) -> None:
        """Stop checking."""
        checks = list(self._checks.values())
        for check in checks:
            check.cancel()
        await asyncio.gather(*checks, return_exceptions=True)

    async def _check(self, report: JobReport) -> None:
        try:
            await self._judge(report)
        except Exception:
            # A report that breaks our code must not go unheard; oarexec will repeat it.
            log.exception("job %d: its report was not taken", report.job_id)

    async def _judge(self, report: JobReport) -> None:
        found = await self._means.database.run_together(read_challenges, report.job_id)
        if found is None:
            log.info("job %d: report about a job that does not exist", report.job_id)
            return
        challenge, state = found
        is_right = bool(challenge) and hmac.compare_digest(challenge, report.challenge)
        if state in accepting(JobSignal.FINISH):
            if is_right:
                self._means.act(JobAction(report.job_id, ActionKind.REPORT, report))
            else:
                await self._complain(report)
        elif is_right and state.is_final and not self._means.is_busy(report.job_id):
            # Its oarexec lives: the node could not be cleaned when the job ended, and can be reached now.
            log.info("job %d: reported again although it is %s, cleaning its nodes", report.job_id, state)
            self._means.act(JobAction(report.job_id, ActionKind.END))
        else:
            log.debug("job %d: report of its end while it is %s", report.job_id, state)

    async def _complain(self, report: JobReport) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._complained_at.get(report.job_id, float("-inf")) < SECONDS_BETWEEN_COMPLAINTS:
            return
        self._complained_at[report.job_id] = now
        log.warning("job %d: report of its end with a wrong challenge, ignored", report.job_id)
        await self._means.database.run(partial(_record_wrong_challenge, job_id=report.job_id))


def _record_wrong_challenge(connection: Connection, job_id: int) -> None:
    record(
        connection,
        EventKind.BIPBIP_CHALLENGE,
        job_id=job_id,
        description=f"somebody reported the end of job {job_id} with a wrong challenge",
        now=database_now(connection),
    )
