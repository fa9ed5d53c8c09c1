import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select

from oar.core.effects import Effect
from oar.core.events import EventKind
from oar.core.job_life import JobSignal
from oar.core.kill_life import KILL_MOVES, KillLimits, KillSignal
from oar.core.states import JobState, KillState
from oar.db.events import has_event, pending
from oar.db.kills import (
    KillAnswer,
    OpenKill,
    ask_kill,
    carry_out,
    check_timer,
    exterminate,
    exterminated,
    kill_overdue,
    open_kills,
)
from oar.db.moves import move_job, move_kill
from oar.db.tables_jobs import KillRow
from tests.integration.life.build import add_job, add_node, job_row, job_state

pytestmark = pytest.mark.integration

LIMITS = KillLimits(soft_s=20, hard_s=300)


def kill_state(connection: Connection, job_id: int) -> KillState:
    found = select(KillRow.frag_state).where(KillRow.frag_id_job == job_id)
    return KillState(connection.execute(found).scalar_one())


def add_kill(connection: Connection, job_id: int, state: KillState, date: int = 0) -> OpenKill:
    connection.execute(insert(KillRow).values(frag_id_job=job_id, frag_date=date, frag_state=state))
    (kill,) = open_kills(connection)
    return kill


@pytest.mark.parametrize("user", ["ann", "oar", "root"])
def test_the_owner_and_administrators_may_ask(connection, user):
    job = add_job(connection, JobState.RUNNING)
    assert ask_kill(connection, job, user, 2000) is KillAnswer.ASKED
    assert kill_state(connection, job) is KillState.ASKED


def test_other_users_may_not_ask(connection):
    job = add_job(connection, JobState.RUNNING)
    assert ask_kill(connection, job, "bob", 2000) is KillAnswer.NOT_ALLOWED
    assert open_kills(connection) == []


def test_an_administrator_by_another_name_may_ask(connection):
    job = add_job(connection, JobState.RUNNING)
    assert ask_kill(connection, job, "bob", 2000, is_admin=True) is KillAnswer.ASKED


def test_the_second_wish_is_told_so(connection):
    job = add_job(connection, JobState.RUNNING)
    ask_kill(connection, job, "ann", 2000)
    assert ask_kill(connection, job, "ann", 2001) is KillAnswer.ALREADY_ASKED


def test_an_unknown_job_is_told_so(connection):
    assert ask_kill(connection, 4242, "root", 2000) is KillAnswer.UNKNOWN


def test_a_wish_is_recorded_with_the_name_of_who_had_it(connection):
    job = add_job(connection, JobState.RUNNING)
    ask_kill(connection, job, "ann", 2000)
    (event,) = pending(connection)
    assert (event.kind, event.description) == (
        EventKind.FRAG_JOB_REQUEST,
        f"User ann requested to frag the job {job}",
    )


def test_a_kill_that_is_done_is_no_longer_open(connection):
    job = add_job(connection, JobState.RUNNING)
    ask_kill(connection, job, "ann", 2000)
    move_kill(connection, job, KillSignal.JOB_ENDED)
    assert open_kills(connection) == []


def test_m26_a_waiting_interactive_job_ends_at_once_and_its_client_is_told(connection):
    job = add_job(connection, job_type="INTERACTIVE")
    step = carry_out(connection, add_kill(connection, job, KillState.ASKED), 2000)
    row = job_row(connection, job)
    assert (row.state, row.message) == ("Error", "Job killed by Leon directly")
    assert step.job_ended
    assert Effect.TELL_CLIENT in step.effects


def test_m27_a_running_noop_job_is_terminated(connection):
    job = add_job(connection, JobState.RUNNING, types=("noop",))
    step = carry_out(connection, add_kill(connection, job, KillState.ASKED), 2000)
    assert (job_state(connection, job), step.job_ended) == (JobState.TERMINATED, True)


def test_m27_the_oarexec_of_a_running_job_is_signalled(connection):
    job = add_job(connection, JobState.RUNNING)
    step = carry_out(connection, add_kill(connection, job, KillState.ASKED), 2000)
    assert (step.job_ended, step.effects) == (False, (Effect.SIGNAL_OAREXEC,))
    assert kill_state(connection, job) is KillState.ARMED
    assert has_event(connection, job, EventKind.SEND_KILL_JOB)


