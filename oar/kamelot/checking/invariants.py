"""What must hold for every plan, checked with ids and ProcSets only, apart from how the plan is made."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from procset import ProcSet

from oar.core.job import Assignment, Group, JobId, Moldable, Outcome, ResourceId, WaitingJob
from oar.core.job_dates import job_dates
from oar.core.states import NodeState, ReservationState
from oar.kamelot.checking.division import Candidates, Runs, Wish, runs_of, wrong_parts
from oar.kamelot.checking.overlaps import flaws_of
from oar.kamelot.containers import nesting_of
from oar.kamelot.occupation import BESTEFFORT, Occupation, Rules, is_besteffort
from oar.kamelot.platform import ALWAYS, NEVER_WOKEN, Platform
from oar.kamelot.plugins.search import asks_for_plugin
from oar.kamelot.sharing import sharing_of

OVER = 0


def check(
    platform: Platform,
    occupations: Sequence[Occupation],
    jobs: Sequence[WaitingJob],
    outcomes: Mapping[JobId, Outcome],
    *,
    now: int,
    rules: Rules,
    ends: Mapping[JobId, int] | None = None,
) -> list[str]:
    """List what is wrong with a plan; nothing, if it is right.

    ``ends`` are those that the plan was made with; without them, jobs may depend on any that are not here.
    """
    placed = [(job, outcome) for job in jobs if isinstance(outcome := outcomes[job.job_id], Assignment)]
    mine = [_occupation(job, assignment, rules) for job, assignment in placed]
    overlaps = dict(flaws_of(occupations, mine))
    facts = Facts(platform, now, rules)
    wrong: list[str] = []
    for place, (job, assignment) in enumerate(placed):
        texts = [*facts.wrong_with(job, assignment, mine[place]), *overlaps.get(place, ())]
        wrong.extend(f"job {job.job_id}: {text}" for text in texts)
    wrong.extend(_wrong_dependencies(placed, outcomes, ends, rules))
    return wrong


def _occupation(job: WaitingJob, assignment: Assignment, rules: Rules) -> Occupation:
    granted = replace(_moldable(job, assignment), walltime_s=assignment.walltime_s)
    return Occupation(
        assignment.start_time,
        assignment.start_time + rules.duration(job, granted) - 1,
        assignment.resources,
        job.job_id,
        is_besteffort(job) and job.queue == BESTEFFORT,  # elsewhere it is planned as any job is
        sharing_of(job),
        nesting_of(job),
    )


def _moldable(job: WaitingJob, assignment: Assignment) -> Moldable:
    return next(one for one in job.moldables if one.moldable_id == assignment.moldable_id)


class Facts:
    """What the platform and the rules say about one job alone."""

    def __init__(self, platform: Platform, now: int, rules: Rules) -> None:
        self._platform = platform
        self._now = now
        self._rules = rules
        self._resources = {resource.resource_id: resource for resource in platform.resources}
        self._known = Runs(runs_of((id_, None) for id_ in self._resources))
        self._usable = Runs(runs_of((id_, None) for id_ in self._resources if self._is_usable(id_)))
        ending: dict[int, list[int]] = {}
        for id_, resource in self._resources.items():
            if NEVER_WOKEN < resource.available_upto < ALWAYS:
                ending.setdefault(resource.available_upto, []).append(id_)
        self._ending = {upto: Runs(runs_of((id_, None) for id_ in ids)) for upto, ids in ending.items()}
        self._matching: dict[str, frozenset[int]] = {}
        self._candidates: dict[tuple[str, str, tuple[str, ...]], Candidates] = {}

    def _is_usable(self, id_: ResourceId) -> bool:
        """Tell whether jobs that ask for nothing special may be planned on the resource, by its state."""
        resource = self._resources[id_]
        can_wake = self._rules.energy_saving and self._now < resource.available_upto
        return resource.state is NodeState.ALIVE or (resource.state is NodeState.ABSENT and can_wake)

    def wrong_with(self, job: WaitingJob, assignment: Assignment, mine: Occupation) -> Iterator[str]:
        """Tell what is wrong with a job's place, whoever else is there."""
        if assignment.start_time < self._now:
            yield f"starts at {assignment.start_time}, before now, {self._now}"
        if not assignment.resources:
            yield "gets no resources"
        yield from self._wrong_resources(job, mine)
        yield from self._wrong_dates(job, assignment)
        moldable = _moldable(job, assignment)
        yield from _wrong_walltime(moldable, assignment.walltime_s)
        groups = moldable.request.groups
        candidates = [self._candidates_of(job, group) for group in groups]
        if asks_for_plugin(job):
            # A plugin need not give what the request says, only what matches its filters.
            pieces = [piece for one in candidates for _, piece in one.runs.cut(assignment.resources)]
            if assignment.resources - ProcSet(*pieces):
                yield "gets resources that do not match its filters"
            return
        wishes = [Wish(one, group.levels) for one, group in zip(candidates, groups, strict=True)]
        yield from wrong_parts(wishes, assignment.resources)

    def _wrong_resources(self, job: WaitingJob, mine: Occupation) -> Iterator[str]:
        known = self._resources
        lenient = job.reservation is not ReservationState.NONE or job.types.get("state") == "permissive"
        usable = self._known if lenient else self._usable
        if not usable.hold(mine.resources):
            for id_ in map(ResourceId, mine.resources):
                if id_ not in known:
                    yield f"gets resource {id_}, which is Dead or unknown"
                elif not lenient and not self._is_usable(id_):
                    yield f"gets resource {id_}, which is {known[id_].state}"
        for upto, ending in self._ending.items():
            if upto <= mine.end:
                for _, (first, last) in ending.cut(mine.resources):
                    yield from (f"outlives resource {id_}" for id_ in range(first, last + 1))

    def _wrong_dates(self, job: WaitingJob, assignment: Assignment) -> Iterator[str]:
        """See to the dates that its types set; a reservation has its own."""
        if job.reservation is not ReservationState.NONE:
            return
        dates = job_dates(job.types)
        if missed := dates.missed(self._now):
            yield f"is placed though its {missed} is past"
        if dates.postpone is not None and assignment.start_time < dates.postpone:
            yield f"starts before it was postponed to, {dates.postpone}"
        if dates.deadline is not None and assignment.start_time + assignment.walltime_s > dates.deadline:
            yield f"ends after its deadline, {dates.deadline}"

    def _candidates_of(self, job: WaitingJob, group: Group) -> Candidates:
        names = tuple(level.name for level in group.levels)
        key = job.properties, group.filter, names
        found = self._candidates.get(key)
        if found is None:
            both = self._matches(job.properties) & self._matches(group.filter)
            resources = (one for one in self._platform.resources if one.resource_id in both)
            found = self._candidates[key] = Candidates(names, resources)
        return found

    def _matches(self, condition: str) -> frozenset[int]:
        found = self._matching.get(condition)
        if found is None:
            matching = self._platform.procset(self._platform.matching(condition))
            found = self._matching[condition] = frozenset(matching)
        return found


def _wrong_walltime(moldable: Moldable, walltime_s: int) -> Iterator[str]:
    least_s = moldable.least_walltime_s or moldable.walltime_s
    if not least_s <= walltime_s <= moldable.walltime_s:
        range_ = f"{least_s} to " if least_s < moldable.walltime_s else ""
        yield f"gets {walltime_s} s instead of {range_}{moldable.walltime_s}"


def _wrong_dependencies(
    placed: Iterable[tuple[WaitingJob, Assignment]],
    outcomes: Mapping[JobId, Outcome],
    ends: Mapping[JobId, int] | None,
    rules: Rules,
) -> Iterator[str]:
    for job, mine in placed:
        for required in job.dependencies:
            theirs = outcomes.get(required)
            if isinstance(theirs, Assignment):
                end: int | None = theirs.start_time + theirs.walltime_s
            else:
                end = OVER if ends is None else ends.get(required)
            if end is None:
                yield f"job {job.job_id}: is placed though nobody knows when job {required} will have ended"
            elif end != OVER and mine.start_time < end + 2 * rules.security_time_s:
                yield f"job {job.job_id}: starts before job {required}, on which it depends, has ended"
