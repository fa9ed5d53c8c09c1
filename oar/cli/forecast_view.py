"""What a job may expect, in words and for programs: for ``oarstat --why`` and ``oarsub --dry-run``. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oar.cli.render import Structure
from oar.core.durations import format_date, format_duration
from oar.kamelot.reasons.reason import listed
from oar.kao.whatif import Advice, Cause, Forecast, Prospect

if TYPE_CHECKING:
    from oar.kao.foresight import Estimate


def date_words(now: int) -> Callable[[int], str]:
    """Spell dates as people read them: what is now as ``now``."""
    return lambda date: "now" if date == now else format_date(date)


def forecast_sentences(forecast: Forecast, reason: str = "") -> Iterator[str]:
    """Say what holds a job, and what would be sooner; ``reason`` was said already."""
    say = date_words(forecast.now)
    if forecast.cause is not None and forecast.cause.obstacle is not None:
        yield f"It {forecast.cause.words(say)}."
    elif forecast.cause is not None and forecast.cause.text != reason:
        yield f"It waits: {forecast.cause.words(say)}."
    elif forecast.cause is None and forecast.start is not None and forecast.start <= forecast.now:
        yield "Nothing holds it: it starts with the next round."
    for one in forecast.advice:
        starts = "now" if one.start <= forecast.now else format_date(one.start)
        yield f"Sooner {one.change.words()}: it would start {starts} {_where(one.resources, one.nodes)}."
    if forecast.advice:
        yield "So it would be if it were submitted anew, behind the jobs that wait."


def forecast_structure(forecast: Forecast) -> Structure:
    """Spell a forecast for programs."""
    return {
        "now": forecast.now,
        "start": forecast.start,
        "nodes": list(forecast.nodes),
        "cause": cause_structure(forecast.cause, forecast.now),
        "sooner": [_advice_structure(one) for one in forecast.advice],
    }


def cause_structure(cause: Cause | None, now: int) -> Structure:
    """Spell what holds a job: ``kind`` is that of the obstacle, or ``round`` for words of a round."""
    if cause is None:
        return None
    found = cause.obstacle
    if found is None:
        return {"kind": "round", "words": cause.text}
    return {
        "kind": found.kind.name.lower(),
        "words": cause.words(date_words(now)),
        "jobs": list(found.jobs),
        "reservations": list(cause.reservations),
        "besteffort": list(cause.besteffort),
        "nodes": list(found.nodes),
        "quota": None if found.quota is None else found.quota.words(),
        "from": found.begins,
        "until": found.ends,
        "could_start": found.until,
    }


def _advice_structure(one: Advice) -> Structure:
    change = one.change
    return {
        "kind": str(change.kind),
        "words": change.words(),
        "alternative": change.alternative,
        "level": change.level or None,
        "value": change.value or None,
        "condition": change.condition or None,
        "instead": change.instead or None,
        "start": one.start,
        "resources": one.resources,
        "nodes": list(one.nodes),
    }


@dataclass(frozen=True, slots=True)
class EstimateView:
    """When jobs would start that were not submitted; ``said`` is what the rules of admission said."""

    estimate: "Estimate"
    queue: str
    jobs: int = 1
    held: bool = False
    reserved: bool = False
    said: Sequence[str] = ()

    def lines(self) -> Iterator[str]:
        """Tell it in words."""
        yield from self.said
        alternatives, chosen = self.estimate.alternatives, self.estimate.chosen
        for one in alternatives:
            number = f"Alternative {one.alternative}: " if len(alternatives) > 1 else ""
            yield f"{number}{one.text}"
            yield from (f"  {line}" for line in self._of_one(one))
        if len(alternatives) > 1 and chosen.start is not None:
            yield f"It would get alternative {chosen.alternative}, which is over first."
        if self.estimate.last is not None and self.reserved:
            yield from self._of_array(self.estimate.last)
        elif self.estimate.last is not None:
            yield f"The last of the {self.jobs} jobs {self._starts(self.estimate.last)}."
        if self.held:
            yield "It would be held (--hold): the dates are as if it were let go now."
        yield f"Nothing was submitted to queue {self.queue}."

    def structure(self) -> Structure:
        """Spell it for programs."""
        chosen, last = self.estimate.chosen, self.estimate.last
        return {
            "now": self.estimate.now,
            "queue": self.queue,
            "jobs": self.jobs,
            "held": self.held,
            "said": list(self.said),
            "alternatives": [self._structure_of(one) for one in self.estimate.alternatives],
            "chosen": None if chosen.start is None else chosen.alternative,
            "start": chosen.start,
            "last_start": last.start if last is not None else chosen.start,
        }

    def _of_array(self, last: Prospect) -> Iterator[str]:
        if last.start is not None:
            yield f"So would all {self.jobs} of them."
        elif self.estimate.alternatives[0].start is not None and last.cause is not None:
            yield f"Not all {self.jobs} would be granted: {last.cause.words(date_words(self.estimate.now))}."

    def _of_one(self, one: Prospect) -> Iterator[str]:
        say = date_words(self.estimate.now)
        if self.reserved:
            answer = "would be granted" if one.start is not None else "would be refused"
            yield f"The reservation {answer}{'' if one.cause is None else f': {one.cause.words(say)}'}."
            if one.start is None:
                return
        yield f"It {self._starts(one)}."
        if one.cause is not None and not self.reserved:
            yield f"It {one.cause.words(say)}." if one.cause.obstacle else f"Reason: {one.cause.words(say)}."

    def _starts(self, one: Prospect) -> str:
        if one.start is None:
            return "has no date of start"
        now = self.estimate.now
        when = (
            f"at {format_date(one.start)}, in {format_duration(one.start - now)}"
            if one.start > now
            else "now"
        )
        over = format_date(one.start + one.walltime_s)
        return f"would start {when}, {_where(one.resources, one.nodes)}, and be over by {over}"

    def _structure_of(self, one: Prospect) -> Structure:
        return {
            "request": one.text,
            "walltime": one.walltime_s,
            "start": one.start,
            "resources": one.resources,
            "nodes": list(one.nodes),
            "cause": cause_structure(one.cause, self.estimate.now),
        }


def _where(resources: int, nodes: Sequence[str]) -> str:
    count = f"{resources} resource{'' if resources == 1 else 's'}"
    return f"on {count} of {listed(list(nodes))}" if nodes else f"on {count}"
