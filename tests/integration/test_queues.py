import pytest
from sqlalchemy import update

from oar.core.states import JobState, QueueState
from oar.db.queues import (
    Queue,
    QueueExists,
    QueueInUse,
    UnknownQueue,
    add_queue,
    change_queue,
    disable_all_queues,
    disable_queue,
    enable_all_queues,
    enable_queue,
    list_queues,
    remove_queue,
)
from oar.db.tables_jobs import JobRow


@pytest.fixture
def connection(database):
    with database.engine.begin() as opened:
        yield opened


def states(connection):
    return {queue.name: queue.state for queue in list_queues(connection)}


def test_a_new_database_has_the_queues_of_oar_by_priority(connection):
    assert list_queues(connection) == [
        Queue("admin", 10, "kamelot", QueueState.ACTIVE),
        Queue("default", 2, "kamelot", QueueState.ACTIVE),
        Queue("besteffort", 0, "kamelot", QueueState.ACTIVE),
    ]


def test_an_added_queue_stands_where_its_priority_says(connection):
    add_queue(connection, "long", 1)
    assert [queue.name for queue in list_queues(connection)] == ["admin", "default", "long", "besteffort"]


def test_a_queue_is_added_once(connection):
    with pytest.raises(QueueExists):
        add_queue(connection, "default", 1)


def test_a_queue_changes_only_in_what_is_given(connection):
    change_queue(connection, "default", priority=5)
    assert Queue("default", 5, "kamelot", QueueState.ACTIVE) in list_queues(connection)


def test_a_disabled_queue_is_not_active(connection):
    disable_queue(connection, "default")
    assert states(connection)["default"] is QueueState.INACTIVE


def test_an_enabled_queue_is_active_again(connection):
    disable_queue(connection, "default")
    enable_queue(connection, "default")
    assert states(connection)["default"] is QueueState.ACTIVE


def test_all_queues_are_disabled_and_enabled_at_once(connection):
    disable_all_queues(connection)
    assert set(states(connection).values()) == {QueueState.INACTIVE}
    enable_all_queues(connection)
    assert set(states(connection).values()) == {QueueState.ACTIVE}


@pytest.mark.parametrize("action", [enable_queue, disable_queue, remove_queue, change_queue])
def test_an_unknown_queue_is_told(action, connection):
    with pytest.raises(UnknownQueue, match="nowhere"):
        action(connection, "nowhere")


def test_a_queue_with_a_live_job_is_not_removed(connection, add_job):
    add_job(connection)
    with pytest.raises(QueueInUse):
        remove_queue(connection, "default")


def test_a_queue_whose_jobs_have_ended_is_removed(connection, add_job):
    add_job(connection)
    connection.execute(update(JobRow).values(state=JobState.TERMINATED))
    remove_queue(connection, "default")
    assert "default" not in states(connection)
