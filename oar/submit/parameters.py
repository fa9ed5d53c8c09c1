"""What a submission asks for, checked before anything is read or written. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import PurePosixPath

from oar.core.condition import BadFilter, check_condition
from oar.core.job import Alternative
from oar.core.job_key import KeyWish, key_wish
from oar.core.job_signals import BadSignal, signal_number
from oar.core.notify import BadNotify, InsecureProgram, parse_notify
from oar.core.request import RequestSyntax, parse_request
from oar.errors import BadRequest, ConfigurationError
from oar.settings import SubmissionSettings
from oar.submit.reservation import BadReservation, ReservedFor, parse_reservation

LARGEST_ARRAY = 100_000
LONGEST_S = 2**31 - 1
CHECKPOINT_SIGNAL = 12
"""SIGUSR2, which tells a command to save its work where the user says nothing."""

_FILE_NAME = re.compile(r"[a-zA-Z0-9_./\-% ]+")
_JOB_NAME = re.compile(r"[\w.-]{1,100}", re.ASCII)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DISCARDED = "/dev/null"
_WIDTHS = {"queue": 100, "project": 255}
_TYPE_WIDTH = 255


class NothingToRun(BadRequest):
    """There is no command, or more than one."""

    exit_code = 5


class BadArray(BadRequest):
    """An array without jobs, or with too many."""

    exit_code = 6


class BadStdout(BadRequest):
    """A name that the output file cannot have."""

    exit_code = 244


class BadStderr(BadRequest):
    """A name that the error file cannot have."""

    exit_code = 243


class BadOption(BadRequest):
    """A value that an option cannot have."""


class InteractiveArray(BadRequest):
    """An array of interactive jobs."""

    exit_code = 8


class InteractiveParameters(BadRequest):
    """An interactive job with a file of parameters."""

    exit_code = 9


class InteractiveNoop(BadRequest):
    """An interactive job that nothing of would ever exist on a node."""

    exit_code = 17


class WrongNotify(BadRequest):
    """A wish to be told that is not understood."""

    exit_code = 250


class InsecureNotify(BadRequest):
    """A wish to be told by a program whose name or arguments are not let through."""

    exit_code = 16


class BadCondition(BadRequest):
    """A condition of the user that is none, or that the database does not take."""

    exit_code = 251


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the command line, or the ``#OAR`` lines of a script, ask for; None or () where nothing is said."""

    resources: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    anterior: tuple[int, ...] = ()
    queue: str | None = None
    property: str | None = None
    name: str | None = None
    project: str | None = None
    directory: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    array: int | None = None
    array_param_file: str | None = None
    checkpoint: int | None = None
    signal: str | None = None
    reservation: str | None = None
    notify: str | None = None
    import_job_key_from_file: str | None = None
    import_job_key_inline: str | None = field(default=None, repr=False)
    export_job_key_to_file: str | None = None
    use_job_key: bool = False
    hold: bool = False
    interactive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A checked submission: one job for each of ``commands``; the rules choose when ``queue`` is None."""

    commands: tuple[str, ...]
    alternatives: tuple[Alternative, ...]
    queue: str | None
    properties: str
    types: tuple[str, ...]
    name: str
    project: str
    directory: str
    stdout: str
    stderr: str
    hold: bool
    required_jobs: tuple[int, ...]
    initial_request: str
    checkpoint_s: int = 0
    checkpoint_signal: int = CHECKPOINT_SIGNAL
    interactive: bool = False
    reserved_for: ReservedFor | None = None
    notify: str = ""
    key: KeyWish | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user may not have meant."""
        return self._warnings_of_files() + self._warnings_of_dates()

    def _warnings_of_dates(self) -> tuple[str, ...]:
        asked_s = self.reserved_for and self.reserved_for.walltime_s
        if asked_s is None or all(one.walltime_s == asked_s for one in self.alternatives):
            return ()
        return ("warning: -r: the end date is ignored for a request (-l) with a walltime",)

    def _warnings_of_files(self) -> tuple[str, ...]:
        if len(self.commands) == 1:
            return ()
        shared = {self.stdout, self.stderr} - {_DISCARDED}
        if self.key and self.key.export_to and not self.key.is_imported:
            shared.add(self.key.export_to)
        return tuple(
            f"warning: all {len(self.commands)} jobs write to '{file}'; %jobid% in the name tells them apart"
            for file in sorted(shared)
            if "%jobid%" not in file
        )


