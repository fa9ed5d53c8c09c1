"""``oarstat -f``: everything about a job, as OAR 2's block of lines and as its structure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from oar.cli.job_tables import event_lines
from oar.cli.render import Structure
from oar.core.durations import format_date, format_duration
from oar.core.listings import EventLine, JobDetails
from oar.core.request import format_request
from oar.core.states import JobState, NodeState, ReservationState

NO_PREDICTION = "no prediction"

_FORMAT_3 = {
    "Job_Id": "id",
    "job_array_id": "array_id",
    "job_array_index": "array_index",
    "launchingDirectory": "launching_directory",
    "jobType": "type",
    "submissionTime": "submission_time",
    "startTime": "start_time",
    "stopTime": "stop_time",
    "scheduledStart": "scheduled_start",
}


@dataclass(frozen=True, slots=True)
class FullJobs:
    """The details of some jobs; ``form`` 3 uses OAR 3's names of keys."""

    jobs: Sequence[JobDetails]
    form: int = 2
    with_cpuset: bool = True

    def lines(self) -> Iterator[str]:
        """Draw a block for each job, with a blank line after it."""
        for job in self.jobs:
            for number, (name, value) in enumerate(self._pairs(job)):
                yield f"{'    ' if number else ''}{self._key(name)}{' =' if number else ':'} {value}"
            for event in job.events:
                yield from event_lines(event)
            yield ""

    def _key(self, name: str) -> str:
        return _FORMAT_3.get(name, name) if self.form == 3 else name

    def _pairs(self, job: JobDetails) -> Iterator[tuple[str, object]]:
        line = job.line
        yield "Job_Id", line.job_id
        yield "job_array_id", line.array_id
        yield "job_array_index", line.array_index
        yield "name", line.name
        yield "project", job.project
        yield "owner", line.user
        yield "state", line.state
        yield "wanted_resources", wanted_resources(job)
        yield "types", ", ".join(job.types)
        yield "dependencies", " ".join(str(one.job_id) for one in job.dependencies)
        yield "assigned_resources", "+".join(str(place.resource_id) for place in job.assigned)
        yield "assigned_hostnames", "+".join(hostnames(job))
        yield "queue", line.queue
        yield "command", job.command
        if job.exit_code is not None:
            yield "exit_code", exit_code_words(job.exit_code)
        yield "launchingDirectory", job.launching_directory
        yield "stdout_file", job.stdout_file
        yield "stderr_file", job.stderr_file
        yield "jobType", job.job_type
        yield "properties", job.properties
        yield "reservation", job.reservation
        if is_granted_reservation(job):
            yield "reserved_resources", _reserved_words(job)
        yield from self._dates(job)
        if self.with_cpuset:
            yield "cpuset_name", f"{line.user}_{line.job_id}"
        yield "initial_request", job.initial_request
        yield "message", line.message
        start = job.scheduled_start
        yield "scheduledStart", NO_PREDICTION if start is None else format_date(start)
        yield "resubmit_job_id", job.resubmit_job_id
        if self._shows_karma(job):
            yield "last_karma", f"{job.last_karma:g}"
        yield "events", ""

    def _shows_karma(self, job: JobDetails) -> bool:
        return self.form == 3 and job.last_karma is not None

    def _dates(self, job: JobDetails) -> Iterator[tuple[str, object]]:
        line = job.line
        yield "walltime", "" if job.walltime_s is None else format_duration(job.walltime_s)
        yield "submissionTime", format_date(line.submission_time)
        if line.start_time > 0:
            yield "startTime", format_date(line.start_time)
        if line.stop_time > 0:
            yield "stopTime", format_date(line.stop_time)

    def structure(self) -> Structure:
        """Spell each job with OAR 2's keys, by its id; dates are epoch seconds."""
        return {str(job.line.job_id): self._job_structure(job) for job in self.jobs}

    def _job_structure(self, job: JobDetails) -> Mapping[str, Structure]:
        line = job.line
        structure: dict[str, Structure] = {
            "Job_Id": line.job_id,
            "array_id": line.array_id,
            "array_index": line.array_index,
            "name": line.name,
            "owner": line.user,
            "job_user": line.user,
            "state": str(line.state),
            "assigned_resources": [place.resource_id for place in job.assigned],
            "assigned_network_address": hostnames(job),
            "queue": line.queue,
            "command": job.command,
            "launchingDirectory": job.launching_directory,
            "jobType": str(job.job_type),
            "properties": job.properties,
            "reservation": str(job.reservation),
            "walltime": job.walltime_s,
            "submissionTime": line.submission_time,
            "startTime": line.start_time,
            "stopTime": line.stop_time,
            "message": line.message,
            "scheduledStart": job.scheduled_start,
            "resubmit_job_id": job.resubmit_job_id,
            "events": [_event_structure(event) for event in job.events],
            "wanted_resources": wanted_resources(job),
            "project": job.project,
            "cpuset_name": f"{line.user}_{line.job_id}" if self.with_cpuset else "",
            "types": list(job.types),
            "dependencies": [int(one.job_id) for one in job.dependencies],
            "exit_code": job.exit_code,
            "stdout_file": job.stdout_file,
            "stderr_file": job.stderr_file,
            "initial_request": job.initial_request,
        }
        if is_granted_reservation(job):
            structure["reserved_resources"] = {
                str(place.resource_id): {"network_address": place.node, "current_state": str(place.state)}
                for place in job.predicted
            }
        if self._shows_karma(job):
            structure["last_karma"] = job.last_karma
        if self.form == 3:
            structure = {_FORMAT_3.get(name, name): value for name, value in structure.items()}
            structure.pop("job_user")
        return structure


def wanted_resources(job: JobDetails) -> str:
    """Spell the alternatives of a job as options; each is followed by a blank, as OAR 2 does."""
    return "".join(
        f"{format_request(one.request, one.walltime_s, one.least_walltime_s)} " for one in job.moldables
    )


def hostnames(job: JobDetails) -> list[str]:
    """List the nodes a job was given, each once, in the order of its resources."""
    return list(dict.fromkeys(place.node for place in job.assigned if place.node))


def exit_code_words(raw: int) -> str:
    """Spell a raw wait status with its parts: ``256 (1,0,0)`` is exit value 1, no signal, no core."""
    return f"{raw} ({raw >> 8},{raw & 127},{raw >> 7 & 1})"


def is_granted_reservation(job: JobDetails) -> bool:
    """Tell whether the job is an advance reservation that was granted and has not begun."""
    return job.line.state is JobState.WAITING and job.reservation is ReservationState.SCHEDULED


def _reserved_words(job: JobDetails) -> str:
    alive = [str(place.resource_id) for place in job.predicted if place.state is NodeState.ALIVE]
    others = [f"({place.resource_id})" for place in job.predicted if place.state is not NodeState.ALIVE]
    return "+".join([*(alive or ["none"]), *others])


def _event_structure(event: EventLine) -> Structure:
    return {
        "event_id": event.event_id,
        "type": event.type,
        "job_id": int(event.job_id),
        "date": event.date,
        "description": event.description,
        "to_check": "YES" if event.to_check else "NO",
    }
