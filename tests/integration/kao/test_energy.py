"""Rounds on a real database that put nodes to sleep and wake them."""

import pytest
from sqlalchemy import event, select, text, update

from oar.core.energy import EnergyOrders, EnergyRules, OrderKind
from oar.core.states import NodeState
from oar.db.energy import give_orders, open_orders, read_node_orders
from oar.db.engine import database_now
from oar.db.node_moves import apply_node_requests
from oar.db.tables_jobs import JobRow
from oar.db.tables_resources import ResourceRow
from oar.kao.apply import apply
from tests.integration.databases import Database
from tests.integration.kao.site import Site, make_site

RULES = EnergyRules(can_halt=True, can_wake=True, idle_s=30, sleep_s=15, wakeup_s=30, halt_s=0)


@pytest.fixture
def five(database: Database) -> Site:
    """The five resources of the scenarios, on nodes of two, two and one; nobody used them lately."""
    site = make_site(database, 2, 2, 1)
    site.metascheduler.energy = RULES
    return site


def change(site: Site, **values: object) -> None:
    """Change all resources; ``left_s`` is for how long they stay available."""
    with site.engine.begin() as connection:
        if "left_s" in values:
            values["available_upto"] = database_now(connection) + int(str(values.pop("left_s")))
        connection.execute(update(ResourceRow).values(**values))


def asleep(site: Site) -> None:
    change(site, state="Absent", state_num=2)


def orders_of(site: Site) -> list[tuple[OrderKind, str]]:
    with site.engine.connect() as connection:
        return [(one.kind, one.node) for one in open_orders(connection)]


def next_states(site: Site) -> list[str]:
    with site.engine.connect() as connection:
        rows = connection.execute(select(ResourceRow.next_state).order_by(ResourceRow.resource_id))
        return list(rows.scalars())


def test_r15_nodes_that_sleep_are_woken_for_a_job_which_waits_for_them(five: Site) -> None:
    change(five, state="Absent", state_num=2, left_s=1000)
    job = five.job("resource_id=4,walltime=0:1:0")
    assert five.metascheduler.run().energy
    assert five.states() == {job: "Waiting"}
    assert orders_of(five) == [(OrderKind.WAKE, "node1"), (OrderKind.WAKE, "node2")]


def test_r16_idle_nodes_are_halted_beside_the_one_that_a_job_starts_on(five: Site) -> None:
    change(five, left_s=50_000)
    job = five.job("resource_id=1,walltime=0:1:0")
    assert five.metascheduler.run().energy
    assert five.states() == {job: "toLaunch"}
    assert orders_of(five) == [(OrderKind.HALT, "node2"), (OrderKind.HALT, "node3")]
    assert next_states(five) == ["UnChanged"] * 2 + ["Absent"] * 3


def test_a_prediction_stays_where_it_is_while_the_node_wakes_up(five: Site) -> None:
    asleep(five)
    job = five.job("resource_id=4,walltime=0:1:0")
    five.metascheduler.run()
    with five.engine.begin() as connection:
        connection.execute(text("UPDATE event_logs SET date = date - 12"))
        now = database_now(connection)
    five.metascheduler.run()
    assert five.starts()[job] - now in (30 - 12, 30 - 12 - 1)
    assert "node1 and node2 have woken up" in five.column(job, JobRow.scheduler_info)


def test_an_order_that_is_open_is_not_given_again(five: Site) -> None:
    asleep(five)
    five.job("resource_id=4,walltime=0:1:0")
    five.metascheduler.run()
    assert not five.metascheduler.run().energy
    assert len(orders_of(five)) == 2


def test_a_job_starts_on_the_nodes_that_came_back(five: Site) -> None:
    asleep(five)
    job = five.job("resource_id=4,walltime=0:1:0")
    five.metascheduler.run()
    change(five, state="Alive", state_num=1)
    five.metascheduler.run()
    assert five.states() == {job: "toLaunch"}


def test_a_node_that_was_given_to_a_job_meanwhile_is_not_halted(five: Site) -> None:
    job = five.job("resource_id=2,walltime=0:1:0")
    five.metascheduler.run()
    assert five.held(job) == "1-2"
    with five.engine.begin() as connection:
        orders = EnergyOrders(halt=("node1", "node2"))
        assert give_orders(connection, orders, 5000) == {OrderKind.HALT: ("node2",)}


@pytest.mark.parametrize("values", [{"state": "Suspected"}, {"next_state": "Dead"}])
def test_a_node_that_changed_meanwhile_is_not_halted(five: Site, values: dict[str, str]) -> None:
    with five.engine.begin() as connection:
        connection.execute(update(ResourceRow).where(ResourceRow.resource_id == 1).values(**values))
        orders = EnergyOrders(halt=("node1", "node2"))
        assert give_orders(connection, orders, 5000) == {OrderKind.HALT: ("node2",)}


def test_a_halted_node_becomes_absent_and_is_not_given_to_a_job_before(five: Site) -> None:
    change(five, available_upto=2147483646)
    five.metascheduler.run()
    job = five.job("nodes=1,walltime=0:1:0")
    five.metascheduler.run()
    assert five.states() == {job: "Waiting"}
    with five.engine.begin() as connection:
        changes = apply_node_requests(connection, database_now(connection))
    assert {one.node for one in changes.of_state(NodeState.ABSENT)} == {"node1", "node2", "node3"}


def test_a_job_does_not_start_on_a_node_that_was_told_to_leave_since_the_round_looked(five: Site) -> None:
    job = five.job("resource_id=5,walltime=0:1:0")
    world, orders = five.metascheduler.look()
    decisions = five.metascheduler.decide(world, orders)
    with five.engine.begin() as connection:
        connection.execute(
            update(ResourceRow).where(ResourceRow.resource_id == 1).values(next_state="Absent")
        )
        assert apply(connection, world, decisions).to_launch == ()
    assert (len(decisions.launches), five.states()) == (1, {job: "Waiting"})


def test_orders_that_are_over_matter_only_as_long_as_rules_ask_for_them(five: Site) -> None:
    with five.engine.begin() as connection:
        give_orders(connection, EnergyOrders(halt=("node1",)), 5000)
        connection.execute(text("UPDATE event_logs SET to_check = 'NO'"))
        assert read_node_orders(connection, 5000)["node1"].halted_at == 5000
        assert read_node_orders(connection, 5001) == {}


def test_a_pool_is_kept_awake_by_a_condition_of_the_database(five: Site) -> None:
    change(five, available_upto=2147483646)
    five.metascheduler.energy = EnergyRules(
        can_halt=True, idle_s=30, sleep_s=15, pools=(("network_address = 'node2'", 1),)
    )
    five.metascheduler.run()
    assert orders_of(five) == [(OrderKind.HALT, "node1"), (OrderKind.HALT, "node3")]


def test_any_number_of_nodes_is_halted_with_the_same_statements(database: Database) -> None:
    counts = []
    for cores in ((1, 1), (1,) * 20):
        site = make_site(database, *cores)
        site.metascheduler.energy = RULES
        change(site, available_upto=2147483646, state="Alive", next_state="UnChanged")
        asked: list[str] = []

        def count(_connection, _cursor, statement, *_rest, asked=asked) -> None:
            asked.append(statement)

        event.listen(site.engine, "before_cursor_execute", count)
        site.metascheduler.run()
        event.remove(site.engine, "before_cursor_execute", count)
        counts.append(len(asked))
        with site.engine.begin() as connection:
            connection.execute(text("DELETE FROM event_logs"))
            connection.execute(text("DELETE FROM resources"))
    assert counts[0] == counts[1]