def check(
    wishes: Wishes,
    command: str,
    parameters: Sequence[str] | None,
    settings: SubmissionSettings,
    *,
    directory: str,
    initial_request: str,
    now: int = 0,
) -> Submission:
    """Check everything that can be checked without the database; raises a BadRequest that names the option.

    ``parameters`` has the arguments of each job of an array; ``directory`` holds where the user gave none.
    ``now`` is the date by the user's clock, which the dates of a reservation may leave out.
    """
    types = tuple(dict.fromkeys(one.strip() for one in wishes.types))
    if wishes.interactive:
        _check_interactive(wishes, types)
    elif not command.strip() and not _is_noop(types) and wishes.reservation is None:
        raise NothingToRun("there is nothing to run; give one command, in quotes when it has arguments")
    _check_words(wishes, types)
    reserved_for = _reserved_for(wishes, now)
    submission = Submission(
        commands=_commands(command, wishes.array, parameters),
        alternatives=_alternatives(
            wishes.resources, settings, reserved_for.walltime_s if reserved_for else None
        ),
        queue=wishes.queue,
        properties=(wishes.property or "").strip(),
        types=types,
        name=_job_name(wishes.name),
        project=wishes.project or settings.default_project,
        directory=_directory(wishes.directory or directory),
        stdout=_file_name(wishes.stdout, wishes.name, "stdout"),
        stderr=_file_name(wishes.stderr, wishes.name, "stderr"),
        hold=wishes.hold,
        required_jobs=tuple(dict.fromkeys(wishes.anterior)),
        initial_request=initial_request,
        checkpoint_s=_checkpoint(wishes.checkpoint),
        checkpoint_signal=_signal(wishes.signal),
        interactive=wishes.interactive,
        reserved_for=reserved_for,
        notify=_notify(wishes.notify),
        key=key_wish(
            use=wishes.use_job_key or settings.forces_job_key,
            from_file=wishes.import_job_key_from_file,
            inline=wishes.import_job_key_inline,
            export_to=wishes.export_job_key_to_file,
        ),
    )
    _check_encoding(submission)
    _check_conditions(submission)
    return submission


def _is_noop(types: Sequence[str]) -> bool:
    return any(one.partition("=")[0] == "noop" for one in types)


def _check_interactive(wishes: Wishes, types: Sequence[str]) -> None:
    if _is_noop(types):
        raise InteractiveNoop("-I: a job of type noop has nothing to connect to; leave out -I or -t noop")
    if wishes.array_param_file is not None:
        raise InteractiveParameters("-I: an interactive job takes no --array-param-file")
    if wishes.array not in (None, 1):
        raise InteractiveArray(f"-I: there is one terminal, not {wishes.array}; leave out -I or --array")


def _reserved_for(wishes: Wishes, now: int) -> ReservedFor | None:
    if wishes.reservation is None:
        return None
    if wishes.interactive:
        raise BadReservation("-r: an interactive job (-I) cannot be a reservation; leave out one of the two")
    if wishes.hold:
        raise BadReservation("-r: a reservation on hold is never answered; leave out --hold")
    if wishes.anterior:
        raise BadReservation("-r: a reservation starts at its date, whatever else ends; leave out -a")
    return parse_reservation(wishes.reservation, now)


def read_parameters(text: str) -> tuple[str, ...]:
    """Read a parameter file: the arguments of one job a line, without comments (``#``) and empty lines."""
    lines = (line.partition("#")[0].strip() for line in text.split("\n"))
    return tuple(line for line in lines if line)


def _commands(command: str, array: int | None, parameters: Sequence[str] | None) -> tuple[str, ...]:
    size = len(parameters) if parameters is not None else 1 if array is None else array
    if size < 1:
        where = (
            "--array-param-file has no line with parameters" if parameters is not None else f"--array {array}"
        )
        raise BadArray(f"{where}: an array has at least one job")
    if size > LARGEST_ARRAY:
        raise BadArray(f"an array of {size} jobs is too large; the largest has {LARGEST_ARRAY}")
    if parameters is None:
        return (command,) * size
    return tuple(f"{command} {arguments}" for arguments in parameters)


