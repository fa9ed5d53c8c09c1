"""The rules that look at every submission: each may change it, tell the user something, or refuse. Pure."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from oar.core.job import Group, Request
from oar.errors import ExitCode, OarError
from oar.settings import SubmissionSettings
from oar.submit.job_types import BadJobType, check_types
from oar.submit.parameters import Submission

BESTEFFORT = "besteffort"
ADMIN = "admin"
NO_QUOTAS = "no_quotas"
DEPLOY = "deploy"
PARTS_OF_NODES = frozenset({"cpu", "core", "thread", "resource_id"})
SYSTEM_PROPERTIES = frozenset(
    {
        "type",
        "state",
        "next_state",
        "finaud_decision",
        "next_finaud_decision",
        "state_num",
        "suspended_jobs",
        "scheduler_priority",
        "besteffort",
        "deploy",
        "drain",
        "expiry_date",
        "desktop_computing",
        "last_job_date",
        "available_upto",
        "last_available_upto",
        "cpuset",
    }
)


class AdmissionRefused(OarError):
    """A rule does not let the submission pass."""

    exit_code = ExitCode.REFUSED


@dataclass(frozen=True, slots=True)
class Author:
    """Who submits, and whether that person may use the queue ``admin``, or submit at all.

    One who ``has_no_reservation_limit`` may have any number of reservations.
    """

    name: str
    group: str = ""
    may_administer: bool = False
    may_submit: bool = True
    has_no_reservation_limit: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """A submission on its way through the rules.

    ``unchecked_properties`` hold when the job is planned, and are left out when it is checked whether the
    job can ever run, so that a node in maintenance does not make it impossible.
    """

    submission: Submission
    author: Author
    settings: SubmissionSettings
    unchecked_properties: str = ""

    @property
    def properties(self) -> str:
        """The condition that every group of the job has to meet."""
        return both(self.submission.properties, self.unchecked_properties)


Rule = Callable[[Draft], tuple[Draft, tuple[str, ...]]]


def admit(draft: Draft, of_site: Sequence[Rule] = ()) -> tuple[Draft, tuple[str, ...]]:
    """Pass a submission through all rules; returns it and the lines for the user. Raises AdmissionRefused.

    The rules ``of_site`` see it when queue and walltimes are settled, and before its types are checked.
    """
    said: tuple[str, ...] = ()
    for rule in (*RULES, *of_site, *LAST_RULES):
        draft, lines = rule(draft)
        said += tuple(f"[ADMISSION RULE] {line}" for line in lines)
    return draft, said


def both(one: str, other: str) -> str:
    """Join two conditions, either of which may be empty."""
    return f"({one}) AND {other}" if one and other else one or other


def known_types_only(draft: Draft) -> tuple[Draft, tuple[str, ...]]:
    """Refuse types that mean nothing here, and values that mean nothing for their type."""
    try:
        check_types(draft.submission.types)
    except BadJobType as error:
        raise AdmissionRefused(f"[ADMISSION RULE] Error: {error}") from None
    return draft, ()


def default_queue(draft: Draft) -> tuple[Draft, tuple[str, ...]]:
    """Choose the queue where the user did not."""
    return _change(draft, queue=draft.submission.queue or draft.settings.default_queue), ()


def nobody_who_runs_the_place(draft: Draft) -> tuple[Draft, tuple[str, ...]]:
    """Keep jobs from running as root on the nodes."""
    if not draft.author.may_submit:
        raise AdmissionRefused("[ADMISSION RULE] root and oar users are not allowed to submit jobs.")
    return draft, ()


def admin_queue_for_administrators(draft: Draft) -> tuple[Draft, tuple[str, ...]]:
    """Keep the most important queue for those who run the place."""
    if draft.submission.queue == ADMIN and not draft.author.may_administer:
        raise AdmissionRefused(
            "[ADMISSION RULE] Only member of the group admin can submit jobs in the admin queue"
        )
    return draft, ()


def exempt_from_quotas(draft: Draft) -> tuple[Draft, tuple[str, ...]]:
    """Leave it to those who run the place which jobs no quota limits; none limits the queue ``admin``."""
    types = draft.submission.types
    if draft.submission.queue == ADMIN and NO_QUOTAS not in types:
        return _change(draft, types=(*types, NO_QUOTAS)), ()
    if NO_QUOTAS in types and not draft.author.may_administer:
        kept = tuple(one for one in types if one != NO_QUOTAS)
        return _change(draft, types=kept), (f"The type {NO_QUOTAS} is for administrators; it is left out",)
    return draft, ()


def no_system_properties(draft: Draft) -> tuple[Draft, tuple[str, ...]]:
    """Refuse levels that tell about a resource's life and not about its place."""
    for group in _groups(draft):
        for level in group.levels:
            if level.name in SYSTEM_PROPERTIES:
                raise AdmissionRefused(f"[ADMISSION RULE] '{level.name}' resource is not allowed")
    return draft, ()


