"""The Gantt scheduler: decides where and when each job runs. Pure, all of it.

What callers use::

    platform = Platform(resources, filters)      # keep it while resources and filters do not change
    gantt = Gantt(platform, occupations, now, ends)
    outcomes = place_all(gantt, jobs, rules)     # jobs in priority order; call again for the next queues
    gantt.occupy(besteffort_occupations)         # becomes visible from here on
    outcomes |= place_all(gantt, besteffort_jobs, rules)
    text = explain(gantt, job, outcomes[job.job_id]).words(format_date)

* ``resources``: every resource in scheduling order; Dead ones are left out here.
* ``filters``: for every SQL condition of a job (``WaitingJob.properties``, ``Group.filter``) the resources
  that match it; "" matches all and need not be there. Nothing is added to a condition: that ordinary jobs
  only get resources of type ``default`` must be written in it.
* ``occupations``: what is taken, ends included and security time included; ``occupation_of_running`` and
  ``occupation_of_planned`` make them. ``Occupation.besteffort`` is for :func:`schedule` only.
* sharing, placeholders and containers are read from the types of jobs, and from ``Occupation.sharing`` and
  ``Occupation.nesting``; an inner job is placed after all containers of its name that are among the jobs.
* ``ends``: for jobs that others depend on and that are not placed here: the first second after their
  walltime (start + walltime), or ``OVER`` when they have ended. Jobs placed in the Gantt are known to it.
* quotas: ``Gantt(..., quotas=Ledger(quotas, now))`` charges them for the occupations that name a job
  (``charged_to``) and for each job placed, and places jobs within them; see :mod:`oar.kamelot.quotas`.
* ``rules``: ``Rules(security_time_s, besteffort_duration_s, energy_saving, plugins)``.

``schedule(platform, running, waiting, now, rules, ends=ends) -> Plan`` does the above in one call: besteffort
jobs last, invisible to the others. ``place_at(gantt, job, start, rules)`` places a job (its first moldable)
at that date or not at all. ``place_again`` tries the start that a job had.
``seek(gantt, job, rules)`` tells where a job would be placed, and draws nothing.
``gantt.copy()`` gives an independent Gantt. ``fits(platform, job) -> str | None``
says why no moldable of the job could ever run on the resources that are not Dead, or None. ``check(...)``
lists what is wrong in a plan. ``obstacle(gantt, job, date, rules) -> Obstacle | None`` says for any job,
placed or not, what prevents its start at a date, and from when on nothing does; None: it could start then.
"""

from oar.kamelot.again import place_again
from oar.kamelot.checking import check
from oar.kamelot.gantt import OVER, Gantt
from oar.kamelot.occupation import Occupation, Rules, occupation_of_planned, occupation_of_running
from oar.kamelot.platform import Platform
from oar.kamelot.reasons.explain import Reason, ReasonKind, explain
from oar.kamelot.reasons.obstacle import Obstacle, obstacle
from oar.kamelot.schedule import Plan, fits, place_all, place_at, schedule, seek
from oar.kamelot.strict_order import STRICT_POLICY, place_in_strict_order

__all__ = [
    "OVER",
    "STRICT_POLICY",
    "Gantt",
    "Obstacle",
    "Occupation",
    "Plan",
    "Platform",
    "Reason",
    "ReasonKind",
    "Rules",
    "check",
    "explain",
    "fits",
    "obstacle",
    "occupation_of_planned",
    "occupation_of_running",
    "place_again",
    "place_all",
    "place_at",
    "place_in_strict_order",
    "schedule",
    "seek",
]
