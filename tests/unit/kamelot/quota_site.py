"""The 32 resources of the specification with quotas as OAR 3's file has them, and jobs of several users."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from oar.core.job import Assignment, JobId, MoldableId, Outcome, WaitingJob
from oar.core.states import ReservationState
from oar.kamelot import Gantt, Occupation, Plan, Platform, Rules, schedule
from oar.kamelot.quotas import Ledger, read_quotas
from tests.unit.kamelot.build import NO_MARGIN, found, ids, job, nodes_of_8, place_checked_at

Limits = Mapping[str, Sequence[int]]
MONDAY = 1795392000
"""Monday 2026-11-23 00:00 UTC."""
DAY_S = 86400


def ledger(
    rules: Limits, now: int = 0, job_types: Sequence[str] = (), all_resources: int = 32, **calendar: object
) -> Ledger:
    """Make a ledger of the rules of a file of OAR 3; ``calendar`` is what else the file says."""
    text = json.dumps({"quotas": rules, "job_types": list(job_types), **calendar})
    return Ledger(read_quotas(text, "quotas.json", all_resources, UTC), now)


def clock(date: int) -> str:
    """Write a date as the calendar of a file does: to the minute."""
    return datetime.fromtimestamp(date, UTC).strftime("%Y-%m-%d %H:%M")


def wants(
    number: int, user: str, request: str, walltime_s: int, project: str = "default", **types: str
) -> WaitingJob:
    """Make a waiting job of a user."""
    return replace(job(number, (request, walltime_s), types=types), user=user, project=project)


def reserves(number: int, user: str, request: str, walltime_s: int) -> WaitingJob:
    """Make a reservation of a user."""
    return replace(wants(number, user, request, walltime_s), reservation=ReservationState.TO_SCHEDULE)


def planned(begin: int, end: int, resources: str, user: str, project: str = "default") -> Occupation:
    """Tell what a job that is in the plan already takes, and who is charged for it."""
    owner = wants(90, user, "node=1", end - begin + 1, project)
    return Occupation(begin, end, ids(resources), owner.job_id, charged_to=owner, work_end=end)


def plan(
    quotas: Ledger,
    jobs: Sequence[WaitingJob],
    running: Sequence[Occupation] = (),
    *,
    now: int = 0,
    platform: Platform | None = None,
    rules: Rules = NO_MARGIN,
) -> Plan:
    """Place the jobs in order, within the quotas."""
    return schedule(platform or nodes_of_8(), running, jobs, now, rules, quotas=quotas)


def places(
    quotas: Ledger, jobs: Sequence[WaitingJob], running: Sequence[Occupation] = (), now: int = 0
) -> list[tuple[int, str] | None]:
    """Tell for each job how many seconds from now it starts, and on what; None when it has no place."""
    return [place_of(outcome, now) for outcome in plan(quotas, jobs, running, now=now).outcomes.values()]


def place_of(outcome: Outcome, now: int = 0) -> tuple[int, str] | None:
    """Tell start, in seconds from now, and resources of one job."""
    if not isinstance(outcome, Assignment):
        return None
    start, resources = found(outcome)
    return start - now, resources


def starts(outcomes: Sequence[tuple[int, str] | None]) -> list[int | None]:
    """Tell the starts alone."""
    return [None if one is None else one[0] for one in outcomes]


def reserve(quotas: Ledger, wanted: WaitingJob, start: int, now: int = 0) -> Outcome:
    """Place a reservation on an empty plan."""
    return place_checked_at(Gantt(nodes_of_8(), (), now, quotas=quotas), wanted, start, NO_MARGIN)


def granted(number: int, start: int, walltime_s: int, resources: str) -> Assignment:
    """Make the place of a reservation that was accepted."""
    return Assignment(JobId(number), MoldableId(10 * number), start, walltime_s, ids(resources))
