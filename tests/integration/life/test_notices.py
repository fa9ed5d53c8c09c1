"""What users are to be told is on record as soon as it has happened."""

import pytest
from sqlalchemy import Connection, select

from oar.core.events import Event, EventKind
from oar.core.job_life import JobSignal
from oar.core.states import JobState
from oar.db.consequences import apply_event
from oar.db.events import pending
from oar.db.kills import ask_kill
from oar.db.moves import move_job
from oar.db.notices import close_notice, open_notices
from oar.db.tables_admin import EventRow
from oar.db.watch import has_node_work, pending_of
from tests.integration.life.build import add_job, add_node

pytestmark = pytest.mark.integration

MAIL = EventKind.USER_MAIL_NOTIFICATION
EXEC = EventKind.USER_EXEC_NOTIFICATION


def told(connection: Connection) -> list[tuple[EventKind, str]]:
    return [(notice.kind, notice.words) for notice in open_notices(connection)]


@pytest.mark.parametrize(
    ("state", "signal", "words"),
    [
        (JobState.LAUNCHING, JobSignal.START, "[RUNNING] Job is running."),
        (JobState.RUNNING, JobSignal.SUSPEND, "[SUSPENDED] Job is suspended."),
        (JobState.SUSPENDED, JobSignal.RESUME, "[RESUMING] Job is resuming."),
        (JobState.RESUMING, JobSignal.RESUMED, "[RUNNING] Job is running."),
        (JobState.RESUMING, JobSignal.HOLD, "[SUSPENDED] Job is suspended."),
        (JobState.FINISHING, JobSignal.TERMINATE, "[END] Job stopped normally."),
        (JobState.FINISHING, JobSignal.FAIL, "[ERROR] Job stopped abnormally or an OAR error occured."),
        (JobState.WAITING, JobSignal.KILL, "[ERROR] Job stopped abnormally or an OAR error occured."),
    ],
)
def test_a_move_into_a_state_that_matters_is_told(connection, state, signal, words):
    job = add_job(connection, state, notify="mail:ann@example.org", resources=add_node(connection, "n1"))
    move_job(connection, job, signal, now=2000)
    assert told(connection) == [(MAIL, words)]


def test_other_moves_are_not_told(connection):
    job = add_job(connection, JobState.RUNNING, notify="mail:ann@example.org")
    move_job(connection, job, JobSignal.FINISH, now=2000)
    assert told(connection) == []


@pytest.mark.parametrize("notify", [None, "", "[END]mail:ann", "[ERROR, end] exec:/bin/true"])
def test_who_did_not_ask_is_not_told(connection, notify):
    job = add_job(connection, JobState.LAUNCHING, notify=notify)
    move_job(connection, job, JobSignal.START, now=2000)
    assert told(connection) == []


@pytest.mark.parametrize(
    ("notify", "kind"),
    [
        ("[RUNNING]mail:ann", MAIL),
        ("[end,running] mail:exec:x", MAIL),
        ("exec:/bin/mail: x", EXEC),
        (" [ RUNNING ] exec:/x", EXEC),
    ],
)
def test_tags_choose_and_the_way_to_be_told_is_known(connection, notify, kind):
    job = add_job(connection, JobState.LAUNCHING, notify=notify)
    move_job(connection, job, JobSignal.START, now=2000)
    assert told(connection) == [(kind, "[RUNNING] Job is running.")]


def test_m5_a_kill_is_told_to_the_owner_with_the_words_of_who_asked(connection):
    job = add_job(connection, JobState.WAITING, notify="mail:ann", info_type="front:4711", job_name="sim")
    ask_kill(connection, job, "oar", 2000)
    (event,) = pending(connection)
    apply_event(connection, event, 2001)
    (notice,) = open_notices(connection)
    assert notice.words == (
        f"[INFO] Your job was asked to be deleted - User oar requested to frag the job {job}"
    )
    assert (notice.job_id, notice.job_name, notice.user, notice.host) == (job, "sim", "ann", "front")


def test_what_is_to_be_told_is_no_work_for_those_who_apply_events(connection):
    job = add_job(connection, JobState.LAUNCHING, notify="mail:ann")
    move_job(connection, job, JobSignal.START, now=2000)
    assert (pending(connection), pending_of(connection, job), has_node_work(connection)) == ([], [], False)


def test_a_notice_that_was_told_stays_on_record(connection):
    job = add_job(connection, JobState.LAUNCHING, notify="mail:ann")
    move_job(connection, job, JobSignal.START, now=2000)
    (notice,) = open_notices(connection)
    close_notice(connection, notice, "mail to ann", 2001)
    words = connection.scalars(select(EventRow.description).where(EventRow.type == MAIL)).all()
    assert (open_notices(connection), words) == ([], ["[RUNNING] Job is running. mail to ann"])


def test_a_program_that_failed_leaves_an_event_of_its_own(connection):
    job = add_job(connection, JobState.LAUNCHING, notify="exec:/x")
    move_job(connection, job, JobSignal.START, now=2000)
    (notice,) = open_notices(connection)
    close_notice(connection, notice, "status 3", 2001, failed=True)
    close_notice(connection, notice, "status 3", 2002, failed=True)
    kinds = connection.scalars(
        select(EventRow.type).where(EventRow.job_id == job).order_by(EventRow.event_id)
    )
    assert list(kinds) == [EXEC, EventKind.USER_EXEC_NOTIFICATION_ERROR]


def test_administrators_are_told_of_queues_that_are_stopped(connection):
    job = add_job(connection, JobState.FINISHING)
    kind = EventKind.SERVER_EPILOGUE_TIMEOUT
    connection.execute(EventRow.__table__.insert().values(type=kind, job_id=job, date=1, description="late"))
    (found,) = pending_of(connection, job)
    apply_event(connection, Event(found.event_id, kind, job, 1, "late"), 2000)
    assert told(connection) == [
        (EventKind.TELL_ADMINISTRATORS, f"All queues are stopped ({kind}, job {job}): late")
    ]