def _alternatives(
    texts: Sequence[str], settings: SubmissionSettings, reserved_s: int | None = None
) -> tuple[Alternative, ...]:
    """Read the requests; those without a walltime get the time that is reserved, if its end is known."""
    try:
        default = parse_request(settings.default_request, settings.nodes_property)
    except RequestSyntax as error:
        raise ConfigurationError(f"OARSUB_DEFAULT_RESOURCES: {error}") from None
    if not texts:
        return (default if reserved_s is None else replace(default, walltime_s=reserved_s),)
    asked = [parse_request(text, settings.nodes_property, default.request) for text in texts]
    return tuple(replace(one, walltime_s=reserved_s) if one.walltime_s is None else one for one in asked)


def _job_name(name: str | None) -> str:
    if name is not None and not _JOB_NAME.fullmatch(name):
        raise BadOption(f"-n: '{name}' is no job name; use up to 100 letters, digits and _ . -")
    return name or ""


def _checkpoint(seconds: int | None) -> int:
    if seconds is not None and not 0 <= seconds <= LONGEST_S:
        raise BadOption(
            f"--checkpoint: {seconds} is no number of seconds before the end; use 0 to {LONGEST_S}"
        )
    return seconds or 0


def _signal(text: str | None) -> int:
    """Read the checkpoint signal; with 0 none is sent, and a besteffort job only gets its seconds."""
    if text is None:
        return CHECKPOINT_SIGNAL
    try:
        return 0 if text.strip() == "0" else signal_number(text)
    except BadSignal as error:
        raise BadOption(f"--signal: {error}") from None


def _notify(text: str | None) -> str:
    if text is None:
        return ""
    try:
        parse_notify(text)
    except InsecureProgram as error:
        raise InsecureNotify(f"--notify: {error}") from None
    except BadNotify as error:
        raise WrongNotify(f"--notify: {error}") from None
    return text.strip()


def _directory(path: str) -> str:
    if not PurePosixPath(path).is_absolute():
        raise BadOption(f"-d: '{path}' is not absolute; a directory begins with /")
    if _CONTROL.search(path):
        raise BadOption(f"-d: '{path}' holds an end of line or another control character")
    return path


def _file_name(path: str | None, name: str | None, stream: str) -> str:
    if path is None:
        return f"OAR.{name}.%jobid%.{stream}" if name else f"OAR.%jobid%.{stream}"
    if not _FILE_NAME.fullmatch(path):
        error, option = (BadStdout, "-O") if stream == "stdout" else (BadStderr, "-E")
        raise error(
            f"{option}: '{path}' is no file name for the {stream}; use letters, digits and _ . / - % only"
        )
    return path.replace("%jobname%", name or "")


def _check_words(wishes: Wishes, types: Sequence[str]) -> None:
    for name, width in _WIDTHS.items():
        word = getattr(wishes, name)
        if word is not None:
            _check_word(f"--{name}", word, width)
    for one in types:
        _check_word("-t", one, _TYPE_WIDTH)


def _check_word(option: str, word: str, width: int) -> None:
    if not 0 < len(word.strip()) <= width:
        raise BadOption(f"{option}: '{word}' is empty or longer than {width} characters")
    if _CONTROL.search(word):
        raise BadOption(f"{option}: '{word}' holds an end of line or another control character")


def _check_conditions(submission: Submission) -> None:
    """Refuse what is not one condition while each stands alone.

    Joined to what the rules add, ``x) OR (y`` would be one condition too, and undo the rules.
    """
    filters = [group.filter for one in submission.alternatives for group in one.request.groups]
    try:
        for condition in (submission.properties, *filters):
            check_condition(condition)
    except BadFilter as error:
        raise BadCondition(str(error)) from None


def _check_encoding(submission: Submission) -> None:
    for text in _texts(submission):
        try:
            text.encode()
        except UnicodeEncodeError:
            shown = text.encode(errors="backslashreplace").decode()
            raise BadOption(f"'{shown}' is not written in UTF-8") from None


def _texts(submission: Submission) -> Iterator[str]:
    for one in fields(Submission):
        value = getattr(submission, one.name)
        yield from (
            item for item in (value if isinstance(value, tuple) else (value,)) if isinstance(item, str)
        )
    for alternative in submission.alternatives:
        yield from (group.filter for group in alternative.request.groups)
