"""Incidents worth keeping, and what each one condemns: the job, its nodes, the queues."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from types import MappingProxyType

from oar.core.job_life import JobSignal


class EventKind(StrEnum):
    """The words kept in ``event_logs.type``; 50 characters at most."""

    SWITCH_INTO_TERMINATE_STATE = "SWITCH_INTO_TERMINATE_STATE"
    SWITCH_INTO_ERROR_STATE = "SWITCH_INTO_ERROR_STATE"
    FORCE_TERMINATE_FINISHING_JOB = "FORCE_TERMINATE_FINISHING_JOB"
    PING_CHECKER_NODE_SUSPECTED = "PING_CHECKER_NODE_SUSPECTED"
    PING_CHECKER_NODE_SUSPECTED_END_JOB = "PING_CHECKER_NODE_SUSPECTED_END_JOB"
    CPUSET_ERROR = "CPUSET_ERROR"
    CPUSET_CLEAN_ERROR = "CPUSET_CLEAN_ERROR"
    PROLOGUE_ERROR = "PROLOGUE_ERROR"
    EPILOGUE_ERROR = "EPILOGUE_ERROR"
    CANNOT_WRITE_NODE_FILE = "CANNOT_WRITE_NODE_FILE"
    CANNOT_WRITE_PID_FILE = "CANNOT_WRITE_PID_FILE"
    USER_SHELL = "USER_SHELL"
    CANNOT_CREATE_TMP_DIRECTORY = "CANNOT_CREATE_TMP_DIRECTORY"
    LAUNCHING_OAREXEC_TIMEOUT = "LAUNCHING_OAREXEC_TIMEOUT"
    SSH_TRANSFER_TIMEOUT = "SSH_TRANSFER_TIMEOUT"
    BAD_HASHTABLE_DUMP = "BAD_HASHTABLE_DUMP"
    EXIT_VALUE_OAREXEC = "EXIT_VALUE_OAREXEC"
    EXTERMINATE_JOB = "EXTERMINATE_JOB"
    RESERVATION_NO_NODE = "RESERVATION_NO_NODE"
    SUSPEND_ERROR = "SUSPEND_ERROR"
    RESUME_ERROR = "RESUME_ERROR"
    SERVER_PROLOGUE_TIMEOUT = "SERVER_PROLOGUE_TIMEOUT"
    SERVER_PROLOGUE_EXIT_CODE_ERROR = "SERVER_PROLOGUE_EXIT_CODE_ERROR"
    SERVER_EPILOGUE_TIMEOUT = "SERVER_EPILOGUE_TIMEOUT"
    SERVER_EPILOGUE_EXIT_CODE_ERROR = "SERVER_EPILOGUE_EXIT_CODE_ERROR"
    HOLD_WAITING_JOB = "HOLD_WAITING_JOB"
    HOLD_RUNNING_JOB = "HOLD_RUNNING_JOB"
    RESUME_JOB = "RESUME_JOB"
    RESUME_GRANTED = "RESUME_GRANTED"
    FRAG_JOB_REQUEST = "FRAG_JOB_REQUEST"

    SEND_KILL_JOB = "SEND_KILL_JOB"
    WALLTIME = "WALLTIME"
    CHECKPOINT = "CHECKPOINT"
    CHECKPOINT_SUCCESSFULL = "CHECKPOINT_SUCCESSFULL"
    CHECKPOINT_ERROR = "CHECKPOINT_ERROR"
    CHECKPOINT_TIMEOUT = "CHECKPOINT_TIMEOUT"
    SIG_SUCCESS = "SIG_SUCCESS"
    SIG_ERROR = "SIG_ERROR"
    ADD_BESTEFFORT_JOB_TYPE = "ADD_BESTEFFORT_JOB_TYPE"
    DELETE_BESTEFFORT_JOB_TYPE = "DELETE_BESTEFFORT_JOB_TYPE"
    BESTEFFORT_KILL = "BESTEFFORT_KILL"
    RESUBMIT_JOB_AUTOMATICALLY = "RESUBMIT_JOB_AUTOMATICALLY"
    REDUCE_RESERVATION_WALLTIME = "REDUCE_RESERVATION_WALLTIME"
    SCHEDULER_REDUCE_NB_NODES_FOR_RESERVATION = "SCHEDULER_REDUCE_NB_NODES_FOR_RESERVATION"
    GET_RESOURCES_BACK_FOR_RESERVATION = "GET_RESOURCES_BACK_FOR_RESERVATION"
    UNABLE_TO_GET_RESOURCE_BACK_FOR_RESERVATION = "UNABLE_TO_GET_RESOURCE_BACK_FOR_RESERVATION"
    CANNOT_NOTIFY_OARSUB = "CANNOT_NOTIFY_OARSUB"
    LOST_SESSION = "LOST_SESSION"
    FINAUD_ERROR = "FINAUD_ERROR"
    FINAUD_RECOVER = "FINAUD_RECOVER"
    LOG_SUSPECTED = "LOG_SUSPECTED"
    HALT_NODE = "HALT_NODE"
    WAKEUP_NODE = "WAKEUP_NODE"
    USER_MAIL_NOTIFICATION = "USER_MAIL_NOTIFICATION"
    USER_EXEC_NOTIFICATION = "USER_EXEC_NOTIFICATION"
    USER_EXEC_NOTIFICATION_ERROR = "USER_EXEC_NOTIFICATION_ERROR"
    WORKING_DIRECTORY = "WORKING_DIRECTORY"
    OUTPUT_FILES = "OUTPUT_FILES"
    CPUSET_MANAGER_FILE = "CPUSET_MANAGER_FILE"
    SUSPEND_RESUME_MANAGER_FILE = "SUSPEND_RESUME_MANAGER_FILE"
    SUSPEND_SCRIPT_ERROR = "SUSPEND_SCRIPT_ERROR"
    RESUME_SCRIPT_ERROR = "RESUME_SCRIPT_ERROR"
    BIPBIP_CHALLENGE = "BIPBIP_CHALLENGE"
    WALLTIME_REQUEST = "WALLTIME_REQUEST"
    WALLTIME_REQUEST_CANCELLATION = "WALLTIME_REQUEST_CANCELLATION"
    SCHEDULER_PRIORITY_UPDATED_START = "SCHEDULER_PRIORITY_UPDATED_START"
    SCHEDULER_PRIORITY_UPDATED_STOP = "SCHEDULER_PRIORITY_UPDATED_STOP"
    SCHEDULER_FAILED = "SCHEDULER_FAILED"
    QUEUE_NOT_ACTIVE = "QUEUE_NOT_ACTIVE"
    NODE_SUSPECTED = "NODE_SUSPECTED"
    TELL_ADMINISTRATORS = "TELL_ADMINISTRATORS"


class Suspects(Enum):
    """Which nodes an event condemns; the value is the word that the documentation uses."""

    NOBODY = "-"
    LISTED = "nodes of the event"
    FIRST = "first node of the job"
    ALL = "all nodes of the job"
    ALL_UNCLEANED = "all nodes of the job, where no cgroup was cleaned"


class Resubmits(Enum):
    """Whether a copy of the job is submitted in its place."""

    NO = "-"
    YES = "yes"
    WHEN_IDEMPOTENT = "idempotent job that asked for it"


@dataclass(frozen=True, slots=True)
class Consequence:
    """What an event condemns.

    ``by_checker`` lets the node checker lift the suspicion; ``spares_reservations`` leaves an advance
    reservation that was given resources alone, since it goes on with the nodes that are left.
    """

    job_signal: JobSignal | None = None
    suspects: Suspects = Suspects.NOBODY
    by_checker: bool = False
    resubmits: Resubmits = Resubmits.NO
    stops_queues: bool = False
    spares_reservations: bool = False


_START_FAILED = Consequence(JobSignal.FAIL, Suspects.FIRST, resubmits=Resubmits.YES)
_START_GARBLED = Consequence(JobSignal.FAIL, Suspects.FIRST)
_LISTED = Consequence(suspects=Suspects.LISTED)

CONSEQUENCES: Mapping[EventKind, Consequence] = MappingProxyType(
    {
        EventKind.SWITCH_INTO_TERMINATE_STATE: Consequence(
            JobSignal.TERMINATE, resubmits=Resubmits.WHEN_IDEMPOTENT
        ),
        EventKind.SWITCH_INTO_ERROR_STATE: Consequence(JobSignal.FAIL, resubmits=Resubmits.WHEN_IDEMPOTENT),
        EventKind.FORCE_TERMINATE_FINISHING_JOB: Consequence(JobSignal.FAIL, Suspects.ALL),
        EventKind.PING_CHECKER_NODE_SUSPECTED: Consequence(
            JobSignal.FAIL,
            Suspects.LISTED,
            by_checker=True,
            resubmits=Resubmits.YES,
            spares_reservations=True,
        ),
        EventKind.CPUSET_ERROR: Consequence(
            JobSignal.FAIL, Suspects.LISTED, resubmits=Resubmits.YES, spares_reservations=True
        ),
        EventKind.PROLOGUE_ERROR: _START_FAILED,
        EventKind.CANNOT_WRITE_NODE_FILE: _START_FAILED,
        EventKind.CANNOT_WRITE_PID_FILE: _START_FAILED,
        EventKind.USER_SHELL: _START_FAILED,
        EventKind.CANNOT_CREATE_TMP_DIRECTORY: _START_FAILED,
        EventKind.LAUNCHING_OAREXEC_TIMEOUT: _START_FAILED,
        EventKind.SSH_TRANSFER_TIMEOUT: _START_GARBLED,
        EventKind.BAD_HASHTABLE_DUMP: _START_GARBLED,
        EventKind.EXIT_VALUE_OAREXEC: _START_GARBLED,
        EventKind.EXTERMINATE_JOB: Consequence(JobSignal.FAIL, Suspects.ALL_UNCLEANED),
        EventKind.RESERVATION_NO_NODE: Consequence(JobSignal.FAIL),
        EventKind.CPUSET_CLEAN_ERROR: Consequence(JobSignal.TERMINATE, Suspects.LISTED),
        EventKind.EPILOGUE_ERROR: Consequence(JobSignal.TERMINATE, Suspects.FIRST),
        EventKind.PING_CHECKER_NODE_SUSPECTED_END_JOB: Consequence(suspects=Suspects.LISTED, by_checker=True),
        EventKind.SUSPEND_ERROR: _LISTED,
        EventKind.RESUME_ERROR: _LISTED,
        EventKind.SERVER_PROLOGUE_TIMEOUT: Consequence(
            JobSignal.FAIL, resubmits=Resubmits.YES, stops_queues=True
        ),
        EventKind.SERVER_PROLOGUE_EXIT_CODE_ERROR: Consequence(
            JobSignal.FAIL, resubmits=Resubmits.YES, stops_queues=True
        ),
        EventKind.SERVER_EPILOGUE_TIMEOUT: Consequence(JobSignal.FAIL, stops_queues=True),
        EventKind.SERVER_EPILOGUE_EXIT_CODE_ERROR: Consequence(JobSignal.FAIL, stops_queues=True),
        EventKind.HOLD_WAITING_JOB: Consequence(JobSignal.HOLD),
        EventKind.HOLD_RUNNING_JOB: Consequence(JobSignal.HOLD),
        EventKind.RESUME_JOB: Consequence(JobSignal.RESUME),
        EventKind.RESUME_GRANTED: Consequence(JobSignal.RESUMED),
        EventKind.FRAG_JOB_REQUEST: Consequence(),
    }
)
"""Every event that is an order; all others are records."""

_OAREXEC: Mapping[int, tuple[EventKind, ...]] = MappingProxyType(
    {
        0: (EventKind.SWITCH_INTO_TERMINATE_STATE,),
        1: (EventKind.PROLOGUE_ERROR,),
        2: (EventKind.EPILOGUE_ERROR,),
        3: (EventKind.SWITCH_INTO_ERROR_STATE,),
        4: (EventKind.SWITCH_INTO_ERROR_STATE, EventKind.EPILOGUE_ERROR),
        5: (EventKind.CANNOT_WRITE_NODE_FILE,),
        6: (EventKind.CANNOT_WRITE_PID_FILE,),
        7: (EventKind.USER_SHELL,),
        8: (EventKind.CANNOT_CREATE_TMP_DIRECTORY,),
        10: (EventKind.SWITCH_INTO_ERROR_STATE, EventKind.WORKING_DIRECTORY),
        12: (EventKind.SWITCH_INTO_ERROR_STATE, EventKind.WORKING_DIRECTORY, EventKind.EPILOGUE_ERROR),
        20: (EventKind.SWITCH_INTO_ERROR_STATE, EventKind.OUTPUT_FILES),
        22: (EventKind.SWITCH_INTO_ERROR_STATE, EventKind.OUTPUT_FILES, EventKind.EPILOGUE_ERROR),
        30: (EventKind.SSH_TRANSFER_TIMEOUT,),
        31: (EventKind.BAD_HASHTABLE_DUMP,),
        33: (EventKind.SWITCH_INTO_TERMINATE_STATE, EventKind.EPILOGUE_ERROR),
        34: (EventKind.SWITCH_INTO_TERMINATE_STATE,),
        40: (EventKind.SWITCH_INTO_TERMINATE_STATE,),
        41: (EventKind.SWITCH_INTO_TERMINATE_STATE, EventKind.EPILOGUE_ERROR),
        42: (EventKind.SWITCH_INTO_TERMINATE_STATE,),
        50: (EventKind.LAUNCHING_OAREXEC_TIMEOUT,),
    }
)


def events_of_oarexec_code(code: int) -> tuple[EventKind, ...]:
    """Say which events the end of oarexec with this exit code is worth, in the order to record them."""
    return _OAREXEC.get(code, (EventKind.EXIT_VALUE_OAREXEC,))


def is_order(kind: str) -> bool:
    """Tell whether an event must be acted on; kinds that nobody knows are records."""
    return kind in CONSEQUENCES


_SIGNAL = "SIGNAL_"


def signal_event(signal: int) -> str:
    """Name the event of a user signal, such as ``SIGNAL_10``."""
    return f"{_SIGNAL}{signal}"


def orders_signal(kind: str) -> bool:
    """Tell whether an event has a signal sent to a job's command."""
    return kind == EventKind.CHECKPOINT or kind.startswith(_SIGNAL)


