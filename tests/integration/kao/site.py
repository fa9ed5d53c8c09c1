"""A database with nodes, and a metascheduler on it, in few words for the tests of rounds."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select, update

from oar.core.job_life import JobSignal
from oar.core.request import parse_request
from oar.db.engine import database_now
from oar.db.jobs import NewJobs, insert_jobs
from oar.db.moves import JobValues, move_job
from oar.db.resources import add_resource
from oar.db.tables_jobs import JobRow, MoldableRow
from oar.db.tables_resources import AssignmentRow, PredictionRow
from oar.kao.metascheduler import Metascheduler
from oar.settings import SchedulerSettings
from tests.integration.databases import Database

SETTINGS = SchedulerSettings(check_plans=True)


@dataclass(frozen=True)
class Site:
    """A database and a metascheduler on it, which checks its plans."""

    engine: Engine
    metascheduler: Metascheduler

    def submit(
        self,
        *requests: str,
        types: Sequence[str] = (),
        commands: Sequence[str] = ("true",),
        queue: str = "default",
        after: Collection[int] = (),
        properties: str = "",
        user: str = "alice",
        name: str = "",
        reserved_from: int | None = None,
        port: int | None = None,
    ) -> list[int]:
        """Submit jobs past all rules; return their ids."""
        alternatives = [parse_request(text, "network_address") for text in requests]
        new = NewJobs(
            user=user, group=user, host="front", queue=queue, project="default", name=name,
            properties=properties, types=types, alternatives=alternatives, commands=commands,
            directory="/tmp", stdout="o", stderr="e", hold=False, required_jobs=after,
            initial_request="", message="R=1,W=1:0:0,J=B", reserved_from=reserved_from, port=port,
        )  # fmt: skip
        with self.engine.begin() as connection:
            return insert_jobs(connection, new, database_now(connection))

    def job(self, *requests: str, **wishes: Any) -> int:
        """Submit one job; return its id."""
        (job_id,) = self.submit(*requests, **wishes)
        return job_id

    def move(self, job_id: int, *signals: JobSignal, **values: Any) -> None:
        """Carry signals to a job, each in its own transaction."""
        for signal in signals:
            with self.engine.begin() as connection:
                wanted: JobValues = values  # type: ignore[assignment] # the tests know what they write
                assert move_job(connection, job_id, signal, now=database_now(connection), **wanted)

    def run_job(self, job_id: int) -> None:
        """Let a job that has its resources run."""
        self.move(job_id, JobSignal.LAUNCH, JobSignal.START)

    def end_job(self, job_id: int, exit_code: int = 0) -> None:
        """Let a running job end with a raw wait status."""
        self.move(job_id, JobSignal.FINISH, exit_code=exit_code)
        self.move(job_id, JobSignal.TERMINATE)

    def age(self, job_id: int, seconds: int) -> None:
        """Let a job have started so much earlier."""
        with self.engine.begin() as connection:
            start = JobRow.start_time - seconds
            connection.execute(update(JobRow).where(JobRow.job_id == job_id).values(start_time=start))

    def states(self) -> dict[int, str]:
        """Give the state of each job."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(JobRow.job_id, JobRow.state).order_by(JobRow.job_id))
            return dict(rows.all())

    def plan(self) -> dict[int, tuple[int, str]]:
        """Give start and resources of each job that has a stored prediction."""
        with self.engine.connect() as connection:
            return {
                job_id: (start, str(resources))
                for job_id, start, resources in connection.execute(
                    select(
                        MoldableRow.moldable_job_id, PredictionRow.start_time, PredictionRow.resources
                    ).join(PredictionRow, PredictionRow.moldable_job_id == MoldableRow.moldable_id)
                )
            }

    def starts(self) -> dict[int, int]:
        """Give the date at which each job started or is to start."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(JobRow.job_id, JobRow.start_time).where(JobRow.start_time != 0))
            started = dict(rows.all())
        return {job_id: start for job_id, (start, _) in self.plan().items()} | started

    def held(self, job_id: int) -> str:
        """Give the resources that a job was given."""
        with self.engine.connect() as connection:
            return str(
                connection.scalar(
                    select(AssignmentRow.resources)
                    .join(JobRow, JobRow.assigned_moldable_job == AssignmentRow.moldable_job_id)
                    .where(JobRow.job_id == job_id)
                )
            )

    def column(self, job_id: int, column: Any) -> Any:
        """Give one column of a job."""
        with self.engine.connect() as connection:
            return connection.scalar(select(column).where(JobRow.job_id == job_id))


def make_site(database: Database, *cores: int, settings: SchedulerSettings = SETTINGS) -> Site:
    """Add nodes ``node1``... of so many cores, and schedule on them."""
    with database.engine.begin() as connection:
        for node, count in enumerate(cores, 1):
            for core in range(count):
                add_resource(connection, f"node{node}", {"cpuset": str(core)}, now=1000)
    return Site(database.engine, Metascheduler(database.engine, database.reader, settings))
