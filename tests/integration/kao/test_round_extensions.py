"""Tokens, turns and the extra step of a site, in rounds on a real database."""

from dataclasses import replace
from pathlib import Path

import pytest

from oar.core.states import JobState
from oar.db.properties import add_property
from oar.db.tables_jobs import JobRow
from oar.kao.extra import Changes, StepView
from oar.kao.metascheduler import Metascheduler
from oar.setting_kinds import Commands
from tests.integration.databases import Database
from tests.integration.kao.site import SETTINGS, Site, make_site

MINUTE = "walltime=0:1:0"


def with_script(site: Site, folder: Path, *lines: str, timeout_s: int = 20) -> Path:
    """Let the site have tokens ``fluent``, counted by a script of these lines."""
    script = folder / "count"
    script.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    script.chmod(0o755)
    site.metascheduler.settings = replace(
        SETTINGS, token_scripts=Commands((("fluent", f"{script} all"),)), filter_timeout_s=timeout_s
    )
    return script


def fluent(site: Site, number: int, request: str = "resource_id=1", **wishes: object) -> int:
    return site.job(f"{request},{MINUTE}", types=[f"token:fluent={number}"], **wishes)


def test_jobs_start_while_there_are_tokens_and_the_next_is_told_how_many_are_left(
    site: Site, tmp_path: Path
) -> None:
    with_script(site, tmp_path, "echo 3")
    first, second, third = fluent(site, 2), fluent(site, 2), fluent(site, 1)
    site.metascheduler.run()
    assert [site.states()[job] for job in (first, second, third)] == [
        JobState.TO_LAUNCH,
        JobState.WAITING,
        JobState.TO_LAUNCH,
    ]
    assert site.column(second, JobRow.message).endswith("(No enough Tokens: fluent (1 < 2))")


def test_tokens_are_counted_over_all_queues_of_a_round(site: Site, tmp_path: Path) -> None:
    with_script(site, tmp_path, "echo 1")
    low, high = fluent(site, 1), fluent(site, 1, queue="admin")
    site.metascheduler.run()
    assert (site.states()[high], site.states()[low]) == (JobState.TO_LAUNCH, JobState.WAITING)


def test_a_job_that_starts_later_uses_no_token_now(site: Site, tmp_path: Path) -> None:
    with_script(site, tmp_path, "echo 1")
    site.job(f"nodes=2,{MINUTE}")
    later, now = fluent(site, 1, "nodes=3"), fluent(site, 1)
    site.metascheduler.run()
    assert later in site.plan()
    assert site.states()[now] == JobState.TO_LAUNCH


