import pytest
from sqlalchemy import Connection, insert, select

from oar.core.effects import Effect
from oar.core.events import CONSEQUENCES, EventKind, Resubmits
from oar.core.job_life import JobSignal
from oar.core.states import JobState
from oar.db.consequences import Applied, apply_event
from oar.db.events import has_event, pending, record
from oar.db.kills import ask_kill
from oar.db.moves import move_job
from oar.db.tables_admin import EventHostnameRow, EventRow, QueueRow
from oar.db.tables_jobs import ChallengeRow, DependencyRow, JobRow, JobTypeRow
from tests.integration.life.build import (
    add_dependency,
    add_job,
    add_node,
    current_rows,
    job_row,
    job_state,
    open_logs,
    resource_row,
)

pytestmark = pytest.mark.integration

ASK_AGAIN = 99 * 256


def happen(connection: Connection, kind: EventKind, job_id: int, nodes: tuple[str, ...] = ()) -> Applied:
    """Record an event and carry it out, as the server does."""
    record(connection, kind, job_id=job_id, nodes=nodes, now=2000)
    (event,) = pending(connection)
    return apply_event(connection, event, 2000)


def states_of(connection: Connection, ids: list[int]) -> list[str]:
    return [resource_row(connection, one).state for one in ids]


def test_an_order_waits_until_it_is_carried_out(connection):
    job = add_job(connection, JobState.FINISHING)
    happen(connection, EventKind.SWITCH_INTO_TERMINATE_STATE, job)
    assert pending(connection) == []


def test_a_record_waits_for_nobody(connection):
    record(connection, EventKind.WALLTIME, now=2000)
    assert pending(connection) == []


def test_an_event_keeps_its_nodes_and_a_description_of_bounded_length(connection):
    record(connection, EventKind.CPUSET_ERROR, nodes=("n2", "n1", "n1"), description="x" * 300, now=2000)
    (event,) = pending(connection)
    assert (event.nodes, event.description) == (("n1", "n2"), "x" * 255)


def test_an_unknown_order_is_marked_and_ignored(connection):
    record(connection, "SOMETHING_NEW", to_check=True, now=2000)
    (event,) = pending(connection)
    assert apply_event(connection, event, 2000) == Applied(event)
    assert pending(connection) == []


def test_an_event_is_carried_out_once(connection):
    (resource,) = add_node(connection, "n1")
    record(connection, EventKind.CPUSET_CLEAN_ERROR, nodes=("n1",), now=2000)
    (event,) = pending(connection)
    assert apply_event(connection, event, 2000).nodes.changes
    assert apply_event(connection, event, 2000) == Applied(event)
    assert states_of(connection, [resource]) == ["Suspected"]


@pytest.mark.parametrize("kind", CONSEQUENCES)
def test_every_order_can_be_carried_out_without_a_job(connection, kind):
    happen(connection, kind, 0)
    assert pending(connection) == []


@pytest.mark.parametrize("kind", [kind for kind, found in CONSEQUENCES.items() if found.job_signal])
def test_every_order_moves_its_job_as_the_table_says(connection, kind):
    signal = CONSEQUENCES[kind].job_signal
    start = {
        JobSignal.HOLD: JobState.WAITING,
        JobSignal.RESUME: JobState.HOLD,
        JobSignal.RESUMED: JobState.RESUMING,
    }
    # A job with something on its nodes would have to be let go on there first.
    types = ("noop",) if signal is JobSignal.RESUMED else ()
    job = add_job(connection, start.get(signal, JobState.FINISHING), types=types)
    applied = happen(connection, kind, job)
    assert applied.move is not None
    assert job_state(connection, job) is applied.move.to


def test_m2_an_extermination_puts_a_waiting_job_in_error(connection):
    job = add_job(connection)
    happen(connection, EventKind.EXTERMINATE_JOB, job)
    assert job_state(connection, job) is JobState.ERROR


