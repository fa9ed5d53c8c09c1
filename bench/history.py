"""Prints what ended jobs cost the present; see ``bench/history``."""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from past import Site, build, new_jobs, start_server
from sqlalchemy import Connection, select

from oar.core.events import EventKind
from oar.core.job_life import JobSignal
from oar.core.states import JobState, NodeState
from oar.db.accounting import account_ended_jobs
from oar.db.consequences import apply_event
from oar.db.engine import database_now
from oar.db.events import pending, record
from oar.db.jobs import insert_jobs
from oar.db.kills import ask_kill, kill_overdue, open_kills
from oar.db.listing import JobChoice, read_job_details, read_job_lines
from oar.db.listing_gantt import plan_period, read_occupants, read_outages
from oar.db.listing_resources import ResourceChoice, read_resource_lines
from oar.db.moves import move_job
from oar.db.node_moves import apply_node_requests
from oar.db.resources import request_state
from oar.db.tables_jobs import JobRow
from oar.db.watch import find_in_passage, find_running, has_node_work
from oar.kao.metascheduler import Metascheduler
from oar.settings import SchedulerSettings
from oar.submit.feasibility import count_resources

TIMES = 9


def main() -> int:
    """Build, measure, print."""
    ended = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    parent = Path(tempfile.mkdtemp(prefix="oar-bench-"))
    parent.chmod(0o755)
    server = start_server(parent / "postgresql")
    try:
        without, past = build(server, "without", 0), build(server, "past", ended)
        without.analyze()
        unknown = compare(without, past)
        past.analyze()
        show(ended, unknown, compare(without, past))
        without.close()
        past.close()
    finally:
        server.stop()
        shutil.rmtree(parent)
    return 0


def compare(without: Site, past: Site) -> Mapping[str, tuple[float, float]]:
    """Say how many milliseconds each action takes on the one site and on the other."""
    rounds = [Metascheduler(site.engine, site.reader, SchedulerSettings()).run for site in (without, past)]
    times = {"a round in which nothing changed": _least(*rounds)}
    for name, action in ACTIONS.items():
        times[name] = _least(partial(_undone, without, action), partial(_undone, past, action))
    return times


def show(
    ended: int, unknown: Mapping[str, tuple[float, float]], known: Mapping[str, tuple[float, float]]
) -> None:
    """Print a line for each action."""
    print(f"milliseconds without history, and how many times as long it takes with {ended} ended jobs")
    print(f"{'':36}{'without':>10}{'not analyzed':>14}{'analyzed':>10}")
    for name, (without_ms, past_ms) in known.items():
        before = unknown[name][1] / unknown[name][0]
        print(f"{name:36}{without_ms:10.1f}{before:14.2f}{past_ms / without_ms:10.2f}")


def _least(one: Callable[[], object], other: Callable[[], object]) -> tuple[float, float]:
    """Take turns, so that other load of the machine meets both; the first turn fills caches."""
    times = [(_timed(one), _timed(other)) for _ in range(1 + TIMES)][1:]
    return min(time for time, _ in times), min(time for _, time in times)


def _timed(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - begin)


def _undone(site: Site, action: Callable[[Connection], object]) -> None:
    with site.engine.connect() as connection:
        action(connection)
        connection.rollback()


def _submit(connection: Connection) -> None:
    new = new_jobs("resource_id=1,walltime=1")
    count_resources(connection, new.alternatives, new.properties)
    insert_jobs(connection, new, database_now(connection))


def _first(connection: Connection, state: JobState) -> int:
    query = select(JobRow.job_id).where(JobRow.state == state).order_by(JobRow.job_id).limit(1)
    return int(connection.execute(query).scalar_one())


def _look(connection: Connection) -> None:
    now = database_now(connection)
    kill_overdue(connection, now)
    open_kills(connection)
    find_in_passage(connection, now)
    has_node_work(connection)


def _settle(connection: Connection) -> None:
    pending(connection)
    apply_node_requests(connection, database_now(connection))


def _end(connection: Connection) -> None:
    now, job = database_now(connection), _first(connection, JobState.RUNNING)
    move_job(connection, job, JobSignal.FINISH, now=now, exit_code=0)
    record(connection, EventKind.SWITCH_INTO_TERMINATE_STATE, job_id=job, now=now)
    for event in pending(connection):
        apply_event(connection, event, now)


def _account(connection: Connection) -> None:
    _end(connection)
    account_ended_jobs(connection, 86400)


def _absent(connection: Connection) -> None:
    now = database_now(connection)
    request_state(connection, "node1", NodeState.ABSENT, now)
    apply_node_requests(connection, now)


def _gantt(connection: Connection) -> None:
    period = plan_period(connection, database_now(connection))
    read_occupants(connection, *period)
    read_outages(connection, *period)


ACTIONS: Mapping[str, Callable[[Connection], object]] = {
    "the server's look each second": _look,
    "events and requests for nodes": _settle,
    "running jobs at the server's start": find_running,
    "the end of a job": _end,
    "the end of a job, and accounting": _account,
    "a node goes": _absent,
    "oarsub": _submit,
    "oardel": lambda connection: ask_kill(
        connection, _first(connection, JobState.RUNNING), "user1", database_now(connection)
    ),
    "oarstat": lambda connection: read_job_lines(connection, JobChoice()),
    "oarstat -u": lambda connection: read_job_lines(connection, JobChoice(user="user1")),
    "oarstat -f": lambda connection: read_job_details(connection, JobChoice()),
    "oarstat -g": _gantt,
    "oarnodes": lambda connection: read_resource_lines(connection, ResourceChoice()),
}


if __name__ == "__main__":
    sys.exit(main())
