"""The record that keeps a job from being started twice: that its command was started, and how it ended."""

import json
import sys

from oar.node.files import read, write
from oar.node.oarexec_job import Job

FILE = "oarexec_of_job_{}"


def read_record(job: Job) -> "dict[str, object] | None":
    """Read what an oarexec of this very job has left; a job of a former database had another challenge."""
    try:
        record = json.loads(read(job.file(FILE)))
    except ValueError:
        return None
    return record if isinstance(record, dict) and record.get("challenge") == job.challenge else None


def write_record(job: Job, code: "int | None", status: "int | None") -> "dict[str, object]":
    """Record how the job ended; code None means that its command is about to be started.

    Raises ``OSError`` before the command only: an end is reported even where it cannot be written down.
    """
    record: "dict[str, object]" = {"challenge": job.challenge, "code": code, "status": status}
    try:
        write(job.file(FILE), json.dumps(record), 0o600)
    except OSError as error:
        if code is None:
            raise
        sys.stderr.write(f"the end of the job is not recorded: {error}\n")
    return record
