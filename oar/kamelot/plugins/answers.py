"""Asking a plugin, and checking what it answers: nothing that it says is taken on trust."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from procset import ProcSet

from oar.kamelot.placement import Place
from oar.kamelot.platform import Platform
from oar.kamelot.plugins.arguments import BadArguments, Call
from oar.kamelot.plugins.openings import Choice, Openings, Option

SHOWN = 200
"""So many characters of an error or of a set of resources are told to the user."""

Question = TypeVar("Question")


class PluginFailed(Exception):
    """A plugin is missing, raised an error or gave what cannot be; the text says so to its job."""

    def __init__(self, call: Call, problem: object) -> None:
        super().__init__(f"{call.text}: {_short(problem)}")


def ask(call: Call, plugin: Callable[[Question], object], question: Question) -> object:
    """Ask a plugin; whatever it raises comes out as PluginFailed."""
    try:
        return plugin(question)
    except PluginFailed:
        raise
    except BadArguments as problem:
        raise PluginFailed(call, problem) from None
    # Code of a site, which may even call exit(): whatever it does must not stop the round.
    except (Exception, SystemExit) as problem:
        raise PluginFailed(call, f"the plugin failed: {type(problem).__name__}: {problem}") from problem


def checked_resources(call: Call, platform: Platform, free: int, answer: object) -> int:
    """Turn the resources that a plugin chose into ranks, all of them free; 0 when it chose none."""
    if answer is None:
        return 0
    if not isinstance(answer, ProcSet):
        raise PluginFailed(call, f"the plugin gave {answer!r}, which is no ProcSet")
    wrong = answer - platform.procset(free)
    if wrong:
        raise PluginFailed(call, f"the plugin chose what the job cannot have then: resources {wrong}")
    return platform.mask(answer)


def checked_choice(
    call: Call, platform: Platform, openings: Openings, answer: object
) -> tuple[int, Place] | None:
    """Turn what a search plugin chose into the number of a moldable and its place.

    The moldable is the job's, the date one at which it may start, and the resources are free all the time.
    """
    if answer is None:
        return None
    if not isinstance(answer, Choice):
        raise PluginFailed(call, f"the plugin gave {answer!r}, which is no Choice")
    number = _number_of(call, openings.options, answer)
    option, start = openings.options[number], answer.start
    if not isinstance(start, int):
        raise PluginFailed(call, f"the plugin chose the start {start!r}, which is no whole number of seconds")
    if start < openings.earliest:
        raise PluginFailed(call, f"the plugin chose a start {openings.earliest - start} s too early")
    if start > option.latest:
        raise PluginFailed(call, f"the plugin chose a start {start - option.latest} s too late")
    resources = checked_resources(call, platform, openings.free_ranks(option, start), answer.resources)
    if not resources:
        raise PluginFailed(call, "the plugin chose no resources")
    return number, Place(start, resources)


def _number_of(call: Call, options: Sequence[Option], choice: Choice) -> int:
    for number, option in enumerate(options):
        if option.moldable.moldable_id == choice.moldable_id:
            return number
    raise PluginFailed(call, f"the plugin chose moldable {choice.moldable_id!r}, which is not one of the job")


def _short(problem: object) -> str:
    """Make one line of it that is not too long."""
    line = " ".join(str(problem).split())
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}..."
