"""``oarstat --why``: in words, why a job waits, or what became of it. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from oar.cli.forecast_view import forecast_sentences, forecast_structure
from oar.cli.job_details import exit_code_words, hostnames
from oar.cli.render import Structure
from oar.core.durations import format_date, format_duration
from oar.core.listings import JobDetails
from oar.core.states import JobState, QueueState, ReservationState
from oar.kamelot.reasons.reason import listed
from oar.kao.whatif import Forecast

_ARTICLE = {
    JobState.TO_LAUNCH: "is about to be launched",
    JobState.LAUNCHING: "is being launched",
    JobState.RUNNING: "runs",
    JobState.SUSPENDED: "is suspended",
    JobState.RESUMING: "is being resumed",
    JobState.FINISHING: "is finishing",
}


@dataclass(frozen=True, slots=True)
class JobReason:
    """What is known of why a job is where it is; ``queue_state`` is None when its queue is gone.

    ``forecast`` is what the next round would make of a job that waits.
    """

    job: JobDetails
    queue_state: str | None
    now: int
    forecast: Forecast | None = None

    def lines(self) -> Iterator[str]:
        """Tell it in words, the state first."""
        line = self.job.line
        yield f"Job {line.job_id} ({line.user}, queue {line.queue}) is in state {line.state}."
        yield from (f"  {sentence}" for sentence in self.sentences())

    def structure(self) -> Structure:
        """Spell it for programs."""
        line = self.job.line
        return {
            "job_id": line.job_id,
            "state": str(line.state),
            "message": line.message,
            "reason": self.job.scheduler_info,
            "predicted_start": self.job.scheduled_start,
            "dependencies": {
                str(one.job_id): None if one.state is None else str(one.state)
                for one in self.job.dependencies
            },
            "explanation": list(self.sentences()),
            "forecast": None if self.forecast is None else forecast_structure(self.forecast),
        }

    def sentences(self) -> Iterator[str]:
        """Give the explanation, a sentence each."""
        state = self.job.line.state
        if state.is_final:
            yield from self._ended()
        elif state.holds_resources:
            yield from self._started()
        elif state is JobState.HOLD:
            yield f"It is held: it waits until oarresume {self.job.line.job_id} lets it go."
        elif state is JobState.TO_ERROR:
            yield "It was refused and goes to Error."
            yield from self._messages()
        else:
            yield from self._waiting()

    def _waiting(self) -> Iterator[str]:
        job = self.job
        yield from self._messages()
        if self.queue_state is None:
            yield f"There is no queue {job.line.queue} any more: nothing will start it."
        elif self.queue_state != QueueState.ACTIVE:
            yield f"The queue {job.line.queue} is not active: jobs wait until an administrator enables it."
        if job.reservation is ReservationState.TO_SCHEDULE:
            yield f"It asks for a reservation from {format_date(job.line.start_time)} on, not yet answered."
        for one in job.dependencies:
            known = "does not exist any more" if one.state is None else f"is in state {one.state}"
            yield f"It depends on job {one.job_id}, which {known}."
        yield self._prediction()
        if self.forecast is not None:
            yield from forecast_sentences(self.forecast, self.job.scheduler_info)

    def _messages(self) -> Iterator[str]:
        if self.job.scheduler_info:
            yield f"Reason: {self.job.scheduler_info}"
        yield from self._message()

    def _message(self) -> Iterator[str]:
        if self.job.line.message:
            yield f"Message: {self.job.line.message}"

    def _prediction(self) -> str:
        start = self.job.predicted_start
        foreseen = self.forecast
        if foreseen is not None and foreseen.start is not None:
            where = f" on {listed(foreseen.nodes)}" if foreseen.nodes else ""
            return f"Predicted start: {format_date(foreseen.start)} ({self._wait(foreseen.start)}){where}."
        if start is not None:
            where = ", ".join(dict.fromkeys(place.node for place in self.job.predicted if place.node))
            on = f" on {where}" if where else ""
            return f"Predicted start: {format_date(start)} ({self._wait(start)}){on}."
        if self.job.scheduler_info or self.job.line.message:
            return "Predicted start: none so far."
        return "The scheduler has not looked at it yet."

    def _wait(self, start: int) -> str:
        return "any moment now" if start <= self.now else f"in {format_duration(start - self.now)}"

    def _started(self) -> Iterator[str]:
        job = self.job
        where = f" on {', '.join(hostnames(job))}" if job.assigned else ""
        since = f" since {format_date(job.line.start_time)}" if job.line.start_time else ""
        yield f"It {_ARTICLE[job.line.state]}{since}{where}."
        if job.walltime_s is not None and job.line.start_time:
            yield f"Its walltime ends at {format_date(job.line.start_time + job.walltime_s)}."
        yield from self._message()

    def _has_come(self, end: int) -> bool:
        """Tell whether an end is a real one: a reservation that ends before its date has that date."""
        return bool(self.job.assigned) or end <= self.now

    def _ended(self) -> Iterator[str]:
        job = self.job
        if job.line.start_time and job.assigned:
            ran = format_duration(job.line.duration_s(self.now))
            yield f"It started at {format_date(job.line.start_time)} and ran for {ran}."
        else:
            yield "It never started."
        if job.line.stop_time and self._has_come(job.line.stop_time):
            yield f"It ended at {format_date(job.line.stop_time)}."
        if job.exit_code is not None:
            yield f"Exit code: {exit_code_words(job.exit_code)}."
        yield from self._message()
        yield from (f"{event.type}: {event.description}".rstrip(": ") for event in job.events[-5:])
