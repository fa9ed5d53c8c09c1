"""A job that was suspended and goes on. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from procset import ProcSet

from oar.core.job import JobId
from oar.core.states import JobState


@dataclass(frozen=True, slots=True)
class Resumption:
    """A job that may go on, on the resources that it still has.

    ``beside`` names the other jobs that may hold some of them; those with a state have to be in it still.
    """

    job_id: JobId
    resources: ProcSet
    beside: Mapping[JobId, JobState | None]
