from oar.almighty.job_queues import SLOW_PER_PLACE, ActionKind, JobAction, JobQueues
from oar.core.messages import JobReport


def launch(job_id: int) -> JobAction:
    return JobAction(job_id, ActionKind.LAUNCH)


def report(job_id: int, code: int = 0) -> JobAction:
    return JobAction(job_id, ActionKind.REPORT, JobReport(job_id, code, 0, "1"))


def test_no_more_actions_run_than_allowed():
    queues = JobQueues(2)
    for job_id in (1, 2, 3):
        queues.add(launch(job_id))
    assert [queues.take(), queues.take(), queues.take()] == [launch(1), launch(2), None]


def test_an_ended_action_makes_room():
    queues = JobQueues(1)
    queues.add(launch(1))
    queues.add(launch(2))
    queues.take()
    queues.done(launch(1))
    assert queues.take() == launch(2)


def test_the_report_of_a_job_waits_for_its_launch():
    queues = JobQueues(5)
    queues.add(launch(1))
    queues.take()
    queues.add(report(1))
    assert queues.take() is None
    queues.done(launch(1))
    assert queues.take() == report(1)


def test_an_action_that_waits_is_not_queued_twice():
    queues = JobQueues(5)
    assert queues.add(launch(1))
    assert not queues.add(launch(1))


def test_an_action_that_runs_is_not_queued_again():
    queues = JobQueues(5)
    queues.add(launch(1))
    queues.take()
    assert not queues.add(launch(1))
    queues.done(launch(1))
    assert queues.take() is None


def test_ends_go_before_launches():
    queues = JobQueues(1)
    queues.add(launch(1))
    queues.add(report(2))
    assert queues.take() == report(2)


def test_a_job_is_busy_from_the_queueing_to_the_end_of_its_last_action():
    queues = JobQueues(1)
    queues.add(launch(1))
    assert queues.is_busy(1)
    queues.take()
    assert queues.is_busy(1)
    queues.done(launch(1))
    assert not queues.is_busy(1)


def test_actions_of_other_jobs_pass_a_job_that_is_blocked():
    queues = JobQueues(5)
    queues.add(launch(1))
    queues.take()
    queues.add(report(1))
    queues.add(launch(2))
    assert queues.take() == launch(2)


def test_launches_that_hang_hold_back_no_end():
    queues = JobQueues(2)
    for action in (launch(1), launch(2), report(3), report(4)):
        queues.add(action)
        assert queues.take() == action


def test_ends_leave_no_place_for_launches():
    queues = JobQueues(1)
    queues.add(report(1))
    queues.take()
    queues.add(launch(2))
    assert queues.take() is None


def test_a_slow_action_makes_room_though_it_goes_on():
    queues = JobQueues(1)
    queues.add(launch(1))
    queues.add(launch(2))
    queues.take()
    queues.give_up_place(launch(1))
    assert queues.take() == launch(2)
    queues.add(report(1))
    assert queues.take() is None


def test_only_so_many_actions_may_be_slow():
    queues = JobQueues(1)
    for job_id in range(SLOW_PER_PLACE + 1):
        queues.add(launch(job_id))
        assert queues.take() == launch(job_id)
        queues.give_up_place(launch(job_id))
    queues.add(launch(99))
    assert queues.take() is None


def test_a_slow_action_that_ends_leaves_nothing_behind():
    queues = JobQueues(1)
    queues.add(launch(1))
    queues.take()
    queues.give_up_place(launch(1))
    queues.done(launch(1))
    queues.give_up_place(launch(1))
    queues.add(launch(1))
    assert queues.take() == launch(1)
    queues.add(launch(2))
    assert queues.take() is None
