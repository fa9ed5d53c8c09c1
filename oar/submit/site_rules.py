"""The rules of a site for submissions: files of a folder, and plugins that packages bring.

A rule is a function that gets a checked submission and its author. It returns None, the submission changed
(``dataclasses.replace``), or an :class:`Answer`; it raises :class:`Refused` to turn it down. A rule that
fails turns everything down: nobody knows what it would have said.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from oar.errors import ConfigurationError
from oar.settings import SubmissionSettings
from oar.submit.admission import AdmissionRefused, Author, Draft, Rule, both
from oar.submit.parameters import Submission

PLUGINS = "oar.admission_rule"
"""The group of Python's entry points in which packages of a site name their rules."""

_FILE = re.compile(r"(\d+)_.*\.py", re.ASCII)


class Refused(Exception):
    """Raised by a rule that turns a submission down; the text is what the user is told."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a rule says of a submission, if it says more than how it changed.

    ``said`` are lines for the user. ``unchecked_properties`` is one more condition for the resources, which
    is left out when it is checked whether the job can ever run.
    """

    job: Submission
    said: tuple[str, ...] = ()
    unchecked_properties: str = ""


SiteRule = Callable[[Submission, Author], Submission | Answer | None]


class BadRule(ConfigurationError):
    """A rule that cannot be loaded."""


def site_rules(settings: SubmissionSettings) -> list[Rule]:
    """Load the rules that the settings name, in the order in which they are asked; raises BadRule."""
    rules = [*_plugins(settings.admission_plugins), *_files(settings.admission_folder)]
    return [_as_rule(name, function) for name, function in rules]


def _plugins(names: Sequence[str]) -> Iterator[tuple[str, SiteRule]]:
    if not names:
        return
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow to load, and few sites need it

    installed = entry_points(group=PLUGINS)
    for name in names:
        if name not in installed.names:
            known = ", ".join(sorted(installed.names)) or "none"
            raise BadRule(f'ADMISSION_PLUGINS="{name}": there is no such rule; installed: {known}')
        try:
            function = installed[name].load()
        except (Exception, SystemExit) as problem:  # noqa: BLE001 - a site's code, whatever is wrong with it
            raise BadRule(f'ADMISSION_PLUGINS="{name}": it cannot be loaded, {_words(problem)}') from None
        if not callable(function):
            raise BadRule(f'ADMISSION_PLUGINS="{name}": it is no function')
        yield name, function


def _files(folder: str) -> Iterator[tuple[str, SiteRule]]:
    """Give the rules of the files ``<number>_<words>.py``, in the order of their numbers, then names."""
    if not folder:
        return
    try:
        names = [(int(found[1]), path.name) for path in Path(folder).iterdir() if (found := _match(path))]
    except OSError as error:
        raise BadRule(f'ADMISSION_RULES_PATH="{folder}": {error.strerror}') from None
    for _, name in sorted(names):
        yield name, _read(Path(folder) / name)


def _match(path: Path) -> re.Match[str] | None:
    return _FILE.fullmatch(path.name)


def _read(file: Path) -> SiteRule:
    scope: dict[str, object] = {"__name__": f"admission_rule_{file.stem}", "__file__": str(file)}
    try:
        exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), scope)  # noqa: S102 - it is what they are
    except (Exception, SystemExit) as problem:  # noqa: BLE001 - as above
        raise BadRule(f"admission rule {file}: it cannot be read, {_words(problem)}") from None
    function = scope.get("rule")
    if not callable(function):
        raise BadRule(f"admission rule {file}: it defines no function rule(job, author)")
    return function


def _as_rule(name: str, function: SiteRule) -> Rule:
    def rule(draft: Draft) -> tuple[Draft, tuple[str, ...]]:
        try:
            answer = _answer(function(draft.submission, draft.author), draft.submission)
        except Refused as words:
            raise AdmissionRefused(f"[ADMISSION RULE] {words}") from None
        except (Exception, SystemExit) as problem:  # noqa: BLE001 - as above
            raise AdmissionRefused(
                f"[ADMISSION RULE] Error: the rule {name} of this site failed, tell its administrator: "
                f"{_words(problem)}"
            ) from None
        unchecked = both(draft.unchecked_properties, answer.unchecked_properties)
        return replace(draft, submission=answer.job, unchecked_properties=unchecked), tuple(answer.said)

    return rule


def _answer(said: object, job: Submission) -> Answer:
    if said is None:
        return Answer(job)
    answer = Answer(said) if isinstance(said, Submission) else said
    if not isinstance(answer, Answer) or not isinstance(answer.job, Submission):
        raise TypeError(f"it returned {type(said).__name__}, neither a submission, an Answer nor None")
    return answer


def _words(problem: BaseException) -> str:
    return " ".join(f"{type(problem).__name__}: {problem}".split())
