"""``oarstat --gantt``: a period as a chart for people, and as OAR 2's structure for programs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from procset import ProcSet

from oar.cli.gantt_chart import Bar, Row, Span, draw
from oar.cli.job_details import hostnames
from oar.cli.render import Structure
from oar.core.durations import format_date
from oar.core.job import Resource
from oar.core.listings import JobDetails, Occupant, Outage

RESOURCE_ROWS = 40
"""More resources than this are drawn node by node."""


@dataclass(frozen=True, slots=True)
class Period:
    """What a Gantt shows: resources, the jobs on them in [begin, end), and when resources were away."""

    begin: int
    end: int
    now: int
    resources: Sequence[Resource]
    occupants: Sequence[Occupant]
    jobs: Mapping[int, JobDetails]
    outages: Sequence[Outage]


@dataclass(frozen=True, slots=True)
class GanttView:
    """A period on a terminal that is ``width`` characters wide."""

    period: Period
    width: int
    with_cpuset: bool = True

    def lines(self) -> Iterator[str]:
        """Draw rows of resources, or of nodes when there are many."""
        period = self.period
        yield f"From {format_date(period.begin)} to {format_date(period.end)}"
        rows = chart_rows(period.resources)
        margin = max((len(row.label) for row in rows), default=0)
        columns = max(self.width - margin - len(" ||"), 20)
        bars = [
            Bar(one.job_id, one.begin, one.end, one.resources, self._label(one)) for one in period.occupants
        ]
        yield from draw(rows, bars, Span(period.begin, period.end, columns), period.now)

    def _label(self, one: Occupant) -> str:
        line = self.period.jobs[one.job_id].line
        state = "predicted" if one.planned else str(line.state)
        name = f" {line.name}" if line.name else ""
        dates = f"{format_date(one.begin)} - {format_date(one.end)}"
        return f"{one.job_id:<7} {line.user:<8} {state:<10} {dates}{name}"

    def structure(self) -> Structure:
        """Spell resources, jobs and outages under OAR 2's keys."""
        return {
            "resources": [dict(resource.properties) for resource in self.period.resources],
            "jobs": {str(one.job_id): self._job(one) for one in self.period.occupants},
            "dead_resources": self._outages(),
        }

    def _outages(self) -> Structure:
        away: dict[str, list[Structure]] = {}
        for one in self.period.outages:
            away.setdefault(str(one.resource_id), []).append([one.begin, one.end, one.state])
        return away

    def _job(self, one: Occupant) -> Structure:
        job = self.period.jobs[one.job_id]
        line = job.line
        nodes = (
            list(dict.fromkeys(place.node for place in job.predicted if place.node))
            if one.planned
            else hostnames(job)
        )
        return {
            "job_id": line.job_id,
            "job_name": line.name,
            "project": job.project,
            "job_type": str(job.job_type),
            "state": str(line.state),
            "user": line.user,
            "command": job.command,
            "queue_name": line.queue,
            "walltime": job.walltime_s,
            "properties": job.properties,
            "launching_directory": job.launching_directory,
            "submission_time": line.submission_time,
            "start_time": one.begin,
            "stop_time": one.end,
            "resource_id": list(one.resources),
            "network_address": nodes,
            "types": list(job.types),
            "array_id": line.array_id,
            "array_index": line.array_index,
            "stdout_file": job.stdout_file,
            "stderr_file": job.stderr_file,
            "reservation": str(job.reservation),
            "resubmit_job_id": job.resubmit_job_id,
            "message": line.message,
            "dependencies": [int(required.job_id) for required in job.dependencies],
            "cpuset_name": f"{line.user}_{line.job_id}" if self.with_cpuset else "",
            "events": [event.type for event in job.events],
        }


def chart_rows(resources: Sequence[Resource]) -> list[Row]:
    """Make one row per resource when they are few, else one per node; without a node, the type names it."""
    if len(resources) <= RESOURCE_ROWS:
        return [
            Row(f"{one.node or one.type} {one.resource_id}", ProcSet(one.resource_id)) for one in resources
        ]
    nodes: dict[str, list[int]] = {}
    for one in resources:
        nodes.setdefault(one.node or one.type, []).append(one.resource_id)
    return [Row(node, ProcSet(*ids)) for node, ids in nodes.items()]
