"""Which order each queue has, and what comes of it for the jobs of a group of queues."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from oar.core.fair_share import together
from oar.core.job import JobId, WaitingJob
from oar.kao.model import QueueView, World
from oar.kao.order.facts import JobOrder, OrderFacts
from oar.kao.order.fair_share import FairShare
from oar.kao.order.fifo import Fifo

BY_FAIR_SHARE = "and_fairsharing"
"""Part of the names of those schedulers of OAR 2 that sort by karma."""
FIRST_COME = Fifo()


@dataclass(frozen=True, slots=True)
class Orders:
    """The orders of an installation: ``everywhere``, or else what the policy of each queue says."""

    everywhere: JobOrder | None = None
    fair_share: FairShare = field(default_factory=FairShare)

    def of(self, queue: QueueView) -> JobOrder:
        """Tell the order of a queue's jobs."""
        if self.everywhere is not None:
            return self.everywhere
        return self.fair_share if BY_FAIR_SHARE in queue.policy else FIRST_COME

    def past_window_s(self, queues: Iterable[QueueView]) -> int:
        """Tell for how many seconds back the use must be known for these queues; 0 when it need not be."""
        return max((self.of(queue).past_window_s for queue in queues if queue.active), default=0)


BY_POLICY = Orders()
"""No order is set: each queue's policy says it."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """What becomes of the jobs of a group of queues.

    ``jobs`` are to be planned in this order; ``left_out`` says of each other job why a round does not look
    at it. ``karma`` has six significant digits, as many as the database keeps. ``complaints`` are about
    orders that failed, whose jobs are in ``jobs`` by their id.
    """

    jobs: tuple[WaitingJob, ...] = ()
    left_out: Mapping[JobId, str] = field(default_factory=dict)
    karma: Mapping[JobId, float] = field(default_factory=dict)
    complaints: tuple[str, ...] = ()


UNRANKED = Ranking()
"""Of no job at all."""


def rank(orders: Orders, world: World, queues: Sequence[QueueView], jobs: Sequence[WaitingJob]) -> Ranking:
    """Sort the jobs of some queues of equal priority.

    Queues with the same order are sorted together, the others one after the other by their names.
    """
    parts = []
    for order, alike in _alike(orders, queues):
        names = {queue.name for queue in alike}
        past = together(use for name, use in world.past_use.items() if name in names)
        facts = OrderFacts(world.now, world.platform, alike, past)
        if of_them := [job for job in jobs if job.queue in names]:
            parts.append(_rank_alike(order, of_them, facts))
    return combine(parts)


def combine(rankings: Iterable[Ranking]) -> Ranking:
    """Put several rankings behind each other."""
    parts = tuple(rankings)
    return Ranking(
        tuple(job for part in parts for job in part.jobs),
        {job_id: words for part in parts for job_id, words in part.left_out.items()},
        {job_id: karma for part in parts for job_id, karma in part.karma.items()},
        tuple(words for part in parts for words in part.complaints),
    )


def _alike(orders: Orders, queues: Sequence[QueueView]) -> Iterator[tuple[JobOrder, tuple[QueueView, ...]]]:
    groups: list[tuple[JobOrder, list[QueueView]]] = []
    for queue in sorted(queues, key=lambda queue: queue.name):
        order = orders.of(queue)
        for known, group in groups:
            if known is order:
                group.append(queue)
                break
        else:
            groups.append((order, [queue]))
    for order, group in groups:
        yield order, tuple(group)


def _rank_alike(order: JobOrder, jobs: Sequence[WaitingJob], facts: OrderFacts) -> Ranking:
    try:
        looked_at, left_out = _oldest(jobs, order.jobs_per_user)
        karma = {job_id: _as_kept(karma) for job_id, karma in order.karma(jobs, facts).items()}
        return Ranking(order.sort(looked_at, facts), left_out, karma)
    except (Exception, SystemExit) as problem:  # noqa: BLE001 - an order of a site never stops a round
        names = ", ".join(queue.name for queue in facts.queues)
        words = " ".join(f"{type(problem).__name__}: {problem}".split())
        complaint = f"the order of jobs failed, {words}; jobs of {names} are planned by their id this time"
        return Ranking(FIRST_COME.sort(jobs, facts), complaints=(complaint,))


def _as_kept(karma: float) -> float:
    """Round to what a REAL of the database holds exactly, so that it is the same when it is read again."""
    return float(f"{max(-1e30, min(1e30, round(karma, 6))):.6g}")


def _oldest(jobs: Sequence[WaitingJob], most: int) -> tuple[list[WaitingJob], dict[JobId, str]]:
    """Take at most so many jobs of each user, 0 for all of them; say to the others why not."""
    if not most:
        return list(jobs), {}
    looked_at, left_out = [], {}
    of_user = Counter[str]()
    for job in sorted(jobs, key=lambda job: job.job_id):
        of_user[job.user] += 1
        if of_user[job.user] <= most:
            looked_at.append(job)
        else:
            # The same words while it waits: a count would be written anew whenever another one starts.
            left_out[job.job_id] = f"one round plans no more than {most} jobs of {job.user}, the oldest ones"
    return looked_at, left_out
