"""Quotas: how much jobs may take together, and the first date at which they let another job start. Pure.

What callers use::

    quotas = read_quotas(text, "/etc/oar/quotas.toml", all_resources=1024, zone=ZoneInfo("Europe/Paris"))
    ledger = Ledger(quotas, now)
    ledger.charge(job, begin, end, work_end, resources)        # running jobs, reservations, each job placed
    answer = ledger.first_start(job, earliest, duration, walltime, resources)

``Allowed(start, held_by)`` tells the first date at which no rule is exceeded as long as the job takes its
resources, and the last rule that forbids an earlier one; ``Refused(held_by)`` that there is none.
``held_by.message()`` is OAR 2's text, ``held_by.words()`` the same for people. A job's ``resources`` are only
those of type ``default``. Jobs of type ``container`` or ``no_quotas`` are neither charged nor limited;
besteffort jobs are like any other: do not charge or ask for them except in their own queue's turn.
"""

from oar.kamelot.quotas.amounts import BadQuotas
from oar.kamelot.quotas.answer import Allowed, Exceeded, Refused
from oar.kamelot.quotas.calendar import Calendar, Quotas, Span
from oar.kamelot.quotas.ledger import Ledger
from oar.kamelot.quotas.read import FileKind, count_all, file_to_read, kind_of, read_quotas
from oar.kamelot.quotas.rules import (
    Binding,
    Choice,
    Key,
    Limits,
    Measure,
    QuotaJob,
    Rule,
    RuleSet,
)
from oar.kamelot.quotas.week import Period

__all__ = [
    "Allowed",
    "BadQuotas",
    "Binding",
    "Calendar",
    "Choice",
    "Exceeded",
    "FileKind",
    "Key",
    "Ledger",
    "Limits",
    "Measure",
    "Period",
    "QuotaJob",
    "Quotas",
    "Refused",
    "Rule",
    "RuleSet",
    "Span",
    "count_all",
    "file_to_read",
    "kind_of",
    "read_quotas",
]
