"""What is said to an oarsub that waits for its job; the lines are OAR 2's, and an API. Pure."""

from dataclasses import dataclass

from oar.core.durations import format_date
from oar.core.states import JobState, ReservationState

STARTING = "Starting..."
GOOD_JOB = "GOOD JOB"
GOOD_RESERVATION = "GOOD RESERVATION"
BAD_JOB = "BAD JOB"
JOB_KILLED = "JOB KILLED"
NODES_SILENT = "ERROR: some resources did not respond"
FIRST_NODE_FAILED = "ERROR: an error occured on the first job node"
PROLOGUE_TIMED_OUT = "ERROR: SERVER PROLOGUE timed out"
PROLOGUE_FAILED = "ERROR: SERVER PROLOGUE returned a bad value"
HELD = "Start prediction: undefined (Hold)"
LONGEST_LINE = 1024
"""Bytes that a client reads of one line."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an oarsub listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Client:
    """A job, and where somebody waits for it; ``address`` is None when nobody does.

    ``planned`` is the date of its start in the plan, epoch seconds, None without one.
    """

    job_id: int
    address: Address | None
    state: JobState
    interactive: bool
    reservation: ReservationState
    message: str
    planned: int | None = None

    @property
    def is_told_its_start(self) -> bool:
        """Tell whether this is a job whose terminal waits for it to start."""
        return self.interactive and self.reservation is ReservationState.NONE


def read_address(info_type: str | None) -> Address | None:
    """Read ``host:port`` as it stands in ``jobs.info_type``; None when it names no port."""
    host, _, port = (info_type or "").rpartition(":")
    if not host or not port.isdecimal() or not port.isascii() or not 0 < int(port) < 65536:
        return None
    return Address(host, int(port))


def lines_for(client: Client, now: int) -> tuple[str, ...]:
    """Say what the state of its job has to tell a client; each line goes over a connection of its own."""
    if client.state is JobState.TO_ACK_RESERVATION:
        return (GOOD_RESERVATION,)
    if client.state is JobState.TO_ERROR:
        return _in_one_line(client.message), BAD_JOB
    if client.state is JobState.ERROR:
        return (JOB_KILLED,)
    if not client.is_told_its_start:
        return ()
    if client.state is JobState.WAITING:
        return () if client.planned is None else (_prediction(client, client.planned, now),)
    return _OF_INTERACTIVE_JOBS.get(client.state, ())


_OF_INTERACTIVE_JOBS = {
    JobState.HOLD: (HELD,),
    JobState.LAUNCHING: (STARTING,),
    JobState.RUNNING: (GOOD_JOB,),
}


def is_last(line: str) -> bool:
    """Tell whether a line means that the job waits no longer."""
    return line in (GOOD_JOB, BAD_JOB, JOB_KILLED, GOOD_RESERVATION) or line.startswith("ERROR")


def without_date(line: str) -> str:
    """Take off the date that a prediction begins with: two that differ in nothing else say the same."""
    return line.partition("] ")[2] if line.startswith("[") else line


def _prediction(client: Client, planned: int, now: int) -> str:
    # A place whose date is past is one that is due now.
    start = format_date(max(planned, now))
    return f"[{format_date(now)}] Start prediction: {start} ({_in_one_line(client.message)})"


def _in_one_line(text: str) -> str:
    return " ".join(text.split())
