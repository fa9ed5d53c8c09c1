"""Who may be on the same resources at the same time: time sharing, and places kept for others."""

from dataclasses import dataclass

from oar.core.any_state import takes_any_state
from oar.core.job import RunningJob, WaitingJob

ANY = "*"
"""In a pair: every user, or every name."""

WAKING = "(waking)"
"""The placeholder that keeps nodes which sleep until they can be used; jobs that start there are allowed."""

Pair = tuple[str, str]
"""The user and the job name that jobs must have in common to share resources, or ``ANY``."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """With whom a job shares its resources.

    Jobs of equal ``pair`` share with one another. A job that has a placeholder's name among ``allowed`` may
    be placed over it; for all others, and for its own place, a placeholder is a job like any. A job that
    starts on nodes that sleep is placed over ``WAKING``.
    """

    pair: Pair | None = None
    placeholder: str | None = None
    allowed: frozenset[str] = frozenset()

    def may_overlap(self, drawn: "Sharing") -> bool:
        """Tell whether a job that is being placed may use the resources of one that is drawn already."""
        same_pair = self.pair is not None and self.pair == drawn.pair
        return same_pair or (drawn.placeholder is not None and drawn.placeholder in self.allowed)


ALONE = Sharing()
UNTIL_AWAKE = Sharing(placeholder=WAKING)
"""How nodes are taken that sleep or wake up."""


def sharing_of(job: WaitingJob | RunningJob) -> Sharing:
    """Read the job's types; a container shares with nobody, whatever its types say."""
    types = job.types
    if not types or "container" in types:
        return ALONE
    allowed = frozenset(types[word] for word in ("allowed", "allow") if word in types)
    if isinstance(job, WaitingJob) and takes_any_state(job):
        allowed |= {WAKING}
    pair = _pair(types["timesharing"], job) if "timesharing" in types else None
    return Sharing(pair, types.get("placeholder"), allowed)


def _pair(words: str, job: WaitingJob | RunningJob) -> Pair | None:
    """Resolve ``user,name`` and the like, in either order; words that mean nothing share nothing."""
    wanted = {word.strip() for word in words.split(",")} - {ANY, ""}
    if not wanted <= {"user", "name"}:
        return None
    user = job.user if "user" in wanted else ANY
    name = job.name if "name" in wanted and job.name else ANY
    return user, name