def besteffort(draft: Draft) -> tuple[Draft, tuple[str, ...]]:
    """Let the queue and the type besteffort follow each other, on resources that allow it."""
    asked = draft.submission
    said = []
    if BESTEFFORT in asked.types and asked.queue != BESTEFFORT:
        draft = _change(draft, queue=BESTEFFORT)
        said.append("Automatically redirect in the besteffort queue")
    if asked.queue == BESTEFFORT and BESTEFFORT not in asked.types:
        draft = _change(draft, types=(*asked.types, BESTEFFORT))
        said.append("Automatically add the besteffort type")
    if draft.submission.queue == BESTEFFORT:
        draft = _change(draft, properties=both(asked.properties, "besteffort = 'YES'"))
        said.append("Automatically add the besteffort constraint on the resources")
    return draft, tuple(said)


def deploy_on_nodes_that_allow_it(draft: Draft) -> tuple[Draft, tuple[str, ...]]:
    """Let jobs that install nodes anew have whole nodes, of those that may be installed anew."""
    if DEPLOY not in {one.partition("=")[0] for one in draft.submission.types}:
        return draft, ()
    for group in _groups(draft):
        for level in group.levels:
            if level.name in PARTS_OF_NODES:
                raise AdmissionRefused(
                    f"[ADMISSION RULE] '{level.name}' resource is not allowed with a deploy job, "
                    "which has whole nodes"
                )
    draft = _change(draft, properties=both(draft.submission.properties, "deploy = 'YES'"))
    return draft, ("Automatically add the deploy constraint on the resources",)


def no_besteffort_reservation(draft: Draft) -> tuple[Draft, tuple[str, ...]]:
    """Refuse to reserve what gives way to any other job."""
    if draft.submission.reserved_for is not None and BESTEFFORT in draft.submission.types:
        raise AdmissionRefused(
            "[ADMISSION RULE] Error: a job cannot both be of type besteffort and be a reservation."
        )
    return draft, ()


def unlimited_reservations(draft: Draft) -> tuple[Draft, tuple[str, ...]]:
    """Tell those who may have any number of reservations that it is so."""
    if draft.submission.reserved_for is None or not draft.author.has_no_reservation_limit:
        return draft, ()
    return draft, (f"{draft.author.name} is granted the privilege to do unlimited reservations",)


def not_on_drained_resources(draft: Draft) -> tuple[Draft, tuple[str, ...]]:
    """Keep jobs away from resources that are being emptied."""
    return replace(draft, unchecked_properties=both(draft.unchecked_properties, "drain='NO'")), ()


def default_walltime(draft: Draft) -> tuple[Draft, tuple[str, ...]]:
    """Give a walltime to the alternatives without one."""
    walltime = draft.settings.default_walltime_s
    said = tuple(
        f"Set default walltime to {walltime}."
        for one in draft.submission.alternatives
        if one.walltime_s is None
    )
    alternatives = tuple(
        replace(one, walltime_s=walltime if one.walltime_s is None else one.walltime_s)
        for one in draft.submission.alternatives
    )
    return _change(draft, alternatives=alternatives), said


def ordinary_resources(draft: Draft) -> tuple[Draft, tuple[str, ...]]:
    """Take resources of type ``default`` where a group does not say which type it wants."""
    alternatives = tuple(
        replace(one, request=Request(tuple(_typed(group) for group in one.request.groups)))
        for one in draft.submission.alternatives
    )
    if alternatives == draft.submission.alternatives:
        return draft, ()
    return _change(draft, alternatives=alternatives), ("Modify resource description with type constraints",)


RULES: tuple[Rule, ...] = (
    default_queue,
    nobody_who_runs_the_place,
    not_on_drained_resources,
    admin_queue_for_administrators,
    exempt_from_quotas,
    no_system_properties,
    besteffort,
    deploy_on_nodes_that_allow_it,
    no_besteffort_reservation,
    unlimited_reservations,
    default_walltime,
)
LAST_RULES: tuple[Rule, ...] = (known_types_only, ordinary_resources)
"""In OAR 2's order; the rules of a site come between the two."""


def _typed(group: Group) -> Group:
    if re.search(r"\btype\b", group.filter):
        return group
    return replace(group, filter=both(group.filter, "type = 'default'"))


def _groups(draft: Draft) -> Iterator[Group]:
    for alternative in draft.submission.alternatives:
        yield from alternative.request.groups


def _change(draft: Draft, **values: object) -> Draft:
    return replace(draft, submission=replace(draft.submission, **values))  # type: ignore[arg-type] # fields by name
