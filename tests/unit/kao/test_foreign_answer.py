"""What is made of the rows and lines that a foreign scheduler leaves."""

from dataclasses import replace

import pytest
from procset import ProcSet

from oar.core.job import Assignment, JobId, MoldableId, NoRoom
from oar.kamelot import Rules
from oar.kao.external.answer import Ready, outcomes_of, read_line
from oar.kao.external.policy import is_foreign, schedulers_folder
from oar.kao.external.shown import shown_plan
from oar.kao.model import QueueView
from oar.kao.queue_plan import queue_groups
from oar.kao.round import run_round
from oar.testing import make_running, make_waiting, make_world

NOW = 1000
JOB = make_waiting(1, "nodes=1,walltime=0:1:0", "nodes=2,walltime=0:2:0")
ALL = ProcSet((1, 6))


def row(start, resources="1-2", moldable=10, walltime_s=60):
    return Assignment(JobId(1), MoldableId(moldable), start, walltime_s, ProcSet.from_str(resources))


def outcome(*rows, lines=()):
    return outcomes_of([JOB], rows, lines, scheduler="other", now=NOW, known=ALL)[JobId(1)]


@pytest.mark.parametrize(
    ("policy", "foreign"),
    [
        ("kamelot", False),
        ("kamelot_fifo", False),
        ("", False),
        ("oar_sched_gantt_with_timesharing_and_fairsharing_and_quotas", False),
        ("our_scheduler", True),
    ],
)
def test_a_policy_that_kamelot_does_not_stand_in_for_is_another_program(policy, foreign):
    assert is_foreign(policy) is foreign


def test_programs_are_where_the_settings_say_or_in_the_folder_of_oar():
    assert str(schedulers_folder("/opt/s", "/opt/oar")) == "/opt/s"
    assert str(schedulers_folder("", "/opt/oar")) == "/opt/oar/schedulers"
    assert str(schedulers_folder("", None)) == "/usr/lib/oar/schedulers"


def test_a_line_schedrun_names_job_moldable_and_resources():
    found = read_line("SCHEDRUN JOB_ID=3 MOLDABLE_JOB_ID=4 RESOURCES=1,2,7\n")
    assert found == Ready(JobId(3), MoldableId(4), ProcSet((1, 2), 7))


@pytest.mark.parametrize(
    "line",
    ["", "SCHEDRUN", "SCHEDRUN JOB_ID=3 MOLDABLE_JOB_ID=4 RESOURCES=", "xSCHEDRUN JOB_ID=3", "\0",
     "SCHEDRUN JOB_ID=3 MOLDABLE_JOB_ID=4 RESOURCES=1,,2", "SCHEDRUN JOB_ID=٣ MOLDABLE_JOB_ID=4 RESOURCES=1"],
)  # fmt: skip
def test_any_other_line_says_nothing(line):
    assert read_line(line) is None


def test_a_row_is_a_place():
    assert outcome(row(NOW + 5)) == row(NOW + 5)


def test_a_row_whose_date_is_past_begins_now():
    assert outcome(row(NOW - 5)) == row(NOW)


def test_of_two_rows_the_first_in_time_counts():
    assert outcome(row(NOW + 9, moldable=11), row(NOW + 5)) == row(NOW + 5)


def test_a_line_without_a_row_is_a_place_now_for_the_walltime_of_the_moldable():
    line = Ready(JobId(1), MoldableId(11), ProcSet((1, 4)))
    assert outcome(lines=[line]) == row(NOW, "1-4", 11, 120)


def test_a_row_counts_more_than_a_line():
    assert outcome(row(NOW + 5), lines=[Ready(JobId(1), MoldableId(11), ProcSet((1, 4)))]) == row(NOW + 5)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (row(NOW, moldable=77), "moldable 77, which is of another job"),
        (row(NOW, resources="1-9"), "resources 7-9, which do not exist or are Dead"),
        (replace(row(NOW), resources=ProcSet()), "no resources"),
        (row(2**31 - 30), "a start at"),
    ],
)
def test_what_cannot_be_is_refused_in_words(place, words):
    found = outcome(place)
    assert isinstance(found, NoRoom)
    assert words in found.reason


def test_a_job_that_was_left_out_has_no_place():
    assert outcome() == NoRoom(JobId(1), "the scheduler other gave it no place")


def test_a_foreign_queue_comes_alone_after_those_of_its_priority():
    queues = (QueueView("a", 2, True, "other"), QueueView("b", 2, True), QueueView("c", 2, True))
    assert [[one.name for one in group] for group in queue_groups(queues)] == [["b", "c"], ["a"]]


def test_the_program_is_shown_what_runs_until_now_at_least():
    late = make_running(9, [1], start_time=NOW - 500, walltime_s=60)
    new = make_running(8, [2], start_time=0, walltime_s=60)
    world = make_world(now=NOW, running=(late, new))
    shown = shown_plan(world, run_round(world, Rules()))
    assert [(one.job_id, one.start_time) for one in shown] == [(8, NOW), (9, NOW - 60)]
