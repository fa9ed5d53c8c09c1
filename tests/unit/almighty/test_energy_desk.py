"""When orders to nodes are sent, and what becomes of them."""

from dataclasses import replace

import pytest

from oar.almighty.energy.desk import Desk, Manners, Order
from oar.core.energy import OrderKind
from oar.setting_kinds import Patience

NOW = 1000
WINDOWS = Manners(
    window_size=2, window_s=60, strict=True, halt_s=0, retries=0, wakeup_timeout=Patience(((1, 100),))
)
AT_ONCE = replace(WINDOWS, window_size=None, window_s=0, strict=False)


def halt(number: int, node: str = "", sleeps: bool = True) -> Order:
    return Order(number, OrderKind.HALT, node or f"node{number}", sleeps)


def wake(number: int, node: str = "", sleeps: bool = True) -> Order:
    return Order(number, OrderKind.WAKE, node or f"node{number}", sleeps)


class Played:
    """A desk, and the clock that it is shown."""

    def __init__(self, manners: Manners = WINDOWS, started: bool = True) -> None:
        self.desk = Desk(manners)
        if started:
            self.desk.look([], {}, NOW - 1000)

    def look(self, *orders: Order, at: int = NOW, halted_at: dict[str, int] | None = None):
        return self.desk.look(orders, halted_at or {}, at)

    def sent(self, *orders: Order, at: int = NOW, **values):
        """Look, and tell the numbers of the orders that are sent then, by window."""
        self.look(*orders, at=at, **values)
        return [[order.event_id for order in window] for window in self.desk.take(at)]

    def carried_out(self, *orders: Order, at: int = NOW, trouble: str = "") -> None:
        """Let orders be sent, and their command end."""
        for window in self.sent(*orders, at=at):
            for order in orders:
                if order.event_id in window:
                    self.desk.done(order, trouble)


def test_an_order_is_sent_once() -> None:
    played = Played()
    assert played.sent(wake(1)) == [[1]]
    assert played.sent(wake(1)) == []


def test_a_window_holds_so_many_orders_and_the_rest_comes_later() -> None:
    played = Played()
    orders = [halt(1), halt(2), halt(3)]
    assert played.sent(*orders) == [[1, 2]]
    for order in orders[:2]:
        played.desk.done(order, "")
    assert played.sent(*orders, at=NOW + 59) == []
    assert played.sent(*orders, at=NOW + 60) == [[3]]


def test_the_next_window_waits_for_the_commands_of_the_one_before() -> None:
    played = Played()
    orders = [halt(1), halt(2), halt(3)]
    played.sent(*orders)
    assert played.sent(*orders, at=NOW + 500) == []


def test_wake_ups_do_not_wait_for_halts() -> None:
    assert Played().sent(halt(1), halt(2), halt(3), wake(4)) == [[1, 2], [4]]


def test_without_windows_all_orders_of_a_kind_go_together() -> None:
    played = Played(AT_ONCE)
    orders = [halt(number) for number in range(1, 100)]
    assert played.sent(*orders) == [list(range(1, 100))]


def test_a_halt_is_over_when_its_command_ended_well() -> None:
    played = Played()
    played.carried_out(halt(1))
    assert played.look(halt(1)).close == (1,)


def test_a_halt_of_a_node_that_is_wanted_alive_again_is_not_sent() -> None:
    played = Played()
    assert played.look(halt(1, sleeps=False)).close == (1,)
    assert played.desk.take(NOW) == ()


def test_an_order_that_is_over_before_its_window_comes_is_not_sent() -> None:
    played = Played()
    played.sent(wake(1), wake(2), wake(3))
    for number in (1, 2):
        played.desk.done(wake(number), "")
    found = played.look(wake(1), wake(2), wake(3, sleeps=False), at=NOW + 60)
    assert (found.close, played.desk.take(NOW + 60)) == ((3,), ())


def test_a_wake_up_is_over_when_its_node_came_back() -> None:
    played = Played()
    played.carried_out(wake(1))
    assert played.look(wake(1)).close == ()
    found = played.look(wake(1, sleeps=False))
    assert (found.close, found.suspect) == ((1,), {})


def test_m32_a_halt_that_comes_while_the_node_wakes_up_is_sent_afterwards() -> None:
    played = Played()
    played.carried_out(wake(1, "node1"))
    assert played.sent(wake(1, "node1"), halt(2, "node1")) == []
    assert played.sent(halt(2, "node1")) == [[2]]