def test_m3_an_idempotent_job_that_asked_for_it_runs_again(connection):
    times = {"start_time": 10, "stop_time": 100, "exit_code": ASK_AGAIN}
    job = add_job(connection, JobState.FINISHING, types=("idempotent",), **times)
    applied = happen(connection, EventKind.SWITCH_INTO_TERMINATE_STATE, job)
    copy = job_row(connection, applied.resubmitted_as)
    assert job_state(connection, job) is JobState.TERMINATED
    assert (copy.state, copy.resubmit_job_id, copy.exit_code) == ("Waiting", job, None)
    assert has_event(connection, job, EventKind.RESUBMIT_JOB_AUTOMATICALLY)


def test_a_killed_idempotent_job_does_not_run_again(connection):
    times = {"start_time": 10, "stop_time": 100, "exit_code": ASK_AGAIN}
    job = add_job(connection, JobState.FINISHING, types=("idempotent",), **times)
    record(connection, EventKind.SEND_KILL_JOB, job_id=job, now=50)
    assert happen(connection, EventKind.SWITCH_INTO_ERROR_STATE, job).resubmitted_as is None


@pytest.mark.parametrize(
    ("kind", "again"),
    [(EventKind.SWITCH_INTO_ERROR_STATE, True), (EventKind.SWITCH_INTO_TERMINATE_STATE, False)],
)
def test_an_evicted_idempotent_job_runs_again_unless_it_ended_by_itself(connection, kind, again):
    job = add_job(connection, JobState.FINISHING, types=("besteffort", "idempotent"))
    ask_kill(connection, job, "oar", 1990)
    record(connection, EventKind.BESTEFFORT_KILL, job_id=job, now=1990)
    for event in pending(connection):
        apply_event(connection, event, 1990)
    assert (happen(connection, kind, job).resubmitted_as is not None) is again


def test_m4_a_failed_epilogue_terminates_the_job(connection):
    job = add_job(connection, JobState.FINISHING)
    happen(connection, EventKind.EPILOGUE_ERROR, job)
    assert job_state(connection, job) is JobState.TERMINATED


def test_m5_a_wish_to_kill_only_tells_the_user(connection):
    job = add_job(connection)
    applied = happen(connection, EventKind.FRAG_JOB_REQUEST, job)
    assert (job_state(connection, job), applied.effects) == (JobState.WAITING, (Effect.TELL_USER,))


def test_m6_a_job_whose_nodes_do_not_answer_is_submitted_again(connection):
    resources = [*add_node(connection, "n1"), *add_node(connection, "n2")]
    job = add_job(connection, JobState.LAUNCHING, resources=resources)
    applied = happen(connection, EventKind.PING_CHECKER_NODE_SUSPECTED, job, ("n2",))
    assert job_state(connection, job) is JobState.ERROR
    assert applied.resubmitted_as is not None
    assert states_of(connection, resources) == ["Alive", "Suspected"]
    assert resource_row(connection, resources[1]).finaud_decision == "YES"


def test_m7_a_failed_prologue_condemns_a_reservation_and_its_first_node(connection):
    resources = [*add_node(connection, "n2", 2), *add_node(connection, "n1", 2)]
    job = add_job(connection, JobState.LAUNCHING, resources=resources, reservation="Scheduled")
    applied = happen(connection, EventKind.PROLOGUE_ERROR, job)
    assert (job_state(connection, job), applied.resubmitted_as) == (JobState.ERROR, None)
    assert states_of(connection, resources) == ["Alive", "Alive", "Suspected", "Suspected"]


def test_nodes_that_are_taken_from_the_job_are_named_in_an_event(connection):
    job = add_job(connection, JobState.LAUNCHING, resources=add_node(connection, "n1"))
    happen(connection, EventKind.LAUNCHING_OAREXEC_TIMEOUT, job)
    named = (
        select(EventHostnameRow.hostname)
        .join(EventRow, EventRow.event_id == EventHostnameRow.event_id)
        .where(EventRow.type == EventKind.LOG_SUSPECTED, EventRow.job_id == 0)
    )
    assert connection.execute(named).scalars().all() == ["n1"]


