"""The site's own programs that run on the server before and after each job."""

import asyncio
import contextlib
import logging
import os
import signal

from oar.core.events import EventKind

log = logging.getLogger(__name__)


async def run_server_script(
    file: str, job_id: int, timeout_s: float, failed: EventKind, late: EventKind
) -> tuple[EventKind, str] | None:
    """Run ``file`` with the job's id; None when all went well or none is configured.

    Otherwise the event to record, ``failed`` or ``late``, and a description of what happened.
    """
    if not file:
        return None
    try:
        process = await asyncio.create_subprocess_exec(
            file, str(job_id), stdin=asyncio.subprocess.DEVNULL, cwd="/", start_new_session=True
        )
    except OSError as error:
        return failed, f"cannot run {file} for job {job_id}: {error.strerror}"
    try:
        async with asyncio.timeout(timeout_s):
            code = await process.wait()
    except TimeoutError:
        return late, f"{file} for job {job_id} did not end within {timeout_s:g} s"
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.shield(process.wait())
    if code != 0:
        return failed, f"{file} for job {job_id} ended with {code}"
    log.debug("job %d: %s ended well", job_id, file)
    return None