def test_a_wake_up_that_comes_while_the_node_is_halted_is_sent_when_the_node_is_down() -> None:
    played = Played(replace(WINDOWS, halt_s=30))
    played.carried_out(halt(1, "node1"))
    assert played.sent(halt(1, "node1"), wake(2, "node1"), halted_at={"node1": NOW}) == []
    assert played.sent(wake(2, "node1"), at=NOW + 29, halted_at={"node1": NOW}) == []
    assert played.sent(wake(2, "node1"), at=NOW + 30, halted_at={"node1": NOW}) == [[2]]


def test_m33_a_node_that_does_not_come_back_in_time_is_suspected() -> None:
    played = Played()
    played.carried_out(wake(1))
    assert not played.look(wake(1), at=NOW + 99)
    found = played.look(wake(1), at=NOW + 100)
    assert (found.close, found.suspect) == ((1,), {"node1": "not Alive 100 s after it was woken up"})


def test_the_time_for_waking_up_begins_when_the_order_is_sent_not_when_it_is_given() -> None:
    played = Played()
    orders = [wake(1), wake(2), wake(3)]
    played.carried_out(*orders)
    played.carried_out(*orders, at=NOW + 60)
    assert set(played.look(*orders, at=NOW + 100).suspect) == {"node1", "node2"}


def test_the_time_for_waking_up_depends_on_how_many_nodes_wake_up_together() -> None:
    played = Played(replace(AT_ONCE, wakeup_timeout=Patience(((1, 100), (2, 300)))))
    played.carried_out(wake(1), wake(2))
    played.look(wake(1, sleeps=False), wake(2))
    assert not played.look(wake(2), at=NOW + 299).suspect
    assert played.look(wake(2), at=NOW + 300).suspect


@pytest.mark.parametrize("order", [halt(1), wake(1)])
def test_a_node_whose_command_failed_is_suspected(order: Order) -> None:
    played = Played()
    played.carried_out(order, trouble="it ended with status 3")
    found = played.look(order)
    assert found.close == (1,)
    assert found.suspect["node1"].endswith("failed: it ended with status 3")


@pytest.mark.parametrize("order", [halt(1), wake(1)])
def test_a_command_that_failed_is_tried_again_as_often_as_allowed(order: Order) -> None:
    played = Played(replace(WINDOWS, retries=1, window_s=0))
    played.carried_out(order, trouble="no")
    assert played.sent(order) == [[1]]
    played.desk.done(order, "no")
    assert played.look(order).suspect


def test_a_wake_up_in_vain_is_tried_again_as_often_as_allowed() -> None:
    played = Played(replace(WINDOWS, retries=1))
    played.carried_out(wake(1))
    assert played.sent(wake(1), at=NOW + 100) == [[1]]
    played.desk.done(wake(1), "")
    assert not played.look(wake(1), at=NOW + 199)
    assert played.look(wake(1), at=NOW + 200).suspect


def test_one_command_for_many_nodes_that_fails_suspects_only_those_that_do_not_come() -> None:
    played = Played(AT_ONCE)
    played.carried_out(wake(1), wake(2), halt(3), trouble="one of them is broken")
    found = played.look(wake(1, sleeps=False), wake(2), halt(3))
    assert (found.close, found.suspect) == ((1, 3), {})
    assert set(played.look(wake(2), at=NOW + 100).suspect) == {"node2"}


def test_a_server_that_starts_sends_open_orders_again() -> None:
    assert Played(started=False).sent(halt(1), wake(2)) == [[1], [2]]


def test_a_halt_sent_again_after_a_crash_may_fail_since_the_node_may_be_down() -> None:
    played = Played(started=False)
    played.carried_out(halt(1), trouble="no route to host")
    found = played.look(halt(1))
    assert (found.close, found.suspect) == ((1,), {})


# ---- a clock that is set back by a day

BACK = NOW - 86400


def test_the_next_window_does_not_wait_for_the_day_that_comes_again() -> None:
    played = Played()
    orders = [halt(1), halt(2), halt(3)]
    played.carried_out(*orders)
    assert played.sent(*orders, at=BACK) == []
    assert played.sent(*orders, at=BACK + 60) == [[3]]


def test_a_node_that_does_not_come_back_is_suspected_the_same_day() -> None:
    played = Played()
    played.carried_out(wake(1))
    assert not played.look(wake(1), at=BACK)
    assert not played.look(wake(1), at=BACK + 99)
    assert set(played.look(wake(1), at=BACK + 100).suspect) == {"node1"}


def test_a_node_that_was_halted_tomorrow_is_woken() -> None:
    played = Played(replace(WINDOWS, halt_s=30))
    assert played.sent(wake(2, "node1"), at=BACK, halted_at={"node1": NOW}) == [[2]]