def test_m8_a_failed_program_of_the_server_stops_all_queues(connection):
    connection.execute(insert(QueueRow).values(queue_name="extra"))
    job = add_job(connection, JobState.LAUNCHING)
    applied = happen(connection, EventKind.SERVER_PROLOGUE_TIMEOUT, job)
    assert (job_state(connection, job), applied.queues_stopped) == (JobState.ERROR, True)
    assert set(connection.execute(select(QueueRow.state)).scalars()) == {"notActive"}
    assert has_event(connection, job, EventKind.RESUBMIT_JOB_AUTOMATICALLY)


def test_a_reservation_goes_on_without_the_nodes_that_failed(connection):
    resources = [*add_node(connection, "n1"), *add_node(connection, "n2")]
    job = add_job(connection, JobState.LAUNCHING, resources=resources, reservation="Scheduled")
    happen(connection, EventKind.CPUSET_ERROR, job, ("n1",))
    assert job_state(connection, job) is JobState.LAUNCHING
    assert states_of(connection, resources) == ["Suspected", "Alive"]


def test_the_first_event_decides(connection):
    job = add_job(connection, JobState.FINISHING)
    happen(connection, EventKind.SWITCH_INTO_ERROR_STATE, job)
    assert happen(connection, EventKind.EPILOGUE_ERROR, job).move is None
    assert job_state(connection, job) is JobState.ERROR


@pytest.mark.parametrize("kind", [EventKind.HOLD_WAITING_JOB, EventKind.HOLD_RUNNING_JOB])
def test_m12_a_waiting_interactive_job_can_be_held(connection, kind):
    job = add_job(connection, job_type="INTERACTIVE")
    applied = happen(connection, kind, job)
    assert (job_state(connection, job), applied.effects) == (JobState.HOLD, (Effect.TELL_CLIENT,))


@pytest.mark.parametrize("kind", [EventKind.HOLD_WAITING_JOB, EventKind.HOLD_RUNNING_JOB])
def test_m13_a_job_that_resumes_can_be_held(connection, kind):
    job = add_job(connection, JobState.RESUMING)
    happen(connection, kind, job)
    assert job_state(connection, job) is JobState.SUSPENDED


@pytest.mark.parametrize(
    ("start", "end"), [(JobState.SUSPENDED, JobState.RESUMING), (JobState.HOLD, JobState.WAITING)]
)
def test_m14_held_and_suspended_jobs_can_be_resumed(connection, start, end):
    job = add_job(connection, start)
    happen(connection, EventKind.RESUME_JOB, job)
    assert job_state(connection, job) is end


def test_suspending_a_running_job_is_left_to_its_nodes(connection):
    job = add_job(connection, JobState.RUNNING)
    applied = happen(connection, EventKind.HOLD_RUNNING_JOB, job)
    assert (job_state(connection, job), applied.effects) == (JobState.RUNNING, (Effect.FREEZE_NODES,))


@pytest.mark.parametrize(
    ("kind", "state", "effect"),
    [
        (EventKind.HOLD_RUNNING_JOB, JobState.RUNNING, Effect.FREEZE_NODES),
        (EventKind.RESUME_GRANTED, JobState.RESUMING, Effect.THAW_NODES),
    ],
)
def test_a_wish_that_the_nodes_have_to_carry_out_stays_until_they_have(connection, kind, state, effect):
    job = add_job(connection, state)
    assert happen(connection, kind, job).effects == (effect,)
    assert [event.kind for event in pending(connection)] == [kind]


def test_a_suspended_job_is_frozen_again_while_its_wish_is_open(connection):
    job = add_job(connection, JobState.SUSPENDED)
    assert happen(connection, EventKind.HOLD_RUNNING_JOB, job).effects == (Effect.FREEZE_NODES,)


def test_a_running_noop_job_is_suspended_at_once(connection):
    job = add_job(connection, JobState.RUNNING, types=("noop",))
    happen(connection, EventKind.HOLD_RUNNING_JOB, job)
    assert job_state(connection, job) is JobState.SUSPENDED


