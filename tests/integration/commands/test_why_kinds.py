"""What oarstat --why says of each kind of thing that holds a job, and until when."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from oar.cli.oarstat import oarstat
from oar.core.durations import format_date
from oar.core.energy import EnergyRules
from oar.db.engine import database_now
from oar.db.queues import change_queue, disable_queue
from oar.db.tables_jobs import JobRow
from oar.db.tables_resources import ResourceRow
from oar.kao.quota_source import QuotaSource
from oar.settings import EnergySettings, QuotaSettings
from tests.integration.commands.terminal import Terminal, open_terminal
from tests.integration.databases import Database
from tests.integration.kao.site import Site, make_site

HOUR_S, DAY_S = 3600, 86400


@pytest.fixture
def site(database: Database) -> Site:
    return make_site(database, 2, 2, 2)


@pytest.fixture
def desk(site: Site, database: Database) -> Terminal:
    return open_terminal(database)


def start(site: Site, *requests: str, **wishes: object) -> int:
    job = site.job(*requests, **wishes)
    site.metascheduler.run()
    site.run_job(job)
    return job


def why(desk: Terminal, site: Site, job: int) -> str:
    site.metascheduler.run()
    return desk.output(oarstat, "--why", str(job))


def now_of(site: Site) -> int:
    with site.engine.connect() as connection:
        return database_now(connection)


def end_of(site: Site, job: int, walltime_s: int = HOUR_S) -> str:
    """The date at which the resources of a running job are free again."""
    return format_date(int(site.column(job, JobRow.start_time)) + walltime_s + 60)


def test_resources_are_named_with_who_holds_them_and_until_when(desk: Terminal, site: Site) -> None:
    running = start(site, "nodes=3,walltime=1")
    said = why(desk, site, site.job("nodes=1,walltime=1"))
    assert f"job {running} holds node1 until {end_of(site, running)}" in said


def with_quotas(desk: Terminal, site: Site, folder: Path, **content: object) -> Terminal:
    (folder / "quotas.json").write_text(json.dumps({"quotas": {}, **content}))
    quotas = QuotaSettings(enabled=True, file=str(folder / "quotas.json"))
    site.metascheduler.quotas = QuotaSource(quotas)
    return replace(desk, settings=replace(desk.settings, quotas=quotas))


def test_a_quota_is_named_with_its_rule_and_count_and_until_when(
    desk: Terminal, site: Site, tmp_path: Path
) -> None:
    running = start(site, "nodes=1,walltime=1")
    limited = with_quotas(desk, site, tmp_path, quotas={"*,*,*,/": [3, -1, -1]})
    said = why(limited, site, site.job("resource_id=2,walltime=1"))
    assert "the quota *,*,*,/ allows user alice 3 resources; with this job it would be 4" in said
    assert f"until {end_of(site, running)}" in said
    assert "Sooner with resource_id=1: it would start now" in said


def test_a_dependency_is_named_with_the_job_and_until_when(desk: Terminal, site: Site) -> None:
    running = start(site, "nodes=1,walltime=1")
    said = why(desk, site, site.job("nodes=1,walltime=1", after=[running]))
    assert f"depends on job {running}" in said
    assert f"could start {format_date(int(site.column(running, JobRow.start_time)) + HOUR_S + 120)}" in said


def test_a_container_that_begins_later_is_named_with_its_begin(desk: Terminal, site: Site) -> None:
    running = start(site, "nodes=3,walltime=1")
    container = site.job("nodes=2,walltime=2", types=("container",))
    said = why(desk, site, site.job("nodes=1,walltime=1", types=(f"inner={container}",)))
    assert f"its container, {container} (job {container}), is there from {end_of(site, running)} on" in said
    assert f"could start {end_of(site, running)}" in said


def test_a_container_that_does_not_run_yet_is_named(desk: Terminal, site: Site) -> None:
    container = site.job("nodes=2,walltime=2", types=("container",))
    site.metascheduler.run()
    said = why(desk, site, site.job("nodes=1,walltime=1", types=(f"inner={container}",)))
    assert f"its container, {container}, runs" in said


def test_the_window_of_a_calendar_is_named_with_its_rule_and_when_another_begins(
    desk: Terminal, site: Site, tmp_path: Path
) -> None:
    begin = now_of(site) // 60 * 60 + 2 * DAY_S
    limited = with_quotas(
        desk,
        site,
        tmp_path,
        periodical=[["* * * *", "usual", "default"]],
        oneshot=[[format_date(begin)[:-3], format_date(begin + DAY_S)[:-3], "open", ""]],
        usual={"*,*,*,/": [1, -1, -1]},
        open={"*,*,*,/": [-1, -1, -1]},
    )
    said = why(limited, site, site.job("nodes=1,walltime=1"))
    assert "the quota *,*,*,/ allows user alice 1 resources; with this job it would be 2" in said
    assert f"until {format_date(begin)}" in said


def test_a_reservation_is_named_with_its_end(desk: Terminal, site: Site) -> None:
    begin = now_of(site) + HOUR_S
    reserved = site.job("nodes=3,walltime=1", reserved_from=begin)
    said = why(desk, site, site.job("nodes=1,walltime=2"))
    assert f"until {format_date(begin + HOUR_S + 60)}" in said
    assert f"job {reserved} is a reservation" in said
    assert "Sooner with walltime 0:5" in said


def test_besteffort_jobs_that_have_to_leave_are_named_and_until_when_they_may_stay(
    desk: Terminal, site: Site
) -> None:
    running = start(site, "nodes=3,walltime=9", queue="besteffort", types=("besteffort",))
    with site.engine.begin() as connection:
        connection.execute(update(JobRow).where(JobRow.job_id == running).values(checkpoint=600))
    job = site.job("nodes=1,walltime=1")
    before = now_of(site)
    said = why(desk, site, job)
    dates = [format_date(second + 600) for second in range(before, now_of(site) + 1)]
    words = (
        f"starts as soon as it has the resources of besteffort job {running}, which may save its work until "
    )
    assert any(words + date in said for date in dates)


def test_nodes_that_have_to_wake_up_are_named_and_until_when(
    desk: Terminal, site: Site, database: Database
) -> None:
    energy = EnergySettings(wake_command=("true",), wakeup_s=300)
    site.metascheduler.energy = EnergyRules.of(energy)
    awake = replace(desk, settings=replace(desk.settings, energy=energy))
    with site.engine.begin() as connection:
        connection.execute(update(ResourceRow).values(state="Absent", available_upto=2**31 - 2))
    job = site.job("nodes=3,walltime=1")
    said = why(awake, site, job)
    start, _ = site.plan()[job]
    assert f"starts {format_date(start)} when node1, node2 and node3 have woken up" in said
    assert "node1, node2 and node3 have woken up by " in said


def test_a_queue_that_is_not_active_is_named(desk: Terminal, site: Site) -> None:
    job = site.job("nodes=1,walltime=1")
    with site.engine.begin() as connection:
        disable_queue(connection, "default")
    assert "its queue default is not active" in why(desk, site, job)


def test_the_jobs_before_it_in_a_queue_of_strict_order_are_named(desk: Terminal, site: Site) -> None:
    running = start(site, "nodes=1,walltime=1")
    with site.engine.begin() as connection:
        change_queue(connection, "default", policy="kamelot_fifo")
    first, job = site.job("nodes=3,walltime=1"), site.job("nodes=1,walltime=1")
    assert f"waits behind job {first}, in a queue of strict order" in why(desk, site, job)
    assert f"job {running} holds node1 until {end_of(site, running)}" in why(desk, site, first)


def test_the_date_to_which_a_job_is_postponed_is_named(desk: Terminal, site: Site) -> None:
    date = format_date(now_of(site) + DAY_S)
    said = why(desk, site, site.job("nodes=1,walltime=1", types=(f"postpone={date}",)))
    assert f"it is postponed until {date}" in said
