"""What a user wants to be told of a job, and how: the value of ``oarsub --notify``. Pure.

``[TAG,TAG]mail:address,address`` or ``[TAG,TAG]exec:/path/program arguments``; without brackets, all tags.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from oar.core.states import JobState

LONGEST = 255
_FORM = re.compile(r"\s*(?:\[([^\]]*)\]\s*)?(mail|exec)\s*:\s*(.*?)\s*", re.DOTALL)
_ADDRESS = re.compile(r"[^\s,;<>()\[\]\x00-\x1f\x7f]+")
_PROGRAM = re.compile(r"/[a-zA-Z0-9_./ -]*")


class Tag(StrEnum):
    """What there is to tell of a job."""

    RUNNING = "RUNNING"
    END = "END"
    ERROR = "ERROR"
    INFO = "INFO"
    SUSPENDED = "SUSPENDED"
    RESUMING = "RESUMING"


WORDS: Mapping[Tag, str] = MappingProxyType(
    {
        Tag.RUNNING: "Job is running.",
        Tag.END: "Job stopped normally.",
        Tag.ERROR: "Job stopped abnormally or an OAR error occured.",
        Tag.INFO: "Your job was asked to be deleted - ",
        Tag.SUSPENDED: "Job is suspended.",
        Tag.RESUMING: "Job is resuming.",
    }
)
"""OAR 2's words, which filters of mail know."""

_OF_STATES: Mapping[JobState, Tag] = MappingProxyType(
    {
        JobState.RUNNING: Tag.RUNNING,
        JobState.SUSPENDED: Tag.SUSPENDED,
        JobState.RESUMING: Tag.RESUMING,
        JobState.TERMINATED: Tag.END,
        JobState.ERROR: Tag.ERROR,
    }
)


class BadNotify(Exception):
    """A wish that is none; the text says what would be right."""


class InsecureProgram(BadNotify):
    """A program with characters that are not let through."""


@dataclass(frozen=True, slots=True)
class Notify:
    """A wish: either ``addresses`` or ``program`` with its arguments is not empty."""

    tags: frozenset[Tag]
    addresses: tuple[str, ...] = ()
    program: tuple[str, ...] = ()


def tag_of(state: JobState) -> Tag | None:
    """Say what there is to tell of a job that comes into a state; None for nothing."""
    return _OF_STATES.get(state)


def parse_notify(text: str) -> Notify:
    """Read a wish; raises BadNotify, InsecureProgram."""
    found = _FORM.fullmatch(text)
    if found is None or not found[3]:
        raise BadNotify(f"'{text}' is neither mail:ADDRESS nor exec:PROGRAM, with [TAG,...] in front of it")
    if len(text) > LONGEST:
        raise BadNotify(f"'{text[:20]}...' is longer than {LONGEST} characters")
    tags = _tags(found[1])
    if found[2] == "exec":
        if not _PROGRAM.fullmatch(found[3]):
            raise InsecureProgram(
                f"'{found[3]}' is no full path of a program; use letters, digits, blanks and _ . / - only"
            )
        return Notify(tags, program=tuple(found[3].split()))
    addresses = tuple(one.strip() for one in found[3].split(","))
    if wrong := [one for one in addresses if not _ADDRESS.fullmatch(one)]:
        raise BadNotify(f"'{wrong[0]}' is no address of mail")
    return Notify(tags, addresses=addresses)


def _tags(text: str | None) -> frozenset[Tag]:
    if text is None:
        return frozenset(Tag)
    words = [word.strip().upper() for word in text.split(",")]
    if unknown := [word for word in words if word not in set(Tag)]:
        raise BadNotify(f"'{unknown[0]}' is none of {', '.join(Tag)}")
    return frozenset(Tag(word) for word in words)
