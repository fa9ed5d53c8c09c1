"""Which orders to nodes are sent when, and what becomes of them. Pure.

The orders are in the database; here is only remembered what was tried for each since the server started. Of
several orders to one node the oldest comes first. Dates are seconds of the database's clock.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from oar.core.energy import OrderKind
from oar.setting_kinds import Patience


@dataclass(frozen=True, slots=True)
class Order:
    """An order to a node; ``sleeps`` tells whether the node is, or will be, Absent."""

    event_id: int
    kind: OrderKind
    node: str
    sleeps: bool


@dataclass(frozen=True, slots=True)
class Manners:
    """How orders are carried out.

    ``window_size`` nodes at once, a window ``window_s`` after the other began; None for all at once. With
    ``strict``, a node whose command fails is suspected. No node is woken within ``halt_s`` of its halt.
    """

    window_size: int | None
    window_s: int
    strict: bool
    halt_s: int
    retries: int
    wakeup_timeout: Patience


@dataclass(frozen=True, slots=True)
class Findings:
    """What is to be recorded: orders that are over, and nodes to suspect, with the words why."""

    close: tuple[int, ...] = ()
    suspect: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Tell whether there is anything."""
        return bool(self.close or self.suspect)


class Progress(Enum):
    """How far a try has come."""

    QUEUED = auto()
    RUNNING = auto()
    SENT = auto()
    FAILED = auto()


@dataclass(slots=True)
class _Try:
    """What was tried for one order; ``found`` tells that a server before may have sent it already."""

    progress: Progress = Progress.QUEUED
    count: int = 1
    sent_at: int = 0
    timeout_s: int = 0
    words: str = ""
    found: bool = False


class Desk:
    """Takes orders, gives windows of them to be sent, hears what came of each."""

    def __init__(self, manners: Manners) -> None:
        self._manners = manners
        self._tries: dict[int, _Try] = {}
        self._orders: dict[int, Order] = {}
        self._queues: dict[OrderKind, deque[int]] = {kind: deque() for kind in OrderKind}
        self._begun_at: dict[OrderKind, int | None] = dict.fromkeys(OrderKind)
        self._running: dict[OrderKind, set[int]] = {kind: set() for kind in OrderKind}
        self._is_first_look = True

    def look(self, orders: Sequence[Order], halted_at: Mapping[str, int], now: int) -> Findings:
        """Take the open orders, oldest first; tell which are over. ``halted_at`` dates the last halts."""
        self._forget(orders)
        self._follow_clock(now)
        close: list[int] = []
        suspect: dict[str, str] = {}
        seen: set[str] = set()
        for order in orders:
            if order.node not in seen:
                seen.add(order.node)
                self._orders[order.event_id] = order
                over = self._judge(order, halted_at.get(order.node), now)
                if over is not None:
                    close.append(order.event_id)
                    if over:
                        suspect[order.node] = over
        self._is_first_look = False
        for event_id in close:
            self._drop_queued(event_id)
        return Findings(tuple(close), suspect)

    def take(self, now: int) -> tuple[tuple[Order, ...], ...]:
        """Give the windows that are sent now: at most one of each kind, and never two of one at a time."""
        return tuple(window for kind in OrderKind if (window := self._take(kind, now)))

    def done(self, order: Order, trouble: str) -> None:
        """Note that the command for an order has ended; ``trouble`` says what was wrong, "" nothing."""
        self._running[order.kind].discard(order.event_id)
        tried = self._tries.get(order.event_id)
        if tried is not None:
            tried.progress, tried.words = (Progress.FAILED if trouble else Progress.SENT), trouble

    def _judge(self, order: Order, halted_at: int | None, now: int) -> str | None:
        """Bring an order further; tell when it is over: "" if well, else why its node is suspected."""
        tried = self._tries.get(order.event_id)
        if tried is not None and tried.progress is Progress.RUNNING:
            return None
        if not order.sleeps:
            return ""  # it came back, or somebody wants it alive: nothing is left to do
        if tried is None:
            if not self._is_too_soon(order, halted_at, now):
                self._queue(order, _Try(found=self._is_first_look))
            return None
        if tried.progress is Progress.FAILED:
            return self._after_failure(order, tried)
        if tried.progress is Progress.SENT:
            return "" if order.kind is OrderKind.HALT else self._after_wait(order, tried, now)
        return None

    def _is_too_soon(self, order: Order, halted_at: int | None, now: int) -> bool:
        is_going_down = halted_at is not None and halted_at <= now < halted_at + self._manners.halt_s
        return order.kind is OrderKind.WAKE and is_going_down

    def _after_failure(self, order: Order, tried: _Try) -> str | None:
        """Try again, or give up. A halt that was sent twice may well fail: the node is down already."""
        if tried.count <= self._manners.retries:
            self._again(order, tried)
            return None
        if order.kind is OrderKind.HALT and tried.found:
            return ""
        if self._manners.strict:
            return f"the command of {order.kind} failed: {tried.words}"
        if order.kind is OrderKind.HALT:
            return ""
        tried.progress = Progress.SENT  # one command for many nodes: only time tells which of them come
        return None

    def _after_wait(self, order: Order, tried: _Try, now: int) -> str | None:
        if now < tried.sent_at + tried.timeout_s:
            return None
        if tried.count <= self._manners.retries:
            self._again(order, tried)
            return None
        return f"not Alive {tried.timeout_s} s after it was woken up"

    def _again(self, order: Order, tried: _Try) -> None:
        self._queue(order, _Try(count=tried.count + 1, found=tried.found))

    def _queue(self, order: Order, tried: _Try) -> None:
        self._tries[order.event_id] = tried
        self._queues[order.kind].append(order.event_id)

    def _take(self, kind: OrderKind, now: int) -> tuple[Order, ...]:
        queue, size, begun_at = self._queues[kind], self._manners.window_size, self._begun_at[kind]
        is_early = size is not None and begun_at is not None and now < begun_at + self._manners.window_s
        if not queue or self._running[kind] or is_early:
            return ()
        count = len(queue) if size is None else min(size, len(queue))
        window = [self._orders[queue.popleft()] for _ in range(count)]
        self._begun_at[kind] = now
        waking = sum(1 for one in self._orders.values() if one.kind is OrderKind.WAKE)
        for order in window:
            tried = self._tries[order.event_id]
            tried.progress, tried.sent_at = Progress.RUNNING, now
            tried.timeout_s = self._manners.wakeup_timeout.for_nodes(waking)
        self._running[kind] = {order.event_id for order in window}
        return tuple(window)

    def _follow_clock(self, now: int) -> None:
        """Begin all waits anew that began in what is the future now: the clock was set back."""
        for tried in self._tries.values():
            tried.sent_at = min(tried.sent_at, now)
        for kind, begun_at in self._begun_at.items():
            if begun_at is not None:
                self._begun_at[kind] = min(begun_at, now)

    def _drop_queued(self, event_id: int) -> None:
        tried = self._tries.get(event_id)
        if tried is not None and tried.progress is Progress.QUEUED:
            del self._tries[event_id]
            for queue in self._queues.values():
                if event_id in queue:
                    queue.remove(event_id)

    def _forget(self, orders: Iterable[Order]) -> None:
        """Drop what is known of orders that are over; those whose command runs are kept until it ends."""
        kept = {order.event_id for order in orders}.union(*self._running.values())
        for event_id in self._tries.keys() - kept:
            del self._tries[event_id]
        for event_id in self._orders.keys() - kept:
            del self._orders[event_id]
        for kind, queue in self._queues.items():
            self._queues[kind] = deque(event_id for event_id in queue if event_id in kept)
