"""The same small work for many jobs goes into one transaction."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import Connection, text

from oar.almighty.database import Database as ServersDatabase
from tests.integration.databases import Database

pytestmark = pytest.mark.integration


class Ledger:
    """Work that notes which jobs it was given together; job 13 breaks it."""

    def __init__(self) -> None:
        self.turns: list[list[int]] = []

    def __call__(self, connection: Connection, job_ids: Sequence[int]) -> dict[int, int]:
        self.turns.append(list(job_ids))
        connection.execute(text("SELECT pg_sleep(0.05)"))
        if 13 in job_ids:
            raise ZeroDivisionError
        return {job_id: 2 * job_id for job_id in job_ids}


def ask(database: Database, work: Ledger, jobs: Sequence[int]) -> list[int | BaseException]:
    async def scene() -> list[int | BaseException]:
        way = ServersDatabase(database.engine)
        try:
            asked = (way.run_together(work, job_id) for job_id in jobs)
            return await asyncio.gather(*asked, return_exceptions=True)
        finally:
            way.close()

    return asyncio.run(scene())


def test_jobs_that_come_meanwhile_share_a_transaction(database: Database) -> None:
    work = Ledger()
    assert ask(database, work, [3, 1, 2, 3]) == [6, 2, 4, 6]
    assert work.turns == [[1, 2, 3]]


def test_a_job_that_breaks_the_work_breaks_it_for_itself_only(database: Database) -> None:
    work = Ledger()
    first, bad, last = ask(database, work, [1, 13, 14])
    assert (first, last) == (2, 28)
    assert isinstance(bad, ZeroDivisionError)


def test_a_job_that_comes_alone_is_served(database: Database) -> None:
    work = Ledger()
    assert ask(database, work, [7]) == [14]
    assert ask(database, work, [7]) == [14]
    assert work.turns == [[7], [7]]
