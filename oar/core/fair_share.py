"""What was asked and used in the past, by whom: what a fair share is measured with."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PastUse:
    """Resource-seconds of a period, by user and by project; who is missing had none."""

    used_by_user: Mapping[str, int] = field(default_factory=dict)
    used_by_project: Mapping[str, int] = field(default_factory=dict)
    asked_by_user: Mapping[str, int] = field(default_factory=dict)

    @property
    def used(self) -> int:
        """What all users together used."""
        return sum(self.used_by_user.values())

    @property
    def asked(self) -> int:
        """What all users together asked for."""
        return sum(self.asked_by_user.values())


def together(uses: Iterable[PastUse]) -> PastUse:
    """Add up the past use of several queues."""
    used, projects, asked = Counter[str](), Counter[str](), Counter[str]()
    for one in uses:
        used.update(one.used_by_user)
        projects.update(one.used_by_project)
        asked.update(one.asked_by_user)
    return PastUse(used, projects, asked)
