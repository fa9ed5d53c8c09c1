"""What the listing commands were asked, as values: between the options and what shows the answer."""

from dataclasses import dataclass

HERE = ""
"""The value of oarstat's ``-j`` and ``-u`` when nothing follows: this job, this user."""
LAST = ""
"""The value of oarnodes' ``-e`` when no date follows."""


@dataclass(frozen=True, slots=True)
class JobsAsked:
    """What oarstat's options ask for; see the help of each."""

    jobs: tuple[str, ...]
    user: str | None
    array: str | None
    condition: str
    full: bool
    state: bool
    events: bool
    properties: bool
    compact: bool
    gantt: str | None
    accounting: str | None
    why: int | None
    form: int | None


@dataclass(frozen=True, slots=True)
class NodesAsked:
    """What oarnodes' operands and options ask for; see the help of each."""

    hosts: tuple[str, ...]
    resources: tuple[int, ...]
    condition: str
    state: bool
    jobs: bool
    listing: bool
    events: str | None


@dataclass(frozen=True, slots=True)
class FileChoices:
    """How oar-resources applies a file; see the help of each option."""

    yes: bool
    dry_run: bool
    remove: bool
