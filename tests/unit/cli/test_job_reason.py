from oar.cli.job_reason import JobReason
from oar.core.job import JobId
from oar.core.listings import Place, Requirement
from oar.core.states import JobState, NodeState
from tests.unit.cli.jobs import TEN, a_job, an_event


def sentences(job, queue_state="Active"):
    return list(JobReason(job, queue_state, TEN + 60).sentences())


def waiting(**values):
    return a_job(state=JobState.WAITING, start_time=0, assigned=(), assigned_moldable=0, **values)


def test_a_waiting_job_shows_the_reason_of_the_scheduler_and_when_it_should_start():
    places = (Place(1, "node1", NodeState.ALIVE), Place(2, "node1", NodeState.ALIVE))
    job = waiting(scheduler_info="job 3 holds node1", predicted_start=TEN + 660, predicted=places)
    assert sentences(job) == [
        "Reason: job 3 holds node1",
        "Message: R=2,W=2:0:0,J=B",
        "Predicted start: 2024-01-01 10:11:00 (in 0:10:0) on node1.",
    ]


def test_a_new_job_says_that_nobody_looked_at_it_yet():
    assert sentences(waiting(message="")) == ["The scheduler has not looked at it yet."]


def test_a_job_without_a_place_says_that_there_is_no_prediction():
    assert sentences(waiting())[-1] == "Predicted start: none so far."


def test_a_job_that_waits_for_others_names_them_with_their_states():
    job = waiting(dependencies=(Requirement(JobId(3), JobState.RUNNING), Requirement(JobId(4), None)))
    assert "It depends on job 3, which is in state Running." in sentences(job)
    assert "It depends on job 4, which does not exist any more." in sentences(job)


def test_a_job_in_a_stopped_queue_says_so():
    assert any("is not active" in sentence for sentence in sentences(waiting(), "notActive"))


def test_a_job_whose_queue_was_removed_says_so():
    assert any("no queue default any more" in sentence for sentence in sentences(waiting(), None))


def test_a_held_job_says_what_lets_it_go():
    job = a_job(state=JobState.HOLD)
    assert sentences(job) == ["It is held: it waits until oarresume 12 lets it go."]


def test_a_running_job_says_since_when_where_and_how_long_it_may():
    assert sentences(a_job())[:2] == [
        "It runs since 2024-01-01 10:01:00 on node1, node2.",
        "Its walltime ends at 2024-01-01 12:01:00.",
    ]


def test_an_ended_job_says_how_it_ended():
    job = a_job(state=JobState.TERMINATED, stop_time=TEN + 120, exit_code=256, events=(an_event(),))
    assert sentences(job) == [
        "It started at 2024-01-01 10:01:00 and ran for 0:1:0.",
        "It ended at 2024-01-01 10:02:00.",
        "Exit code: 256 (1,0,0).",
        "Message: R=2,W=2:0:0,J=B",
        "TYPE: description",
    ]


def test_a_job_killed_while_it_waited_never_started():
    assert sentences(a_job(state=JobState.ERROR, start_time=0, assigned=()))[0] == "It never started."


def test_a_reservation_killed_before_its_date_has_not_ended_in_the_future():
    killed = a_job(state=JobState.ERROR, start_time=TEN + 9999, stop_time=TEN + 9999, assigned=())
    assert not [sentence for sentence in sentences(killed) if "ended at" in sentence]


def test_the_first_line_names_the_job_and_its_state():
    assert (
        next(JobReason(a_job(), "Active", TEN).lines()) == "Job 12 (bob, queue default) is in state Running."
    )


def test_programs_get_the_facts_and_the_words():
    structure = JobReason(waiting(scheduler_info="full"), "Active", TEN).structure()
    assert structure["reason"] == "full"
    assert structure["explanation"][0] == "Reason: full"


def test_the_reason_a_job_waited_for_is_not_told_once_it_runs():
    assert not any("starts now" in sentence for sentence in sentences(a_job(scheduler_info="starts now")))
