"""The worker of notices: sends each, or gives it up, and records what became of it.

A task for each job, and one for the administrators, so that what happened first is told first, and a mail
server or frontend that does not answer delays nobody else. Nothing here can harm a job.
"""

import asyncio
import logging
import socket
from functools import partial

from sqlalchemy import Connection

from oar.almighty.gate import PatientGate
from oar.almighty.means import Means
from oar.almighty.news.healing import heal
from oar.almighty.news.letters import letter_to_administrators, letter_to_user, program_argv
from oar.almighty.news.mail import Letter, deliver
from oar.almighty.news.programs import run_for_user
from oar.core.events import EventKind
from oar.core.notify import BadNotify, Notify, parse_notify
from oar.db.engine import database_now
from oar.db.notices import Notice, close_notice, open_notices

log = logging.getLogger(__name__)

AT_ONCE, MOST, SLOW_AFTER_S = 8, 64, 3.0
PAUSES_S = (30.0, 300.0)
"""Between the tries to send a mail; after the last one it is given up."""


class News:
    """Tells users and administrators what they are to be told."""

    def __init__(self, means: Means, pauses_s: tuple[float, ...] = PAUSES_S) -> None:
        self._means = means
        self._pauses_s = pauses_s
        self._server = means.settings.mail.instance or socket.gethostname().partition(".")[0]
        self._gate = PatientGate(AT_ONCE, MOST, SLOW_AFTER_S)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._tries: dict[int, int] = {}
        self._not_before: dict[int, float] = {}
        self._mailed: set[int] = set()

    async def look(self) -> None:
        """Begin to tell all that is new."""
        notices = await self._means.database.run(open_notices)
        known = {notice.event_id for notice in notices}
        self._tries = {one: count for one, count in self._tries.items() if one in known}
        self._not_before = {one: date for one, date in self._not_before.items() if one in known}
        self._mailed &= known
        now = asyncio.get_running_loop().time()
        due: dict[int, list[Notice]] = {}
        for notice in notices:
            if self._not_before.get(notice.event_id, now) <= now:
                due.setdefault(notice.job_id, []).append(notice)
        for job_id, of_job in due.items():
            if job_id not in self._tasks:
                self._tasks[job_id] = asyncio.get_running_loop().create_task(self._tell_all(job_id, of_job))

    async def close(self) -> None:
        """Break off; the next server tells again."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _tell_all(self, job_id: int, notices: list[Notice]) -> None:
        try:
            for notice in notices:
                async with self._gate.place():
                    await self._tell(notice)
        except Exception:
            # What breaks our code for one notice must not go unheard, nor be tried every second.
            log.exception("job %d: a notice was not sent", job_id)
            later = asyncio.get_running_loop().time() + PAUSES_S[-1]
            self._not_before |= dict.fromkeys((notice.event_id for notice in notices), later)
        finally:
            del self._tasks[job_id]

    async def _tell(self, notice: Notice) -> None:
        if notice.kind is EventKind.NODE_SUSPECTED:
            await self._tell_of_nodes(notice)
        elif notice.kind is EventKind.TELL_ADMINISTRATORS:
            outcome = await self._mail_administrators(notice)
            await self._close(notice, outcome)
        else:
            await self._tell_user(notice)

    async def _tell_of_nodes(self, notice: Notice) -> None:
        if notice.event_id not in self._mailed:
            await self._mail_administrators(notice)
            self._mailed.add(notice.event_id)
        outcome = await heal(self._means, notice)
        if outcome is not None:
            await self._close(notice, outcome)

    async def _mail_administrators(self, notice: Notice) -> str:
        settings = self._means.settings.mail
        if not (settings.is_on and settings.recipients):
            return ""
        trouble = await deliver(letter_to_administrators(notice, settings, self._server))
        if trouble:
            log.error("mail to %s was not sent: %s", settings.recipients, trouble)
        return f"(mail: {trouble})" if trouble else ""

    async def _tell_user(self, notice: Notice) -> None:
        try:
            notify = parse_notify(notice.notify)
        except BadNotify as error:
            await self._close(notice, f"not sent: {error}", failed=True)
            return
        if notify.program:
            await self._run_program(notice, notify)
        else:
            await self._mail_user(notice, notify)

    async def _mail_user(self, notice: Notice, notify: Notify) -> None:
        settings = self._means.settings.mail
        if not settings.is_on:
            await self._close(notice, "not sent: no mail server is configured", failed=True)
            return
        trouble = await self._try_mail(notice, letter_to_user(notice, notify, settings, self._server))
        if trouble is not None:
            to = f"mail to {', '.join(notify.addresses)}"
            await self._close(notice, f"{to} not sent: {trouble}" if trouble else to, failed=bool(trouble))

    async def _try_mail(self, notice: Notice, letter: Letter) -> str | None:
        """Send a letter; say why it was given up, "" when it was sent, None when it is to be tried again."""
        trouble = await deliver(letter)
        tries = self._tries.get(notice.event_id, 0)
        if not trouble or tries >= len(self._pauses_s):
            return trouble
        self._tries[notice.event_id] = tries + 1
        self._not_before[notice.event_id] = asyncio.get_running_loop().time() + self._pauses_s[tries]
        log.warning("job %d: a mail was not sent, trying again: %s", notice.job_id, trouble)
        return None

    async def _run_program(self, notice: Notice, notify: Notify) -> None:
        argv = program_argv(notice, notify)
        trouble = await run_for_user(self._means, notice, argv)
        outcome = f"{notify.program[0]} on {notice.host}: {trouble or 'status 0'}"
        await self._close(notice, outcome, failed=bool(trouble))

    async def _close(self, notice: Notice, outcome: str, *, failed: bool = False) -> None:
        if notice.job_id:
            tell = log.warning if failed else log.info
            tell("job %d: %s told: %s %s", notice.job_id, notice.user, notice.words, outcome)
        await self._means.database.run(partial(_close, notice=notice, outcome=outcome, failed=failed))


def _close(connection: Connection, notice: Notice, outcome: str, failed: bool) -> None:
    close_notice(connection, notice, outcome, database_now(connection), failed=failed)
