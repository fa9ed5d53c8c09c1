"""Jobs that start on nodes which are not Alive, by their types. Pure."""

from oar.core.job import WaitingJob

STANDBY_TYPES = ("noop", "cosystem", "deploy")
"""Jobs of these types start on nodes that sleep, when the type has the value ``standby``."""


def is_permissive(job: WaitingJob) -> bool:
    """Tell whether the job does nothing on its nodes and takes them in any state."""
    return job.types.get("state") == "permissive" and not {"noop", "cosystem"}.isdisjoint(job.types)


def takes_standby(job: WaitingJob) -> bool:
    """Tell whether the job starts on nodes that sleep."""
    return any(job.types.get(name) == "standby" for name in STANDBY_TYPES)


def takes_any_state(job: WaitingJob) -> bool:
    """Tell whether some resource of the job need not be Alive when it starts."""
    return is_permissive(job) or takes_standby(job)
