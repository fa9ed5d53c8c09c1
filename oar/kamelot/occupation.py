"""What takes resources, for how long, and the rules that lengthen it."""

from dataclasses import dataclass, replace

from procset import ProcSet

from oar.core.job import Assignment, JobId, Moldable, RunningJob, WaitingJob
from oar.kamelot.containers import OUTSIDE, Nesting, nesting_of
from oar.kamelot.plugins.registry import NO_PLUGINS, Plugins
from oar.kamelot.sharing import ALONE, Sharing, sharing_of

BESTEFFORT = "besteffort"
"""The job type that makes a job give way to any other."""

FOREVER = 2**31 - 1
"""The last date there is: what the database's integer columns hold."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How long jobs count in the plan, which absent resources do, and what a site adds.

    ``security_time_s`` is kept free after each job. A besteffort job is planned for
    ``besteffort_duration_s``, whatever its walltime, so that it fills every hole. With ``energy_saving``,
    Absent resources that are available until after now can be woken, so jobs are planned on them.
    ``plugins`` place the jobs that ask for them by their types.
    """

    security_time_s: int = 60
    besteffort_duration_s: int = 300
    energy_saving: bool = False
    plugins: Plugins = NO_PLUGINS

    def duration(self, job: WaitingJob, moldable: Moldable) -> int:
        """Tell for how many seconds the job takes its resources in the plan."""
        if is_besteffort(job):
            return max(self.besteffort_duration_s, self.security_time_s)
        return moldable.walltime_s + self.security_time_s


@dataclass(frozen=True, slots=True)
class Occupation:
    """Resources that are taken from ``begin`` to ``end``, both included, security time included.

    ``sharing`` says for whom they are not taken, ``nesting`` in which container the job is and which it is.
    ``charged_to`` is the job that quotas count, until ``work_end``, the last second of its walltime; without
    it they count nothing.
    """

    begin: int
    end: int
    resources: ProcSet
    job_id: JobId | None = None
    besteffort: bool = False
    sharing: Sharing = ALONE
    nesting: Nesting = OUTSIDE
    charged_to: WaitingJob | RunningJob | None = None
    work_end: int = 0


def is_besteffort(job: WaitingJob | RunningJob) -> bool:
    """Tell whether the job gives way to any other."""
    return BESTEFFORT in job.types


def occupation_of_running(job: RunningJob, now: int, rules: Rules) -> Occupation:
    """Tell what a job that holds resources takes; one that outlives its walltime is taken to end now.

    It takes them from now on, also when it began in the future, by a clock that was set back since.
    """
    begin = job.start_time or now
    end = max(max(begin + job.walltime_s + job.suspended_s, now) + rules.security_time_s - 1, now)
    return Occupation(
        min(begin, now),
        end,
        job.resources,
        job.job_id,
        is_besteffort(job),
        sharing_of(job),
        nesting_of(job),
        charged_to=job,
        work_end=end - rules.security_time_s,
    )


def occupation_of_planned(
    assignment: Assignment, rules: Rules, besteffort: bool = False, job: WaitingJob | None = None
) -> Occupation:
    """Tell what an assignment, such as an accepted reservation, takes; ``job`` brings its types."""
    end = assignment.start_time + assignment.walltime_s + rules.security_time_s - 1
    taken = Occupation(assignment.start_time, end, assignment.resources, assignment.job_id, besteffort)
    if job is None:
        return taken
    return replace(
        taken,
        sharing=sharing_of(job),
        nesting=nesting_of(job),
        charged_to=job,
        work_end=end - rules.security_time_s,
    )
