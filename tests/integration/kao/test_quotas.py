"""Quotas in rounds on a database: the specification's scenarios by number, messages, and the file itself."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from oar.core.durations import format_date
from oar.db.engine import database_now
from oar.db.queues import change_queue
from oar.db.tables_jobs import JobRow
from oar.kao.metascheduler import Metascheduler
from oar.kao.queue_scheduler import schedule_queue
from oar.kao.quota_source import QuotaSource
from oar.settings import QuotaSettings
from tests.integration.kao.site import SETTINGS, Site

MINUTE = "walltime=0:1:0"
EACH_USER = "*,*,*,/"
DAY_S = 86400
Limits = Mapping[str, Sequence[int]]
Scheduler = Callable[..., Metascheduler]


@pytest.fixture
def limited(five: Site, tmp_path: Path) -> Scheduler:
    """Make a metascheduler with the rules of a file of OAR 3; ``content`` is what else the file says."""

    def make(rules: Limits, *, enabled: bool = True, **content: object) -> Metascheduler:
        (tmp_path / "quotas.json").write_text(json.dumps({"quotas": rules, **content}))
        source = QuotaSource(QuotaSettings(enabled=enabled, file="quotas.json"), tmp_path / "oar.conf")
        return Metascheduler(five.engine, five.metascheduler.reader, SETTINGS, quotas=source)

    return make


def starts_after(site: Site, first: int, *others: int) -> list[int]:
    """Tell by how much the jobs start later than the first one."""
    starts = site.starts()
    return [starts[one] - starts[first] for one in others]


def now_of(site: Site) -> int:
    with site.engine.connect() as connection:
        return database_now(connection)


def open_in_two_days(site: Site) -> Mapping[str, object]:
    begin = now_of(site) + 2 * DAY_S
    return {
        "periodical": [["* * * *", "quotas_usual", "default"]],
        "oneshot": [[format_date(begin)[:-3], format_date(begin + DAY_S)[:-3], "quotas_open", ""]],
        "quotas_usual": {EACH_USER: [1, -1, -1]},
        "quotas_open": {EACH_USER: [-1, -1, -1]},
    }


def test_q9_one_job_a_queue_and_its_hours_hold_back_those_after_it(five: Site, limited: Scheduler) -> None:
    scheduler = limited({EACH_USER: [-1, -1, -1], "/,*,*,*": [-1, 1, 5]})
    first, second, third = (five.job(f"resource_id=1,walltime=0:0:{s}") for s in (100, 200, 200))
    assert scheduler.run().to_launch == (first,)
    assert starts_after(five, first, second, third) == [160, 420]


def test_w12_a_job_beyond_the_usual_rules_starts_when_the_open_days_begin(
    five: Site, limited: Scheduler
) -> None:
    book = open_in_two_days(five)
    large, small = five.job("resource_id=5,walltime=0:0:100"), five.job("resource_id=1,walltime=0:0:200")
    assert limited({}, **book).run().to_launch == (small,)
    begin = book["oneshot"][0][0]  # type: ignore[index]
    assert format_date(five.starts()[large]) == f"{begin}:00"


def test_w13_a_job_without_quotas_starts_now_where_others_wait_for_the_open_days(
    five: Site, limited: Scheduler
) -> None:
    book = open_in_two_days(five)
    waits = five.job("resource_id=5,walltime=0:0:100")
    free = five.job("resource_id=5,walltime=0:0:200", types=("no_quotas",))
    assert limited({}, **book).run().to_launch == (free,)
    begin = book["oneshot"][0][0]  # type: ignore[index]
    assert format_date(five.starts()[waits]) == f"{begin}:00"


def test_running_jobs_are_counted_in_the_rounds_after(five: Site, limited: Scheduler) -> None:
    scheduler = limited({EACH_USER: [2, -1, -1]})
    first = five.job(f"resource_id=2,{MINUTE}")
    scheduler.run()
    five.run_job(first)
    second, other = five.job(f"resource_id=1,{MINUTE}"), five.job(f"resource_id=1,{MINUTE}", user="bob")
    assert scheduler.run().to_launch == (other,)
    assert starts_after(five, first, second) == [120]


def test_a_job_that_a_quota_holds_back_says_which_and_one_that_starts_that_they_allow_it(
    five: Site, limited: Scheduler
) -> None:
    scheduler = limited({EACH_USER: [2, -1, -1]})
    first, second, never = (five.job(f"resource_id={n},{MINUTE}") for n in (2, 1, 3))
    scheduler.run()
    assert five.column(first, JobRow.message) == "R=2,W=0:1:0,J=B (quota_ok)"
    exceeded = "quota_exceeded:Gantt_quotas->{*}->{*}->{*}->{/}=[3,-,-]>[2,-1,-1]"
    assert five.column(second, JobRow.message) == f"R=1,W=0:1:0,J=B ({exceeded})"
    assert five.column(never, JobRow.message) == f"R=1,W=1:0:0,J=B ({exceeded})"
    assert five.column(never, JobRow.scheduler_info) == (
        "quotas do not let it start: the quota *,*,*,/ allows user alice 2 resources; "
        "with this job it would be 3"
    )
    assert five.column(second, JobRow.scheduler_info).endswith(
        "when quotas let it: the quota *,*,*,/ allows user alice 2 resources; with this job it would be 3"
    )


def test_what_a_job_was_told_of_quotas_is_not_written_again(five: Site, limited: Scheduler) -> None:
    scheduler = limited({EACH_USER: [2, -1, -1]})
    for count in (2, 1, 3):
        five.job(f"resource_id={count},{MINUTE}")
    scheduler.run()
    world, orders = scheduler.look()
    assert scheduler.decide(world, orders).told == {}


def test_without_the_key_only_queues_with_a_quota_scheduler_of_oar_2_are_limited(
    five: Site, limited: Scheduler
) -> None:
    scheduler = limited({EACH_USER: [1, -1, -1]}, enabled=False)
    with five.engine.begin() as connection:
        policy = "oar_sched_gantt_with_timesharing_and_fairsharing_and_quotas"
        change_queue(connection, "default", policy=policy)
    free = five.job(f"resource_id=2,{MINUTE}", queue="admin")
    limited_one = five.job(f"resource_id=2,{MINUTE}")
    assert scheduler.run().to_launch == (free,)
    assert five.states()[limited_one] == "Waiting"


def test_without_the_key_and_such_a_queue_no_file_is_read(five: Site, limited: Scheduler) -> None:
    job = five.job(f"resource_id=2,{MINUTE}")
    assert limited({EACH_USER: [1, -1, -1]}, enabled=False).run().to_launch == (job,)


def test_besteffort_jobs_are_limited_among_themselves_only(five: Site, limited: Scheduler) -> None:
    scheduler = limited({EACH_USER: [2, -1, -1]})
    best = [five.job(f"resource_id=1,{MINUTE}", queue="besteffort", types=("besteffort",)) for _ in range(3)]
    assert scheduler.run().to_launch == tuple(best[:2])
    for one in best[:2]:
        five.run_job(one)
    ordinary = five.job(f"{{network_address='node2'}}/resource_id=2,{MINUTE}")
    assert scheduler.run().to_launch == (ordinary,)


def test_the_scheduler_of_one_queue_keeps_to_quotas_around_what_others_have(
    five: Site, limited: Scheduler
) -> None:
    scheduler = limited({EACH_USER: [2, -1, -1]})
    first = five.job(f"resource_id=2,{MINUTE}", queue="admin")
    second = five.job(f"resource_id=1,{MINUTE}")
    scheduler.run()
    five.run_job(first)
    assert schedule_queue(scheduler, "default") == ()
    assert starts_after(five, first, second)[0] >= 120


def test_new_rules_hold_from_the_next_round_on(five: Site, limited: Scheduler, tmp_path: Path) -> None:
    scheduler = limited({EACH_USER: [0, -1, -1]})
    job = five.job(f"resource_id=1,{MINUTE}")
    assert scheduler.run().to_launch == ()
    (tmp_path / "quotas.json").write_text(json.dumps({"quotas": {EACH_USER: ["ALL", -1, -1]}}))
    assert scheduler.run().to_launch == (job,)


def test_rounds_go_on_with_the_last_good_rules_when_the_file_breaks(
    five: Site, limited: Scheduler, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler = limited({EACH_USER: [1, -1, -1]})
    small, large = five.job(f"resource_id=1,{MINUTE}"), five.job(f"resource_id=2,{MINUTE}", user="bob")
    scheduler.run()
    (tmp_path / "quotas.json").write_text('{"quotas": }')
    scheduler.run()
    scheduler.run()
    told = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert len(told) == 1
    assert str(tmp_path / "quotas.json") in told[0]
    assert five.states() == {small: "toLaunch", large: "Waiting"}
