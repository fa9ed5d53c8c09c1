"""Tells the server how the job ended, again and again: that it took the line proves little."""

import signal
import socket

from oar.node.files import remove
from oar.node.oarexec_job import Job
from oar.node.oarexec_signals import FROM_SERVER

REPORT_AFTER_S = (1, 2, 4, 8, 16, 30, 60, 120, 240, 480) + (900,) * 48
HEARD_ENOUGH = 6


def report(job: Job, record: "dict[str, object]") -> None:
    """Repeat the report until ``clean`` kills us, which it does when the end is dealt with.

    After a job that nobody cleans, being heard a few times is enough.
    """
    line = report_line(job.job_id, record["code"], record["status"], job.challenge)
    heard = 0
    for pause in REPORT_AFTER_S:
        heard += send(job.server, line)
        if heard >= HEARD_ENOUGH and not job.is_cleaned:
            break
        signal.sigtimedwait(FROM_SERVER, pause)
    remove([job.pid_file])


def report_line(job_id: int, code: object, status: object, challenge: str) -> str:
    """Write a report as the server's text port reads it."""
    return f"OAREXEC_{job_id}_{code}_{'N' if status is None else status}_{challenge}\n"


def send(server: "tuple[str, int]", line: str) -> bool:
    """Send one line to the server; tell whether it took it."""
    try:
        with socket.create_connection(server, timeout=10.0) as connection:
            connection.sendall(line.encode())
    except OSError:
        return False
    return True