def test_a_script_is_run_once_in_a_round_and_only_when_a_job_wants_its_tokens(
    site: Site, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    with_script(site, tmp_path, f"echo $1 >> {runs}; echo 9")
    site.job(f"resource_id=1,{MINUTE}")
    site.metascheduler.run()
    assert not runs.exists()
    fluent(site, 1)
    fluent(site, 1, queue="admin")
    site.metascheduler.run()
    assert runs.read_text() == "all\n"


@pytest.mark.parametrize("lines", [["echo many"], ["exit 1"], [""], ["sleep 600"], ["echo 5; exit 3"]])
def test_without_a_number_the_job_is_told_that_its_tokens_cannot_be_counted(
    site: Site, tmp_path: Path, lines: list[str]
) -> None:
    with_script(site, tmp_path, *lines, timeout_s=1)
    job, other = fluent(site, 1), site.job(f"resource_id=1,{MINUTE}")
    site.metascheduler.run()
    assert site.column(job, JobRow.message).endswith("(Token value cannot be retrieved (fluent))")
    assert site.states()[other] == JobState.TO_LAUNCH


def test_tokens_without_a_script_cannot_be_counted(site: Site) -> None:
    job = fluent(site, 1)
    site.metascheduler.run()
    assert site.column(job, JobRow.scheduler_info) == "Token value cannot be retrieved (fluent)"


def test_p11_all_jobs_are_predicted_after_a_few_rounds_that_may_look_at_two_each(five: Site) -> None:
    first, *others = [five.job(f"resource_id=4,{MINUTE}") for _ in range(5)]
    five.metascheduler.settings = replace(SETTINGS, jobs_per_round=2)
    five.metascheduler.run()
    assert len(five.starts()) == 2
    for _ in range(4):
        five.metascheduler.run()
    start = five.starts()[first]
    assert [five.starts()[job] for job in others] == [start + 120 * number for number in range(1, 5)]


def test_p11_a_job_keeps_its_words_while_others_have_their_turn(five: Site) -> None:
    five.run_job(_launched(five, five.job("resource_id=5,walltime=1:0:0")))
    jobs = [five.job(f"resource_id=4,{MINUTE}") for _ in range(5)]
    five.metascheduler.settings = replace(SETTINGS, jobs_per_round=2)
    for _ in range(6):
        five.metascheduler.run()
    before = [five.column(job, JobRow.scheduler_info) for job in jobs]
    assert all(words.startswith("starts 20") for words in before)
    five.metascheduler.run()
    assert [five.column(job, JobRow.scheduler_info) for job in jobs] == before


def with_step(database: Database, step: object, config: str = "") -> Site:
    """Three nodes of two cores, with a plugin."""
    site = make_site(database, 2, 2, 2)
    settings = replace(SETTINGS, extra_step_config=config)
    scheduler = Metascheduler(database.engine, database.reader, settings, step=step)  # type: ignore[arg-type] # some are bad
    return replace(site, metascheduler=scheduler)


def test_r18_a_property_set_before_the_first_group_counts_in_this_round(database: Database) -> None:
    def deploy_on_one(view: StepView) -> Changes | None:
        return Changes(properties={1: {"deploy": "YES"}}) if view.earlier is None else None

    site = with_step(database, deploy_on_one)
    jobs = [
        site.job(f"resource_id=1,{MINUTE}", properties=one) for one in ("deploy='YES'", "deploy='FOO'", "")
    ]
    site.metascheduler.run()
    states = [site.states()[job] for job in jobs]
    assert states == [JobState.TO_LAUNCH, JobState.WAITING, JobState.TO_LAUNCH]
    assert site.held(jobs[0]) == "1"


def test_r18_nothing_of_a_change_is_stored(database: Database) -> None:
    answers = [Changes(properties={1: {"deploy": "YES"}}), *[None] * 5]
    site = with_step(database, lambda _view: answers.pop(0))
    site.run_job(_launched(site, site.job(f"resource_id=1,{MINUTE}", properties="deploy='YES'")))
    answers.clear()
    answers.extend([None] * 3)
    job = site.job(f"resource_id=1,{MINUTE}", properties="deploy='YES'")
    site.metascheduler.run()
    assert site.states()[job] == JobState.WAITING


def test_a_step_is_asked_before_each_group_with_what_was_planned_so_far(database: Database) -> None:
    seen: list[tuple[tuple[str, ...], tuple[str, ...] | None, list[int], str]] = []
    site = with_step(
        database,
        lambda view: seen.append((view.queues, view.earlier, list(view.planned), view.config)),
        config="some text",
    )
    urgent, job = site.job(f"nodes=1,{MINUTE}", queue="admin"), site.job(f"nodes=1,{MINUTE}")
    site.metascheduler.run()
    assert seen == [
        (("admin",), None, [], "some text"),
        (("default",), ("admin",), [urgent], "some text"),
        (("besteffort",), ("admin", "default"), [urgent, job], "some text"),
    ]


def test_a_step_gives_a_job_one_more_condition(database: Database) -> None:
    site = with_step(
        database, lambda view: Changes(conditions={job.job_id: "resource_id > 4" for job in view.waiting})
    )
    job = site.job(f"resource_id=1,{MINUTE}", properties="deploy='NO'")
    site.metascheduler.run()
    assert site.held(job) == "5"


def test_a_step_leaves_jobs_out_and_they_are_told_why(database: Database) -> None:
    site = with_step(
        database,
        lambda view: Changes(left_out={view.waiting[0].job_id: "not on Sundays"}) if view.waiting else None,
    )
    out, job = site.job(f"nodes=1,{MINUTE}"), site.job(f"nodes=1,{MINUTE}")
    site.metascheduler.run()
    assert (site.states()[out], site.states()[job]) == (JobState.WAITING, JobState.TO_LAUNCH)
    assert site.column(out, JobRow.scheduler_info) == "not on Sundays"


def test_properties_of_other_types_may_be_changed_too(database: Database) -> None:
    site = with_step(database, lambda _view: Changes(properties={5: {"mem": 64}, 6: {"mem": None}}))
    with site.engine.begin() as connection:
        add_property(connection, "mem", text=False)
    job = site.job(f"resource_id=1,{MINUTE}", properties="mem >= 32")
    site.metascheduler.run()
    assert site.held(job) == "5"


def _raise(_view: StepView) -> None:
    raise RuntimeError("a bad day")


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (_raise, "RuntimeError: a bad day"),
        (lambda _view: "YES", "it returned str"),
        (lambda _view: Changes(properties={1: {"speed": 3}}), "there is no property speed"),
        (lambda _view: Changes(properties={1: {"state": "Alive"}}), "there is no property state that may"),
        (lambda _view: Changes(properties={77: {"deploy": "YES"}}), "there is no resource 77"),
        (lambda _view: Changes(left_out={77: "no"}), "there is no waiting job 77"),
    ],
)
def test_a_step_that_fails_is_logged_and_left_out(
    database: Database, caplog: pytest.LogCaptureFixture, step: object, words: str
) -> None:
    site = with_step(database, step)
    job = site.job(f"nodes=1,{MINUTE}")
    site.metascheduler.run()
    assert site.states()[job] == JobState.TO_LAUNCH
    assert words in caplog.text


def _launched(site: Site, job: int) -> int:
    site.metascheduler.run()
    assert site.states()[job] == JobState.TO_LAUNCH
    return job
