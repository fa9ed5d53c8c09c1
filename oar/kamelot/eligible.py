"""Which resources a job may be planned on, by their state."""

from oar.core.job import WaitingJob
from oar.core.states import NodeState, ReservationState
from oar.kamelot.occupation import Rules
from oar.kamelot.platform import Platform


class Eligible:
    """The usable resources of one round.

    Ordinary jobs use Alive resources, and Absent ones that energy saving can wake; jobs of type
    ``state=permissive`` and reservations also Absent and Suspected ones, which may come back in time.
    """

    def __init__(self, platform: Platform, rules: Rules, now: int) -> None:
        alive = platform.in_state(NodeState.ALIVE)
        absent = platform.in_state(NodeState.ABSENT)
        self._ordinary = alive
        if rules.energy_saving and absent:
            self._ordinary |= platform.standby(now)
        self._lenient = alive | absent | platform.in_state(NodeState.SUSPECTED)

    def resources(self, job: WaitingJob) -> int:
        """Tell the ranks of the resources that the job may use."""
        reserves = job.reservation is not ReservationState.NONE
        if reserves or job.types.get("state") == "permissive":
            return self._lenient
        return self._ordinary
