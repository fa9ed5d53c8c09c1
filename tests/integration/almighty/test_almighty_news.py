"""A whole server that tells users and administrators by mail (real SMTP), and heals with real programs."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from oar.almighty.news.mail import Letter, deliver
from oar.core.states import JobState
from oar.db.engine import database_now
from oar.db.events import record
from oar.db.node_moves import suspect_nodes
from oar.db.tables_admin import EventRow
from oar.settings import CheckSettings, MailSettings, Settings
from tests.integration.almighty.post_office import UNKNOWN, PostOffice, post_office
from tests.integration.almighty.server import add_ready_job, report_line, running_server, server_settings
from tests.integration.life.build import add_job, add_node, job_state
from tests.ports import free_ports
from tests.unit.almighty.fakes import FakeRemote

pytestmark = pytest.mark.integration


def with_mail(office: PostOffice, **values: object) -> Settings:
    mail = MailSettings(f"127.0.0.1:{office.port}", "oar@example.org", "root@example.org", "grid")
    return replace(server_settings(), mail=mail, **values)  # type: ignore[arg-type] # parts of the settings


def words_of(connection: Connection, kind: str) -> list[str]:
    rows = select(EventRow.description).where(EventRow.type == kind, EventRow.to_check == "NO")
    return list(connection.scalars(rows.order_by(EventRow.event_id)))


def test_a_user_is_told_by_mail_when_the_job_runs_and_when_it_ends(database):
    notify = "[RUNNING,END]mail:ann@example.org,bob@example.org"
    job_id = add_ready_job(database.engine, notify=notify, job_name="sim")

    async def scene() -> list[tuple[list[str], str, str, str]]:
        async with (
            post_office() as office,
            running_server(database.engine, FakeRemote(), with_mail(office)) as server,
        ):
            await server.until_state(job_id, JobState.RUNNING)
            server.say(report_line(job_id))
            await office.until_letters(2)
            return [
                (to, one["From"], one["Subject"], one.get_payload().strip()) for to, one in office.letters
            ]

    to = ["ann@example.org", "bob@example.org"]
    assert asyncio.run(scene()) == [
        (to, "oar@example.org", f"*OAR* [RUNNING]: {job_id} (sim) on grid", "Job is running."),
        (to, "oar@example.org", f"*OAR* [END]: {job_id} (sim) on grid", "Job stopped normally."),
    ]


def test_what_was_sent_stays_on_record(database):
    add_ready_job(database.engine, notify="[RUNNING]mail:ann@example.org")

    async def scene() -> None:
        async with (
            post_office() as office,
            running_server(database.engine, FakeRemote(), with_mail(office)) as server,
        ):
            await server.until(lambda connection: bool(words_of(connection, "USER_MAIL_NOTIFICATION")))

    asyncio.run(scene())
    with database.engine.begin() as connection:
        words = words_of(connection, "USER_MAIL_NOTIFICATION")
    assert words == ["[RUNNING] Job is running. mail to ann@example.org"]


@pytest.mark.parametrize("mail", [MailSettings(), MailSettings("127.0.0.1:9", "oar@example.org")])
def test_mail_that_cannot_be_sent_harms_no_job(database, mail):
    job_id = add_ready_job(database.engine, notify="mail:ann@example.org")

    async def scene() -> None:
        settings = replace(server_settings(), mail=mail)
        async with running_server(database.engine, FakeRemote(), settings) as server:
            await server.until_state(job_id, JobState.RUNNING)
            server.say(report_line(job_id))
            await server.until_state(job_id, JobState.TERMINATED)

    asyncio.run(scene())


def test_without_a_mail_server_the_user_s_wish_is_answered_in_the_events(database):
    add_ready_job(database.engine, notify="[RUNNING]mail:ann@example.org")

    async def scene() -> list[str]:
        async with running_server(database.engine, FakeRemote()) as server:
            await server.until(lambda connection: bool(words_of(connection, "USER_MAIL_NOTIFICATION")))
            return await server.read(lambda connection: words_of(connection, "USER_MAIL_NOTIFICATION"))

    assert asyncio.run(scene()) == ["[RUNNING] Job is running. not sent: no mail server is configured"]


def test_what_was_to_be_told_when_the_server_died_is_told_by_the_next_one(database):
    with database.engine.begin() as connection:
        job_id = add_job(connection, JobState.TERMINATED, notify="mail:ann@example.org")
        record(
            connection,
            "USER_MAIL_NOTIFICATION",
            job_id=job_id,
            description="[END] Bye.",
            now=1,
            to_check=True,
        )

    async def scene() -> str:
        async with (
            post_office() as office,
            running_server(database.engine, FakeRemote(), with_mail(office)),
        ):
            await office.until_letters()
            return str(office.letters[0][1]["Subject"])

    assert asyncio.run(scene()) == f"*OAR* [END]: {job_id} () on grid"


def test_administrators_are_told_of_nodes_that_become_suspected(database):
    with database.engine.begin() as connection:
        add_node(connection, "node1", 2)
        suspect_nodes(connection, ["node1"], by_checker=True, now=database_now(connection))

    async def scene() -> tuple[list[str], str, str]:
        async with (
            post_office() as office,
            running_server(database.engine, FakeRemote(), with_mail(office)),
        ):
            await office.until_letters()
            to, letter = office.letters[0]
            return to, letter["Subject"], letter.get_payload().strip()

    expected = (["root@example.org"], "*OAR*: Suspected on grid", "Suspected: node1")
    assert asyncio.run(scene()) == expected


def letter(port: int, *to: str, text: str = "Hello.\n.\nBye.\n") -> Letter:
    return Letter(f"127.0.0.1:{port}", "oar@example.org", to, "Subject", text)


def test_a_letter_arrives_as_it_was_written():
    async def scene() -> tuple[str, str]:
        async with post_office() as office:
            trouble = await deliver(letter(office.port, "ann@example.org"))
            return trouble, office.letters[0][1].get_payload().replace("\r\n", "\n")

    assert asyncio.run(scene()) == ("", "Hello.\n.\nBye.\n")


def test_a_recipient_that_is_refused_does_not_keep_the_others_from_their_letter():
    async def scene() -> tuple[str, int]:
        async with post_office() as office:
            return await deliver(letter(office.port, "ann@example.org", UNKNOWN)), len(office.letters)

    assert asyncio.run(scene()) == (f"{UNKNOWN} refused: unknown here", 1)


@pytest.mark.parametrize("busy", [1, 0])
def test_a_mail_server_that_does_not_take_mail_is_trouble_in_words(busy):
    async def scene() -> str:
        async with post_office(busy) as office:
            port = office.port if busy else free_ports(1)[0]
            return await deliver(letter(port, "ann@example.org"))

    assert ("busy" if busy else "refused") in asyncio.run(scene())


# ---- healing


def healer(folder: Path, more: str = "") -> CheckSettings:
    """A program that writes down what it reads."""
    file = folder / "heal"
    file.write_text(f"#!/bin/sh\n(echo run; cat) >> {file}.read\n{more}\n")
    file.chmod(0o755)
    return CheckSettings(healing=(str(file),), healing_timeout_s=1)


def offered(folder: Path) -> list[str]:
    file = folder / "heal.read"
    return file.read_text().splitlines() if file.exists() else []


def is_told(connection: Connection) -> bool:
    return bool(words_of(connection, "NODE_SUSPECTED"))


def test_a_node_that_becomes_suspected_is_offered_once_with_all_its_resources(database, tmp_path):
    with database.engine.begin() as connection:
        first, second = add_node(connection, "node1", 2)
        add_node(connection, "node2")
        suspect_nodes(connection, ["node1"], by_checker=True, now=database_now(connection))
        suspect_nodes(connection, ["node1"], by_checker=False, now=database_now(connection))

    async def scene() -> None:
        settings = replace(server_settings(), checks=healer(tmp_path))
        async with running_server(database.engine, FakeRemote(), settings) as server:
            await server.until(is_told)

    asyncio.run(scene())
    assert offered(tmp_path) == ["run", f"{first} node1", f"{second} node1"]


def test_a_healing_program_that_hangs_is_ended_and_told(database, tmp_path):
    with database.engine.begin() as connection:
        add_node(connection, "node1")
        suspect_nodes(connection, ["node1"], by_checker=True, now=database_now(connection))

    async def scene() -> list[str]:
        settings = replace(server_settings(), checks=healer(tmp_path, "sleep 100"))
        async with running_server(database.engine, FakeRemote(), settings) as server:
            await server.until(is_told)
            return await server.read(lambda connection: words_of(connection, "NODE_SUSPECTED"))

    (words,) = asyncio.run(scene())
    assert "did not end within 1 s" in words


def test_healing_waits_for_the_jobs_of_a_node_where_the_site_wants_that(database, tmp_path):
    job_id = add_ready_job(database.engine)
    with database.engine.begin() as connection:
        suspect_nodes(connection, ["node1"], by_checker=True, now=database_now(connection))

    async def scene() -> list[str]:
        checks = replace(healer(tmp_path), healing_waits=True)
        settings = replace(server_settings(), checks=checks)
        async with running_server(database.engine, FakeRemote(), settings) as server:
            await server.until_state(job_id, JobState.RUNNING)
            before = offered(tmp_path)
            server.say(report_line(job_id))
            await server.until(is_told)
            assert await server.read(lambda connection: job_state(connection, job_id).is_final)
            return before

    assert asyncio.run(scene()) == []
    assert offered(tmp_path)[0] == "run"
