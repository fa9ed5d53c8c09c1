"""Mail to a server over SMTP. The talk blocks, so each has a thread of its own; it is bounded in time."""

import asyncio
import smtplib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

TIMEOUT_S = 15.0
"""How long the mail server may take for each answer."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail; ``server`` is a host, with a port behind a colon if that is not 25."""

    server: str
    sender: str
    recipients: Sequence[str]
    subject: str
    text: str

    def to_message(self) -> EmailMessage:
        """Write it as it is sent."""
        message = EmailMessage()
        message["From"] = self.sender
        message["To"] = ", ".join(self.recipients)
        message["Subject"] = " ".join(self.subject.split())
        message["Date"] = formatdate(localtime=True)
        message["Message-ID"] = make_msgid("oar", self.sender.rpartition("@")[2] or None)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self.text)
        return message


async def deliver(letter: Letter) -> str:
    """Give a letter to its server; say in a few words why that was not possible, "" when it was."""
    return await _in_thread(lambda: _talk(letter))


def _talk(letter: Letter) -> str:
    host, colon, port = letter.server.rpartition(":")
    if not (colon and port.isdecimal()):
        host, port = letter.server, "25"
    try:
        with smtplib.SMTP(host, int(port), timeout=TIMEOUT_S) as server:
            refused = server.send_message(letter.to_message(), letter.sender, list(letter.recipients))
    except smtplib.SMTPRecipientsRefused as error:
        refused = error.recipients
    except (OSError, smtplib.SMTPException, ValueError) as error:
        return f"{letter.server}: {error or type(error).__name__}"
    return ", ".join(
        f"{one} refused: {words.decode(errors='replace')}" for one, (_, words) in refused.items()
    )


async def _in_thread(work: Callable[[], str]) -> str:
    """Run what blocks in a thread that nobody waits for at the end of the process."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[str] = loop.create_future()

    def settle(result: str) -> None:
        if not future.done():
            future.set_result(result)

    def run() -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - whatever breaks one mail is its outcome
            result = f"{type(error).__name__}: {error}"
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result)

    threading.Thread(target=run, name="mail", daemon=True).start()
    return await future
