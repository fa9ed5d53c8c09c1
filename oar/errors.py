"""Everything that can go wrong by the hand of a person, with the exit code a command ends with."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What our commands return to the shell; values follow OAR 2 where it has one."""

    OK = 0
    FAILURE = 1
    NOT_REACHABLE = 2
    BAD_RESOURCE_REQUEST = 18
    REFUSED = 254
    CONFIGURATION = 78


class OarError(Exception):
    """An error to be told in one line: what is wrong, and what would be right."""

    exit_code: int = ExitCode.FAILURE


class ConfigurationError(OarError):
    """A file of the configuration cannot be read or holds a bad value."""

    exit_code = ExitCode.CONFIGURATION


class DatabaseUnreachable(OarError):
    """PostgreSQL does not answer, refuses the account, or is too old."""

    exit_code = ExitCode.NOT_REACHABLE


class BadRequest(OarError):
    """A submission that cannot be understood or can never run."""
