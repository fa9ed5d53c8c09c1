"""Rules that limit what jobs take together, and which of them bind a job."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import NamedTuple, Protocol

TOGETHER = "*"
"""In a key: all jobs count together, whatever they have here."""
EACH = "/"
"""In a key, but not for the type: jobs that have the same here count together."""

EXEMPT = frozenset({"container", "no_quotas"})
"""Jobs of these types are neither counted nor limited. The inner jobs of a container are."""


class QuotaJob(Protocol):
    """What quotas see of a job; waiting and running jobs have it."""

    @property
    def queue(self) -> str:
        """Give the queue."""

    @property
    def project(self) -> str:
        """Give the project."""

    @property
    def user(self) -> str:
        """Give the user."""

    @property
    def types(self) -> Mapping[str, str]:
        """Give the types by name, with their values."""


class Who(NamedTuple):
    """What rules ask of a job: jobs that are equal here are alike to them."""

    queue: str
    project: str
    user: str
    types: tuple[str, ...] = ()


def who(job: QuotaJob) -> Who:
    """Tell what rules ask of a job."""
    return Who(job.queue, job.project, job.user, tuple(job.types) if job.types else ())


class Key(NamedTuple):
    """Whose jobs a rule limits: at each place a name, or ``*``, or (not for the type) ``/``.

    Without ``/`` it is also the name of a counter.
    """

    queue: str = TOGETHER
    project: str = TOGETHER
    type: str = TOGETHER
    user: str = TOGETHER

    def __str__(self) -> str:
        return ",".join(self)

    def perl(self) -> str:
        """Spell it as OAR 2's messages do."""
        return "Gantt_quotas" + "".join(f"->{{{part}}}" for part in self)

    def counter(self, job: Who) -> "Key":
        """Tell the counter that the rule looks at for a job that it matches."""
        queue, project, type_, user = self
        return Key(
            job.queue if queue == EACH else queue,
            job.project if project == EACH else project,
            type_,
            job.user if user == EACH else user,
        )


class Measure(IntEnum):
    """What is limited: resources at once, jobs at once, resource-seconds still to come."""

    RESOURCES = 0
    JOBS = 1
    WORK = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """The most there may be at once: resources, jobs, work in resource-seconds. None is no limit."""

    resources: int | None = None
    jobs: int | None = None
    work_s: int | None = None

    def of(self, measure: Measure) -> int | None:
        """Give one of them."""
        return (self.resources, self.jobs, self.work_s)[measure]

    def measures(self) -> tuple[Measure, ...]:
        """Tell what is limited."""
        return tuple(measure for measure in Measure if self.of(measure) is not None)


@dataclass(frozen=True, slots=True)
class Rule:
    """Limits for the jobs that a key matches; ``name`` is for people, if the file gives one."""

    key: Key
    limits: Limits
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.key})" if self.name else str(self.key)


@dataclass(frozen=True, slots=True)
class Binding:
    """A rule that binds a job, and the counter that it looks at for it."""

    rule: Rule
    counter: Key


class Choice(Enum):
    """Which of the rules that match a job bind it.

    EVERY: all but those below a ``*`` or ``/`` where the job's own value leads to a rule too (OAR 2).
    ONE: the one that is found going from queue to user, each time by the job's own value, else ``/``, else
    ``*``; there is no way back, so it may be none (OAR 3).
    """

    EVERY = "every"
    ONE = "one"


Below = Mapping[str, "Below | Rule"]


class RuleSet:
    """Rules that hold together.

    ``job_types`` are the types that have counters of their own; None means all. A rule for another type has
    no effect. Of two rules with one key the later one holds.
    """

    def __init__(
        self,
        name: str = "",
        rules: Sequence[Rule] = (),
        choice: Choice = Choice.EVERY,
        job_types: Sequence[str] | None = None,
    ) -> None:
        self.name = name
        self.choice = choice
        self.job_types = None if job_types is None else tuple(job_types)
        self.rules = tuple({rule.key: rule for rule in rules}.values())
        self._tree = _tree_of(self.rules)
        used = dict.fromkeys(rule.key.type for rule in self.rules)
        self._types = tuple(used) if job_types is None else tuple(name for name in job_types if name in used)
        self._bindings: dict[Who, tuple[Binding, ...]] = {}

    def __repr__(self) -> str:
        return f"RuleSet({self.name!r}, {len(self.rules)} rules)"

    def applying(self, job: QuotaJob) -> tuple[Binding, ...]:
        """Tell the rules with limits that bind a job, with the counter that each looks at.

        A job that is exempt is bound by none.
        """
        return () if EXEMPT & job.types.keys() else self.binding(who(job))

    def binding(self, job: Who) -> tuple[Binding, ...]:
        """Tell the rules that bind jobs like that one, even if they were exempt."""
        alike = job._replace(types=self._known(job.types)) if job.types else job
        found = self._bindings.get(alike)
        if found is None:
            chosen = self._every(alike) if self.choice is Choice.EVERY else self._one(alike)
            found = self._bindings[alike] = tuple(
                Binding(rule, rule.key.counter(alike)) for rule in chosen if rule.limits.measures()
            )
        return found

    def counters(self, job: Who) -> Iterator[tuple[Key, tuple[Measure, ...]]]:
        """Tell the counters that some rule looks at and that a job counts in, and what each has to count.

        A counter comes once for each such rule.
        """
        for rule in _matching(self._tree, _names(job._replace(types=self._known(job.types)))):
            measures = rule.limits.measures()
            if measures:
                yield rule.key.counter(job), measures

    def _known(self, types: Sequence[str]) -> tuple[str, ...]:
        """Tell which of the types rules ask for, in the order of ``job_types`` or else of the rules."""
        return tuple(name for name in self._types if name in types)

    def _every(self, job: Who) -> list[Rule]:
        return _not_shadowed(self._tree, ((job.queue,), (job.project,), job.types, (job.user,)))

    def _one(self, job: Who) -> list[Rule]:
        below: Below | Rule | None = self._tree
        for names in _names(job):
            if not isinstance(below, Mapping):
                return []
            below = next((below[name] for name in names if name in below), None)
        return [below] if isinstance(below, Rule) else []


def _names(job: Who) -> tuple[tuple[str, ...], ...]:
    """Tell what matches the job at each place of a key, the job's own values first."""
    queue, project, user, types = job
    return (queue, EACH, TOGETHER), (project, EACH, TOGETHER), (*types, TOGETHER), (user, EACH, TOGETHER)


def _tree_of(rules: Sequence[Rule]) -> Below:
    tree: dict[str, dict[str, dict[str, dict[str, Rule]]]] = {}
    for rule in rules:
        queue, project, type_, user = rule.key
        tree.setdefault(queue, {}).setdefault(project, {}).setdefault(type_, {})[user] = rule
    return tree


def _not_shadowed(below: Below | Rule, own: Sequence[tuple[str, ...]]) -> list[Rule]:
    """Give the rules for the job's own values; only if there are none, those for ``*`` and ``/``."""
    if isinstance(below, Rule):
        return [below]
    names, deeper = own[0], own[1:]
    for values in (names, (TOGETHER, EACH)):
        found = [rule for name in values if name in below for rule in _not_shadowed(below[name], deeper)]
        if found:
            return found
    return []


def _matching(below: Below | Rule, names: Sequence[tuple[str, ...]]) -> Iterator[Rule]:
    """Give all rules whose keys match."""
    if isinstance(below, Rule):
        yield below
        return
    for name in names[0]:
        if name in below:
            yield from _matching(below[name], names[1:])
