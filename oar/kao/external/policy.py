"""Which schedulers are other programs, and where they are. Pure."""

from pathlib import PurePosixPath

from oar.kamelot import STRICT_POLICY

USUAL_POLICY = "kamelot"
OF_OAR2 = "oar_sched_gantt_with_timesharing"
"""How the names of all schedulers begin that come with OAR 2; kamelot stands in for them."""

DEFAULT_OARDIR = "/usr/lib/oar"


def is_foreign(policy: str) -> bool:
    """Tell whether the scheduler of a queue is a program of its own."""
    return bool(policy) and policy not in (USUAL_POLICY, STRICT_POLICY) and not policy.startswith(OF_OAR2)


def schedulers_folder(setting: str, oardir: str | None) -> PurePosixPath:
    """Tell where the programs are: SCHEDULERS_PATH, or else ``schedulers`` in ``$OARDIR``."""
    return PurePosixPath(setting) if setting else PurePosixPath(oardir or DEFAULT_OARDIR) / "schedulers"