def test_a_job_that_moved_meanwhile_keeps_its_kill_for_the_next_pass(connection):
    job = add_job(connection, JobState.TO_LAUNCH)
    kill = add_kill(connection, job, KillState.ASKED)
    move_job(connection, job, JobSignal.LAUNCH, now=2000)
    assert not carry_out(connection, kill, 2000).job_ended
    assert (job_state(connection, job), kill_state(connection, job)) == (JobState.LAUNCHING, KillState.ASKED)


def test_m20_the_kill_of_an_ended_job_is_done(connection):
    job = add_job(connection, JobState.TERMINATED)
    kill = add_kill(connection, job, KillState.ARMED)
    assert check_timer(connection, kill, 2000, LIMITS) is KillSignal.JOB_ENDED
    assert kill_state(connection, job) is KillState.DONE


@pytest.mark.parametrize(
    ("now", "state"),
    [(0, KillState.ARMED), (100, KillState.ASKED), (400, KillState.TO_EXTERMINATE)],
)
def test_m21_a_kill_armed_at_0_goes_on_with_time(connection, now, state):
    job = add_job(connection, JobState.RUNNING)
    check_timer(connection, add_kill(connection, job, KillState.ARMED), now, LIMITS)
    assert kill_state(connection, job) is state


def test_the_timer_starts_with_the_first_signal_not_with_the_wish(connection):
    job = add_job(connection, JobState.RUNNING)
    carry_out(connection, add_kill(connection, job, KillState.ASKED, date=1000), 2000)
    (kill,) = open_kills(connection)
    assert (kill.asked_at, kill.signalled_at) == (1000, 2000)
    assert check_timer(connection, kill, 2010, LIMITS) is None


def test_m25_a_job_to_exterminate_is_finishing(connection):
    job = add_job(connection, JobState.RUNNING)
    step = exterminate(connection, add_kill(connection, job, KillState.TO_EXTERMINATE), 2000)
    row = job_row(connection, job)
    assert (row.state, row.stop_time, row.message) == ("Finishing", 2000, "Job exterminated by Leon")
    assert step.effects == (Effect.CLEAN_NODES,)


def test_m24_an_extermination_that_was_done_is_recorded_once(connection):
    job = add_job(connection, JobState.FINISHING)
    add_kill(connection, job, KillState.TO_EXTERMINATE)
    assert exterminated(connection, job, 2000)
    assert not exterminated(connection, job, 2001)
    assert [event.kind for event in pending(connection)] == [EventKind.EXTERMINATE_JOB]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(KillSignal), max_size=15))
def test_a_walk_of_random_signals_follows_the_table(connection, signals):
    job = add_job(connection, JobState.RUNNING)
    add_kill(connection, job, KillState.ASKED)
    state = KillState.ASKED
    for signal in signals:
        expected = KILL_MOVES.get((state, signal))
        assert move_kill(connection, job, signal) == expected
        state = state if expected is None else expected.to
        assert kill_state(connection, job) is state
    connection.rollback()


def test_m18_a_job_past_its_walltime_is_killed_once(connection):
    job = add_job(
        connection, JobState.RUNNING, resources=add_node(connection, "n1"), start_time=0, walltime_s=60
    )
    assert kill_overdue(connection, 100) == [job]
    assert has_event(connection, job, EventKind.WALLTIME)
    assert kill_overdue(connection, 101) == []


def test_a_job_within_its_walltime_lives(connection):
    add_job(connection, JobState.RUNNING, resources=add_node(connection, "n1"), start_time=0, walltime_s=60)
    assert kill_overdue(connection, 60) == []


def test_time_spent_suspended_is_given_back(connection):
    resources = add_node(connection, "n1")
    job = add_job(connection, JobState.RUNNING, resources=resources, start_time=2000, walltime_s=60)
    for now, signal in ((2010, JobSignal.SUSPEND), (2040, JobSignal.RESUME), (2050, JobSignal.RESUMED)):
        move_job(connection, job, signal, now=now)
    assert kill_overdue(connection, 2100) == []
    assert kill_overdue(connection, 2101) == [job]
