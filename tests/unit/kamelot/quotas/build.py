"""Jobs, rules and ledgers for the tests of quotas, written the way administrators write rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC

from oar.kamelot.quotas import (
    Allowed,
    Choice,
    Key,
    Ledger,
    Limits,
    Quotas,
    Rule,
    RuleSet,
)

HOUR_S = 3600


@dataclass(frozen=True)
class Someone:
    """What quotas see of a job."""

    user: str = "alice"
    project: str = "default"
    queue: str = "default"
    types: Mapping[str, str] = field(default_factory=dict)


def rule(text: str, resources: int = -1, jobs: int = -1, work_s: int = -1) -> Rule:
    """Make a rule such as ``*,*,*,/`` with OAR's -1 for no limit."""
    limits = (None if limit == -1 else limit for limit in (resources, jobs, work_s))
    return Rule(Key(*text.split(",")), Limits(*limits))


def rules(
    wanted: Mapping[str, Sequence[int]],
    choice: Choice = Choice.EVERY,
    job_types: Sequence[str] | None = None,
    name: str = "",
) -> RuleSet:
    """Make a rule set of ``{"*,*,*,/": [resources, jobs, work in seconds]}``."""
    return RuleSet(name, [rule(text, *limits) for text, limits in wanted.items()], choice, job_types)


def ledger(wanted: Mapping[str, Sequence[int]], choice: Choice = Choice.EVERY, now: int = 0) -> Ledger:
    return Ledger(Quotas(rules(wanted, choice)), now)


def start(book: Ledger, job: Someone, resources: int, walltime: int, earliest: int = 0) -> int | None:
    """Tell when the job may start if there is no security time; None if never."""
    answer = book.first_start(job, earliest, walltime, walltime, resources)
    return answer.start if isinstance(answer, Allowed) else None


def place(book: Ledger, job: Someone, resources: int, walltime: int, earliest: int = 0) -> int | None:
    """Tell the same, and charge the job there."""
    found = start(book, job, resources, walltime, earliest)
    if found is not None:
        charge(book, job, found, found + walltime - 1, resources)
    return found


def charge(book: Ledger, job: Someone, begin: int, end: int, resources: int) -> None:
    book.charge(job, begin, end, end, resources)


ZONE = UTC
