"""What the processes say to each other, as values, to and from text.

Two spellings reach the server: JSON objects ``{"cmd": "Qsub"}`` over ZeroMQ, as OAR 3 sends them,
and OAR 2's single words over TCP. Both give the same values.
"""

import json
import re
from dataclasses import dataclass
from enum import StrEnum


class Hint(StrEnum):
    """Words that only say where to look; losing one costs time, a false one costs a round."""

    SUBMITTED = "Qsub"
    KILL_ASKED = "Qdel"
    RESUMED = "Qresume"
    SCHEDULE = "Scheduling"
    TERM = "Term"
    JOB_ENDED = "BipBip"
    STATE_CHANGED = "ChState"
    WALLTIME = "Walltime"
    CHECK_TIMES = "Villains"
    CHECK_NODES = "Finaud"
    CHECK_ENERGY = "CHECK"


@dataclass(frozen=True, slots=True)
class JobReport:
    """The end of a job as its oarexec tells it.

    ``script_status`` is the raw wait status of the user's command, None when there is none.
    ``challenge`` proves that the job's own oarexec speaks.
    """

    job_id: int
    oarexec_code: int
    script_status: int | None
    challenge: str

    def to_line(self) -> str:
        """Spell the report as the nodes send it."""
        script = "N" if self.script_status is None else str(self.script_status)
        return f"OAREXEC_{self.job_id}_{self.oarexec_code}_{script}_{self.challenge}"


@dataclass(frozen=True, slots=True)
class LaunchJob:
    """The scheduler's wish to see a job in toLaunch started."""

    job_id: int

    def to_line(self) -> str:
        """Spell the wish as OAR 2's metascheduler does."""
        return f"OARRUNJOB_{self.job_id}"


@dataclass(frozen=True, slots=True)
class ExterminateJob:
    """The wish to end a job whose node no longer answers to kills."""

    job_id: int

    def to_line(self) -> str:
        """Spell the wish as OAR 2's Leon does."""
        return f"LEONEXTERMINATE_{self.job_id}"


Message = Hint | JobReport | LaunchJob | ExterminateJob

_REPORT = re.compile(r"OAREXEC_(\d+)_(\d+)_(\d+|N)_(\d+)")
_LAUNCH = re.compile(r"OARRUNJOB_(\d+)")
_EXTERMINATE = re.compile(r"LEONEXTERMINATE_(\d+)")
_NUMBER_LIMIT = 19


def parse_line(line: str) -> Message | None:
    """Read one line of OAR 2's text protocol; None when it means nothing to us."""
    text = line.strip()
    if len(text) > 255 or re.search(rf"\d{{{_NUMBER_LIMIT},}}", text):
        return None
    if found := _REPORT.fullmatch(text):
        job, code, script, challenge = found.groups()
        return JobReport(int(job), int(code), None if script == "N" else int(script), challenge)
    if found := _LAUNCH.fullmatch(text):
        return LaunchJob(int(found[1]))
    if found := _EXTERMINATE.fullmatch(text):
        return ExterminateJob(int(found[1]))
    word = text.split(" ", 1)[0] if text else ""
    try:
        return Hint(word)
    except ValueError:
        return None


def parse_json(text: str | bytes) -> Message | None:
    """Read one JSON message as OAR 3's commands send it; None when it means nothing to us."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("cmd"), str):
        return None
    words = [value["cmd"], *([str(value["job_id"])] if "job_id" in value else [])]
    arguments = value.get("args") or []
    if isinstance(arguments, list):
        words += [str(argument) for argument in arguments]
    known = parse_line("_".join(words)) if len(words) > 1 else None
    return known if known is not None else parse_line(value["cmd"])


def to_json(message: Message) -> bytes:
    """Spell a message for the ZeroMQ socket."""
    word = message.value if isinstance(message, Hint) else message.to_line()
    return json.dumps({"cmd": word}).encode()
