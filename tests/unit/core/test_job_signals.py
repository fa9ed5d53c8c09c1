"""Signals as users write them."""

import pytest

from oar.core.events import orders_signal, signal_event, signal_of_event
from oar.core.job_signals import BadSignal, signal_number


@pytest.mark.parametrize(("text", "number"), [("12", 12), ("USR1", 10), ("SIGUSR2", 12), ("sigterm", 15)])
def test_a_signal_is_a_number_or_a_name(text: str, number: int):
    assert signal_number(text) == number


@pytest.mark.parametrize("text", ["", "0", "65", "-1", "USR7", "SIG", "1.5", "²"])
def test_what_is_no_signal_is_refused(text: str):
    with pytest.raises(BadSignal):
        signal_number(text)


def test_the_event_of_a_signal_gives_its_number_back():
    assert signal_of_event(signal_event(10)) == 10


@pytest.mark.parametrize(("kind", "orders"), [("CHECKPOINT", True), ("SIGNAL_10", True), ("WALLTIME", False)])
def test_some_events_order_a_signal(kind: str, orders: bool):
    assert orders_signal(kind) is orders
