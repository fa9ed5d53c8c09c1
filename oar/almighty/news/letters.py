"""What mails and programs of users are told, in the words of OAR 2. Pure."""

from oar.almighty.news.mail import Letter
from oar.core.notify import Notify, Tag
from oar.db.notices import Notice
from oar.settings import MailSettings


def split_words(notice: Notice) -> tuple[Tag | None, str]:
    """Part a notice to a user, ``[TAG] words``; None for one that has no tag."""
    begin, closing, words = notice.words.partition("] ")
    tag = begin.removeprefix("[")
    return (Tag(tag), words) if closing and tag in set(Tag) else (None, notice.words)


def letter_to_user(notice: Notice, notify: Notify, settings: MailSettings, server: str) -> Letter:
    """Write what a user is told by mail."""
    tag, words = split_words(notice)
    subject = f"*OAR* [{tag or Tag.INFO}]: {notice.job_id} ({notice.job_name}) on {server}"
    return Letter(settings.server, settings.sender, notify.addresses, subject, f"{words}\n")


def letter_to_administrators(notice: Notice, settings: MailSettings, server: str) -> Letter:
    """Write what administrators are told."""
    recipients = [one.strip() for one in settings.recipients.split(",") if one.strip()]
    subject = f"*OAR*: {notice.words.partition(':')[0]} on {server}"
    return Letter(settings.server, settings.sender, recipients, subject, f"{notice.words}\n")


def program_argv(notice: Notice, notify: Notify) -> list[str]:
    """Say what a user's program is called with: its own arguments, the job's id and name, tag and words."""
    tag, words = split_words(notice)
    return [*notify.program, str(notice.job_id), notice.job_name, str(tag or Tag.INFO), words]
