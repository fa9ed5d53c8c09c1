"""Advance reservations on a database: the specification's scenarios by number, and what is written."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, event, select, update

from oar.core.durations import format_date
from oar.core.job_life import JobSignal
from oar.db.engine import database_now
from oar.db.queues import disable_queue
from oar.db.tables_admin import EventRow
from oar.db.tables_jobs import JobRow, MoldableRow
from oar.db.tables_resources import PredictionRow, ResourceRow
from oar.kao.apply import apply
from oar.kao.metascheduler import Metascheduler
from oar.kao.quota_source import QuotaSource
from oar.settings import QuotaSettings, SchedulerSettings
from tests.integration.databases import Database
from tests.integration.kao.site import SETTINGS, Site, make_site

MINUTE = "walltime=0:1:0"
FOUR = f"resource_id=4,{MINUTE}"
DAY_S = 86400
Limits = Mapping[str, Sequence[int]]


def now_of(site: Site) -> int:
    with site.engine.connect() as connection:
        return database_now(connection)


def reserve(site: Site, request: str = FOUR, after_s: int = 10, **wishes: Any) -> int:
    """Ask for a reservation so many seconds from now; nobody waits for the answer."""
    return site.job(request, reserved_from=now_of(site) + after_s, **wishes)


def granted(site: Site, request: str = FOUR, **wishes: Any) -> int:
    """Have a reservation granted, an hour ahead."""
    job_id = reserve(site, request, after_s=3600, **wishes)
    site.metascheduler.run()
    assert site.states()[job_id] == "Waiting"
    return job_id


def move_to(site: Site, job_id: int, seconds_ago: int) -> None:
    """Have a granted reservation begin so many seconds ago."""
    start = now_of(site) - seconds_ago
    moldables = select(MoldableRow.moldable_id).where(MoldableRow.moldable_job_id == job_id)
    with site.engine.begin() as connection:
        connection.execute(update(JobRow).where(JobRow.job_id == job_id).values(start_time=start))
        row = update(PredictionRow).where(PredictionRow.moldable_job_id.in_(moldables))
        connection.execute(row.values(start_time=start))


def set_states(site: Site, state: str, *resources: int) -> None:
    with site.engine.begin() as connection:
        change = update(ResourceRow).values(state=state)
        connection.execute(change.where(ResourceRow.resource_id.in_(resources)) if resources else change)


def events(site: Site, job_id: int) -> list[tuple[str, str, str]]:
    with site.engine.connect() as connection:
        columns = EventRow.type, EventRow.description, EventRow.to_check
        rows = connection.execute(
            select(*columns).where(EventRow.job_id == job_id).order_by(EventRow.event_id)
        )
        return [tuple(row) for row in rows]


def walltime(site: Site, job_id: int) -> int:
    with site.engine.connect() as connection:
        query = select(MoldableRow.moldable_walltime).where(MoldableRow.moldable_job_id == job_id)
        return int(connection.scalars(query).one())


def test_r1_a_reservation_in_ten_seconds_is_granted_and_waits(five: Site) -> None:
    job_id = reserve(five)
    five.metascheduler.run()
    assert five.states() == {job_id: "Waiting"}
    assert five.column(job_id, JobRow.reservation) == "Scheduled"
    start, resources = five.plan()[job_id]
    assert (start, resources) == (five.column(job_id, JobRow.start_time), "1-4")


def test_a_granted_reservation_is_told_so_in_oars_words_and_in_plain_ones(five: Site) -> None:
    job_id = reserve(five)
    five.metascheduler.run()
    assert five.column(job_id, JobRow.message) == "R=4,W=0:1:0,J=R"
    date = format_date(five.column(job_id, JobRow.start_time))
    assert five.column(job_id, JobRow.scheduler_info) == f"reserved: starts {date}"


def test_a_reservation_whose_oarsub_waits_is_left_to_be_acknowledged_and_keeps_its_place(five: Site) -> None:
    job_id = reserve(five, after_s=3600, port=1)
    for _ in range(2):
        five.metascheduler.run()
        assert five.states() == {job_id: "toAckReservation"}
        assert list(five.plan()) == [job_id]


def test_a_refused_reservation_whose_oarsub_waits_is_left_to_be_told(five: Site) -> None:
    job_id = reserve(five, after_s=-1000, port=1)
    five.metascheduler.run()
    assert five.states() == {job_id: "toError"}
    assert five.column(job_id, JobRow.reservation) == "Scheduled"


def test_r2_a_reservation_asked_for_too_late_ends_in_error(five: Site) -> None:
    job_id = reserve(five, after_s=-1000)
    five.metascheduler.run()
    assert five.states() == {job_id: "Error"}
    assert five.column(job_id, JobRow.message) == "Reservation too old"


def test_r3_a_granted_reservation_that_never_started_expires(five: Site) -> None:
    job_id = granted(five)
    move_to(five, job_id, 2000)
    assert five.metascheduler.run().again
    assert five.states() == {job_id: "Error"}
    assert five.column(job_id, JobRow.message) == "Reservation expired and couldn't be started."
    assert five.plan() == {}


def test_r4_a_late_reservation_is_launched_and_ends_at_its_date(five: Site) -> None:
    five.job("resource_id=9,walltime=1", "resource_id=8,walltime=1")  # numbers of jobs and moldables differ
    job_id = granted(five)
    move_to(five, job_id, 20)
    assert five.metascheduler.run().to_launch == (job_id,)
    left = walltime(five, job_id)
    assert 35 <= left <= 40
    assert five.column(job_id, JobRow.message) == f"R=4,W=0:0:{left},J=R"
    ((kind, text, to_check),) = events(five, job_id)
    assert (kind, to_check) == ("REDUCE_RESERVATION_WALLTIME", "NO")
    assert text.startswith(f"walltime reduced from 0:1:0 to 0:0:{left}")


def test_r5_a_reservation_whose_nodes_are_suspected_waits(five: Site) -> None:
    job_id = granted(five)
    move_to(five, job_id, 20)
    set_states(five, "Suspected")
    five.metascheduler.run()
    assert five.states() == {job_id: "Waiting"}
    assert "node1 and node2" in five.column(job_id, JobRow.scheduler_info)


def test_r6_a_reservation_is_launched_after_the_time_out_when_all_are_alive(five: Site) -> None:
    job_id = granted(five, "resource_id=4,walltime=0:10:0")
    move_to(five, job_id, 350)
    assert five.metascheduler.run().to_launch == (job_id,)
    assert five.held(job_id) == "1-4"


def test_r7_of_three_reservations_at_one_date_the_first_and_the_third_are_granted(five: Site) -> None:
    ids = [reserve(five, f"resource_id={count},{MINUTE}", after_s=3600) for count in (4, 2, 1)]
    five.metascheduler.run()
    assert [five.states()[one] for one in ids] == ["Waiting", "Error", "Waiting"]
    assert five.column(ids[1], JobRow.message).startswith("This reservation could run at ")


def test_r8_a_reservation_that_lost_a_node_starts_with_the_others_after_the_time_out(five: Site) -> None:
    job_id = granted(five, "resource_id=3,walltime=2")
    move_to(five, job_id, 60)
    with five.engine.begin() as connection:
        change = update(ResourceRow).where(ResourceRow.resource_id == 3)
        connection.execute(change.values(next_state="Absent"))
    five.metascheduler.run()
    assert five.states() == {job_id: "Waiting"}  # not before the node has left
    with five.engine.begin() as connection:
        connection.execute(change.values(next_state="UnChanged", state="Absent"))
    five.metascheduler.run()
    assert five.states() == {job_id: "Waiting"}  # it may come back
    move_to(five, job_id, 301)
    assert five.metascheduler.run().to_launch == (job_id,)
    assert five.held(job_id) == "1-2"
    assert five.column(job_id, JobRow.message).startswith("R=2,W=1:5")
    kinds = [kind for kind, _, _ in events(five, job_id)]
    assert kinds == ["SCHEDULER_REDUCE_NB_NODES_FOR_RESERVATION", "REDUCE_RESERVATION_WALLTIME"]


def test_a_reservation_that_shrank_and_cannot_start_yet_is_stored_as_it_is(five: Site) -> None:
    five.job("resource_id=4,walltime=9", types=("besteffort",), queue="besteffort")
    five.metascheduler.run()
    job_id = granted(five, "resource_id=4,walltime=2")
    move_to(five, job_id, 301)
    set_states(five, "Absent", 3, 4)
    for _ in range(2):
        five.metascheduler.run()
        assert five.plan()[job_id][1] == "1-2"
    assert [kind for kind, _, _ in events(five, job_id)] == ["SCHEDULER_REDUCE_NB_NODES_FOR_RESERVATION"]


def test_t11_a_reservation_that_shares_is_granted_on_an_empty_plan(five: Site) -> None:
    job_id = reserve(five, types=("timesharing=*,*",))
    five.metascheduler.run()
    assert five.column(job_id, JobRow.reservation) == "Scheduled"
    assert five.states() == {job_id: "Waiting"}


def test_predictions_of_waiting_jobs_do_not_keep_a_reservation_from_its_date(five: Site) -> None:
    running = five.job("resource_id=5,walltime=0:1:0")
    five.metascheduler.run()
    waiting = five.job("resource_id=5,walltime=1")
    five.metascheduler.run()
    predicted = five.plan()[waiting][0]
    job_id = five.job(f"resource_id=5,{MINUTE}", reserved_from=predicted)
    five.metascheduler.run()
    assert five.states()[running] == "toLaunch"
    assert five.plan()[job_id][0] == predicted
    assert five.plan()[waiting][0] == predicted + 120


def test_a_reservation_for_now_is_granted_and_asks_for_the_round_that_launches_it(five: Site) -> None:
    job_id = five.job("resource_id=4,walltime=1", reserved_from=0)
    assert five.metascheduler.run().again
    assert five.metascheduler.run().to_launch == (job_id,)


def test_the_server_is_told_when_the_next_reservation_starts(five: Site) -> None:
    reserve(five, after_s=3000)
    wait_s = five.metascheduler.run().again_in_s
    assert wait_s is not None
    assert 2990 <= wait_s <= 3000


def test_a_reservation_of_a_queue_that_is_not_active_is_not_started(five: Site) -> None:
    job_id = granted(five, "resource_id=4,walltime=1")
    move_to(five, job_id, 5)
    with five.engine.begin() as connection:
        disable_queue(connection, "default")
    five.metascheduler.run()
    assert five.states() == {job_id: "Waiting"}
    assert list(five.plan()) == [job_id]


@pytest.mark.parametrize("states", [("Suspected",), ("Absent",)])
def test_a_permissive_reservation_starts_on_nodes_in_any_state(five: Site, states: tuple[str]) -> None:
    job_id = granted(five, "resource_id=4,walltime=1", types=("noop", "state=permissive"))
    move_to(five, job_id, 5)
    set_states(five, *states)
    assert five.metascheduler.run().to_launch == (job_id,)


def test_a_reservation_that_lost_its_row_gets_its_resources_back(five: Site) -> None:
    job_id = granted(five)
    with five.engine.begin() as connection:
        connection.execute(delete(PredictionRow))
    five.metascheduler.run()
    assert list(five.plan()) == [job_id]
    assert five.column(job_id, JobRow.message).endswith("(Renewed resources for reservation)")
    assert [kind for kind, _, _ in events(five, job_id)] == ["GET_RESOURCES_BACK_FOR_RESERVATION"]


def test_a_reservation_whose_resources_are_gone_is_told_once(five: Site) -> None:
    job_id = granted(five)
    five.job("resource_id=5,walltime=9")
    with five.engine.begin() as connection:
        connection.execute(delete(PredictionRow))
        connection.execute(update(JobRow).where(JobRow.job_id == job_id).values(state="Hold"))
    five.metascheduler.run()
    five.move(job_id, JobSignal.RESUME)
    for _ in range(2):
        five.metascheduler.run()
        assert five.states()[job_id] == "Waiting"
    assert five.column(job_id, JobRow.message).endswith("(No resource for reservation)")
    kinds = [kind for kind, _, _ in events(five, job_id)]
    assert kinds == ["UNABLE_TO_GET_RESOURCE_BACK_FOR_RESERVATION"]


def test_a_reservation_killed_between_reading_and_writing_is_not_granted(five: Site) -> None:
    job_id = reserve(five)
    world, orders = five.metascheduler.look()
    decisions = five.metascheduler.decide(world, orders)
    five.move(job_id, JobSignal.KILL)
    with five.engine.begin() as connection:
        apply(connection, world, decisions)
    assert five.states() == {job_id: "Error"}
    five.metascheduler.run()
    assert five.plan() == {}


def test_a_reservation_that_cannot_be_launched_after_all_keeps_its_place(five: Site) -> None:
    job_id = granted(five)
    move_to(five, job_id, 0)
    place = five.plan()[job_id]
    world, orders = five.metascheduler.look()
    decisions = five.metascheduler.decide(world, orders)
    assert [one.job_id for one in decisions.launches] == [job_id]
    set_states(five, "Suspected", 1)
    with five.engine.begin() as connection:
        apply(connection, world, decisions)
    assert (five.states(), five.plan()) == ({job_id: "Waiting"}, {job_id: place})
    five.metascheduler.run()
    assert events(five, job_id) == []


def test_a_reservation_that_is_launched_leaves_the_plan(five: Site) -> None:
    job_id = granted(five)
    move_to(five, job_id, 0)
    five.metascheduler.run()
    assert (five.states(), five.plan()) == ({job_id: "toLaunch"}, {})


def test_a_quiet_round_with_reservations_in_the_plan_writes_nothing(five: Site) -> None:
    granted(five)
    five.metascheduler.run()
    written = []

    def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")):
            written.append(statement)

    event.listen(five.engine, "before_cursor_execute", count)
    five.metascheduler.run()
    assert written == []


def test_many_reservations_are_answered_with_as_many_statements_as_one(database: Database) -> None:
    site = make_site(database, 30)
    counts = []
    for jobs in (1, 9):
        start = now_of(site) + 3600
        for kind in (start, start - 10 * DAY_S):
            site.submit(f"resource_id=1,{MINUTE}", reserved_from=kind, commands=["true"] * jobs)
        asked: list[int] = []
        listener = lambda *_args, asked=asked: asked.append(1)  # noqa: E731 - removed again by its name
        event.listen(site.engine, "before_cursor_execute", listener)
        site.metascheduler.run()
        event.remove(site.engine, "before_cursor_execute", listener)
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_reservations_get_resources_in_an_order_of_their_own(database: Database) -> None:
    backwards = SchedulerSettings(check_plans=True, reservation_order="resource_id DESC")
    site = make_site(database, 2, 2, settings=backwards)
    near, far = (reserve(site, f"resource_id=1,{MINUTE}", after_s=s) for s in (200, 4000))
    site.metascheduler.run()
    assert [site.plan()[one][1] for one in (near, far)] == ["1", "4"]


def test_an_order_for_reservations_that_is_none_stops_nothing(database: Database) -> None:
    wrong = SchedulerSettings(check_plans=True, reservation_order="gone DESC")
    site = make_site(database, 2, 2, settings=wrong)
    job_id = reserve(site, f"resource_id=1,{MINUTE}", after_s=4000)
    site.metascheduler.run()
    assert site.plan()[job_id][1] == "1"


def test_an_inner_reservation_starts_in_its_running_container(five: Site) -> None:
    outer = granted(five, "resource_id=2,walltime=1", types=("container",))
    start = five.column(outer, JobRow.start_time)
    inner = five.job(f"resource_id=2,{MINUTE}", types=(f"inner={outer}",), reserved_from=start)
    five.metascheduler.run()
    for one in (outer, inner):
        move_to(five, one, 5)
    assert five.metascheduler.run().to_launch == (outer,)
    five.run_job(outer)
    assert five.metascheduler.run().to_launch == (inner,)
    assert five.held(inner) == five.held(outer)


# ---- quotas ----


@pytest.fixture
def limited(five: Site, tmp_path: Path) -> Callable[..., Metascheduler]:
    """Make a metascheduler with the rules of a file of OAR 3."""

    def make(rules: Limits, **content: object) -> Metascheduler:
        (tmp_path / "quotas.json").write_text(json.dumps({"quotas": rules, **content}))
        source = QuotaSource(QuotaSettings(enabled=True, file="quotas.json"), tmp_path / "oar.conf")
        return Metascheduler(five.engine, five.metascheduler.reader, SETTINGS, quotas=source)

    return make


def test_q10_a_reservation_counts_for_the_quotas_of_other_jobs(
    five: Site, limited: Callable[..., Metascheduler]
) -> None:
    job_id = reserve(five, after_s=100)
    others = [five.job(f"resource_id=1,walltime=0:0:{seconds}") for seconds in (100, 200)]
    limited({"*,*,*,/": [-1, 1, -1]}).run()
    start = five.column(job_id, JobRow.start_time)
    assert [five.plan()[one][0] - start for one in others] == [120, 280]


def test_q11_a_reservation_beyond_its_quota_ends_in_error_with_the_rule_in_its_message(
    five: Site, limited: Callable[..., Metascheduler]
) -> None:
    job_id = reserve(five)
    limited({"*,*,*,*": [1, -1, -1]}).run()
    assert five.states() == {job_id: "Error"}
    assert "*,*,*,*" in five.column(job_id, JobRow.message)


def test_w14_a_reservation_is_judged_by_the_quotas_of_its_own_date(
    five: Site, limited: Callable[..., Metascheduler]
) -> None:
    now, begin = reserve(five), now_of(five) + 2 * DAY_S
    open_ = reserve(five, after_s=2 * DAY_S + 3600)
    limited(
        {"*,*,*,/": [-1, -1, -1]},
        periodical=[["* * * *", "usual", "default"]],
        oneshot=[[format_date(begin)[:-3], format_date(begin + DAY_S)[:-3], "free", ""]],
        usual={"*,*,*,/": [1, -1, -1]},
        free={"*,*,*,/": [-1, -1, -1]},
    ).run()
    assert five.states() == {now: "Error", open_: "Waiting"}