def signal_of_event(kind: str) -> int | None:
    """Tell the number of the user signal that an event orders; None for the job's checkpoint signal.

    OAR 2 may have written a name there: 0 stands for what is no number.
    """
    if kind == EventKind.CHECKPOINT:
        return None
    number = kind.removeprefix(_SIGNAL)
    return int(number) if number.isdecimal() else 0


@dataclass(frozen=True, slots=True)
class Event:
    """An incident as it was recorded; ``job_id`` is 0 when no job is concerned."""

    event_id: int
    kind: str
    job_id: int
    date: int
    description: str = ""
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Condemned:
    """What the application of an event has to know of its job."""

    interactive: bool = False
    reservation: bool = False
    assigned: bool = False
    on_frontend: bool = False
    resubmission: bool = False


def consequence_for(kind: str, job: Condemned, with_cgroups: bool) -> Consequence:
    """Say what an event condemns, given the job it is about.

    * An advance reservation that holds resources goes on without the nodes it lost.
    * A job of type deploy or cosystem runs on a frontend: no failure there says anything about its
      nodes, and none is cured by a second try.
    * A copy that fails to start as its original did has shown that the job is at fault: it condemns no
      further node.
    * With cgroups, the cleaning tells which nodes did not obey; nothing is guessed.
    """
    found = CONSEQUENCES[EventKind(kind)]
    signal, suspects, resubmits = found.job_signal, found.suspects, found.resubmits
    if found.spares_reservations and job.reservation and job.assigned:
        signal = None
    if job.on_frontend and suspects is not Suspects.LISTED:
        suspects = Suspects.NOBODY
    if suspects is Suspects.FIRST and job.resubmission:
        suspects = Suspects.NOBODY
    if suspects is Suspects.ALL_UNCLEANED:
        suspects = Suspects.NOBODY if with_cgroups else Suspects.ALL
    if job.interactive or job.reservation or job.on_frontend:
        resubmits = Resubmits.NO
    return Consequence(signal, suspects, found.by_checker, resubmits, found.stops_queues)


IDEMPOTENT_STATUS = 99
"""The exit status by which a job of type idempotent asks to be run again."""
IDEMPOTENT_LEAST_S = 60
"""A job that ran no longer than this many seconds is not run again, whatever its status."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job ended, as far as running it again depends on it.

    ``exit_code`` is a raw wait status; ``evicted`` tells that a besteffort job was killed to make room.
    """

    idempotent: bool
    killed: bool
    exit_code: int | None
    ran_s: int
    evicted: bool = False


def asks_to_run_again(job: Ended) -> bool:
    """Tell whether an ended job is one of type idempotent that wants to be submitted again."""
    if not job.idempotent or job.evicted:
        return job.idempotent
    return (
        not job.killed
        and job.exit_code is not None
        and job.exit_code >> 8 == IDEMPOTENT_STATUS
        and job.ran_s > IDEMPOTENT_LEAST_S
    )