def test_a_wish_to_suspend_waits_until_the_job_runs(connection):
    job = add_job(connection, JobState.LAUNCHING)
    record(connection, EventKind.HOLD_RUNNING_JOB, job_id=job, now=2000)
    assert pending(connection) == []
    move_job(connection, job, JobSignal.START, now=2001)
    assert [event.kind for event in pending(connection)] == [EventKind.HOLD_RUNNING_JOB]


def test_a_copy_is_what_the_original_was_before_it_ran(connection):
    resources = add_node(connection, "n1")
    job = add_job(connection, JobState.LAUNCHING, resources=resources, types=("besteffort",), array_id=7)
    waiting = add_job(connection)
    add_dependency(connection, waiting, job)
    wanted = current_rows(connection, job)
    copy = happen(connection, EventKind.CPUSET_ERROR, job).resubmitted_as
    row = job_row(connection, copy)
    assert (row.array_id, row.command, row.start_time, row.assigned_moldable_job) == (7, "true", 0, None)
    assert current_rows(connection, copy) == {name: n for name, n in wanted.items() if name != "assignments"}
    assert open_logs(connection, copy) == [JobState.WAITING]
    types = select(JobTypeRow.type).where(JobTypeRow.job_id == copy)
    assert connection.execute(types).scalars().all() == ["besteffort"]
    required = select(DependencyRow.job_id_required).where(DependencyRow.job_id == waiting)
    assert connection.execute(required).scalar_one() == copy


def test_a_copy_takes_over_the_keys_but_not_the_challenge(connection):
    job = add_job(connection, JobState.LAUNCHING)
    copy = happen(connection, EventKind.CPUSET_ERROR, job).resubmitted_as
    keys = dict(connection.execute(select(ChallengeRow.job_id, ChallengeRow.ssh_private_key)).all())
    challenges = connection.execute(select(ChallengeRow.challenge)).scalars().all()
    assert keys == {job: "", copy: "secret"}
    assert len(set(challenges)) == 2


def test_a_job_is_submitted_again_only_once(connection):
    job = add_job(connection, JobState.LAUNCHING)
    assert happen(connection, EventKind.CPUSET_ERROR, job).resubmitted_as is not None
    assert happen(connection, EventKind.PROLOGUE_ERROR, job).resubmitted_as is None


def test_a_job_that_its_user_killed_is_not_submitted_again(connection):
    job = add_job(connection, JobState.LAUNCHING)
    ask_kill(connection, job, "ann", 1990)
    happen_request = pending(connection)
    for event in happen_request:
        apply_event(connection, event, 1990)
    assert happen(connection, EventKind.CPUSET_ERROR, job).resubmitted_as is None


def test_a_job_that_never_starts_is_given_up_after_three_copies(connection):
    job, copies = add_job(connection, JobState.WAITING), 0
    while job is not None:
        job, copies = happen(connection, EventKind.CPUSET_ERROR, job).resubmitted_as, copies + 1
    assert copies == 1 + 3


def test_a_copy_that_fails_to_start_condemns_no_second_node(connection):
    resources = [*add_node(connection, "n1"), *add_node(connection, "n2")]
    first = add_job(connection, JobState.LAUNCHING, resources=resources[:1])
    happen(connection, EventKind.LAUNCHING_OAREXEC_TIMEOUT, first)
    second = add_job(connection, JobState.LAUNCHING, resources=resources[1:], resubmit_job_id=first)
    happen(connection, EventKind.LAUNCHING_OAREXEC_TIMEOUT, second)
    assert states_of(connection, resources) == ["Suspected", "Alive"]


@pytest.mark.parametrize("kind", [k for k, found in CONSEQUENCES.items() if found.resubmits is Resubmits.YES])
def test_interactive_jobs_are_never_submitted_again(connection, kind):
    job = add_job(connection, JobState.LAUNCHING, job_type="INTERACTIVE")
    happen(connection, kind, job)
    assert connection.execute(select(JobRow.job_id)).scalars().all() == [job]
