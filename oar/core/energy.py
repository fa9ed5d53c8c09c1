"""Energy saving as values: the rules of a site, what was asked of nodes lately and what is now. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from oar.core.events import EventKind
from oar.settings import EnergySettings


class OrderKind(StrEnum):
    """What is asked of a node; the event of this name, with its node, is the order."""

    HALT = EventKind.HALT_NODE
    WAKE = EventKind.WAKEUP_NODE


@dataclass(frozen=True, slots=True)
class NodeOrders:
    """The last orders that a node was given, by date, None without one lately.

    A halt is open until its command has ended, a wake-up until the node has come back or was given up.
    """

    halted_at: int | None = None
    woken_at: int | None = None
    is_halting: bool = False
    is_waking: bool = False

    @property
    def is_under_way(self) -> bool:
        """Tell whether an order is open."""
        return self.is_halting or self.is_waking


NO_ORDERS = NodeOrders()


@dataclass(frozen=True, slots=True)
class EnergyRules:
    """What a site wants of energy saving; without a way to halt or to wake nodes, none is.

    A node that was ``idle_s`` without a job is halted if none is planned on it for ``sleep_s``. A node is
    taken to be back ``wakeup_s`` after it was asked to wake up, which is not done in the ``halt_s`` after it
    was asked to halt. ``pools`` are SQL conditions with the number of nodes that stay awake and idle there.
    """

    can_halt: bool = False
    can_wake: bool = False
    idle_s: int = 600
    sleep_s: int = 600
    wakeup_s: int = 600
    halt_s: int = 60
    pools: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, settings: EnergySettings) -> "EnergyRules":
        """Give the rules that the settings say."""
        return cls(
            can_halt=bool(settings.halts_with),
            can_wake=bool(settings.wakes_with),
            idle_s=settings.idle_s,
            sleep_s=settings.sleep_s,
            wakeup_s=settings.wakeup_s,
            halt_s=settings.halt_s,
            pools=settings.pools.least,
        )

    @property
    def is_on(self) -> bool:
        """Tell whether there is anything to decide."""
        return self.can_halt or self.can_wake

    @property
    def conditions(self) -> frozenset[str]:
        """The conditions of the pools that want a node."""
        return frozenset(condition for condition, least in self.pools if least > 0 and self.is_on)

    @property
    def memory_s(self) -> int:
        """For how long an order that was carried out matters."""
        return max(self.idle_s, self.halt_s)

    def awake_at(self, orders: NodeOrders, now: int) -> int:
        """Tell when a node that sleeps can be used: from the date on at which it was, or can be, woken."""
        begin = orders.woken_at if orders.is_waking and orders.woken_at is not None else now
        if orders.halted_at is not None:
            begin = max(begin, orders.halted_at + self.halt_s)
        return max(begin + self.wakeup_s, now)


NO_ENERGY_SAVING = EnergyRules()


@dataclass(frozen=True, slots=True)
class EnergyOrders:
    """The nodes to halt and those to wake, in scheduling order; ``next_date`` is when to decide again."""

    halt: tuple[str, ...] = ()
    wake: tuple[str, ...] = ()
    next_date: int | None = None

    def __iter__(self) -> Iterator[tuple[OrderKind, tuple[str, ...]]]:
        """Go through the kinds of orders."""
        yield OrderKind.HALT, self.halt
        yield OrderKind.WAKE, self.wake

    def __bool__(self) -> bool:
        """Tell whether anything is asked of any node."""
        return bool(self.halt or self.wake)


NOTHING_ASKED = EnergyOrders()

NodesOrders = Mapping[str, NodeOrders]
"""The orders of each node that was given some lately."""
