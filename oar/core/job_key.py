"""The ssh key of a job: who has it may enter the job. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from oar.errors import BadRequest

_PUBLIC = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) [A-Za-z0-9+/=]+")
HIDDEN = "<hidden>"
INLINE_OPTIONS = ("--import-job-key-inline", "--import-job-key-inline-priv")


class KeyMisuse(BadRequest):
    """An option about job keys that stands alone, or two that exclude each other; OAR 2's -15."""

    exit_code = 8


class BadKey(BadRequest):
    """A key that cannot be read, made or used; OAR 2's -14."""

    exit_code = 8


class KeyInUse(BadRequest):
    """A key that opens a living job of somebody else; OAR 2's -10."""

    exit_code = 8


@dataclass(frozen=True, slots=True)
class JobKey:
    """A pair of keys without a passphrase; ``public`` is one line without a comment."""

    private: str = field(repr=False)
    public: str


@dataclass(frozen=True, slots=True)
class KeyWish:
    """What a submission asks for: a key from a file or from a text, a new one without both.

    ``export_to`` is the file that the user gets it in, with ``%jobid%``.
    """

    from_file: str | None = None
    inline: str | None = field(default=None, repr=False)
    export_to: str | None = None

    @property
    def is_imported(self) -> bool:
        """Tell whether the user brings the key."""
        return self.from_file is not None or self.inline is not None


def key_wish(
    *, use: bool, from_file: str | None, inline: str | None, export_to: str | None
) -> KeyWish | None:
    """Check the options about job keys; None when the job was not asked to have one of its own."""
    if not use:
        if from_file is None and inline is None and export_to is None:
            return None
        raise KeyMisuse(
            "You must set the --use-job-key (or -k) option in order to use other job key related options."
        )
    if from_file is not None and inline is not None:
        raise KeyMisuse("-i and --import-job-key-inline exclude each other; there is one key")
    return KeyWish(from_file, inline, export_to)


def public_part(text: str) -> str:
    """Take the type and the key from a line of ssh-keygen; raises :class:`BadKey` for types that are weak."""
    found = _PUBLIC.match(text.strip())
    if found is None:
        kind = text.partition(" ")[0] or "nothing"
        raise BadKey(f"a job key is of type ed25519, ecdsa or rsa, not {kind}")
    return found[0]


def hide_keys(arguments: Sequence[str]) -> list[str]:
    """Put a word in the place of private keys among the arguments of oarsub."""
    shown: list[str] = []
    for one in arguments:
        name, equals, _ = one.partition("=")
        if shown and shown[-1] in INLINE_OPTIONS:
            shown.append(HIDDEN)
        elif equals and name in INLINE_OPTIONS:
            shown.append(f"{name}={HIDDEN}")
        else:
            shown.append(one)
    return shown


def hide_key_of_directive(line: str) -> str:
    """The same for a ``#OAR`` line of a script."""
    found = re.match(r"(#OAR\s+(--import-job-key-inline(?:-priv)?))", line)
    return f"{found[1]} {HIDDEN}" if found else line


def ssh_keys(key: JobKey | None, private_file: str) -> Mapping[str, Mapping[str, str]]:
    """Write a key as OAR 2's node programs read it."""
    public = " ".join(key.public.split()[:2]) if key else ""  # OAR 2 keeps the comment
    return {
        "public": {"file_name": ".ssh/authorized_keys", "key": public},
        "private": {"file_name": private_file, "key": key.private if key else ""},
    }
