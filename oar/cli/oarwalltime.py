"""oarwalltime: show or change the walltime of a job that runs."""

import re
from typing import TYPE_CHECKING

import click

from oar.cli.app import Context, OarCommand, complain, fail, oar_command
from oar.cli.job_ids import read_job_id
from oar.core.walltime_change import Refusal, WalltimeRefused, WalltimeWish, judge, limits_of
from oar.errors import OarError

if TYPE_CHECKING:
    from oar.core.walltime_change import JobWithWalltime

EXIT_CODES = {
    0: "done: the request is taken, or the status is shown",
    Refusal.BAD_REQUEST.value: "the change cannot be asked for",
    2: "there is no status: no such job, or walltime changes are disabled; or the database does not answer",
    Refusal.FORBIDDEN.value: "the change is not allowed",
    Refusal.NOT_FOUND.value: "there is no such job, or the command line is wrong",
    Refusal.NOT_AVAILABLE.value: "walltime changes are disabled",
    78: "the configuration is wrong",
}
NO_STATUS = 2
_REDUCTION = re.compile(r"-\d")


class BadCommandLine(OarError):
    """Arguments that are not understood; ends with OAR 2's code for that."""

    exit_code = 4


class WalltimeCommand(OarCommand):
    """A command whose second operand may begin with a minus."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take ``-1:0`` for an operand, and whatever else begins with a minus for an option."""
        ctx.ignore_unknown_options = True
        try:
            rest = super().parse_args(ctx, args)
            for word in (ctx.params.get("job"), ctx.params.get("time")):
                if word and word.startswith("-") and not _REDUCTION.match(word):
                    raise click.NoSuchOption(word, ctx=ctx)
        except click.UsageError as error:
            raise BadCommandLine(f"{error.format_message().rstrip('.')}; see oarwalltime --help") from None
        return rest


@oar_command("oarwalltime", exit_codes=EXIT_CODES, kind=WalltimeCommand)
@click.option(
    "--force", is_flag=True, help="Grant it at once, whatever the site says about when and in which steps."
)
@click.option("--whole", is_flag=True, help="Grant all of it at once, or nothing.")
@click.option(
    "--delay-next-jobs", is_flag=True, help="Grant it even if jobs that are planned next start later."
)
@click.option(
    "--timeout",
    type=click.IntRange(0, 2**31 - 1),
    metavar="SECONDS",
    help="Give up after so many seconds; 0: never. Without it WALLTIME_CHANGE_TIMEOUT of oar.conf counts.",
)
@click.argument("job", metavar="JOB")
@click.argument("time", metavar="[+|-]HOURS[:MINUTES[:SECONDS]]", required=False)
@click.pass_obj
def oarwalltime(
    context: Context,
    job: str,
    time: str | None,
    *,
    force: bool,
    whole: bool,
    delay_next_jobs: bool,
    timeout: int | None,
) -> None:
    """Ask for another walltime of the JOB that runs, or show what became of such a wish.

    The new walltime is given as a whole, or with + or - as a change. +0 takes back what is still pending.
    An increase is granted as far as the resources of the job are not planned for other jobs; what could not
    be granted stays pending until the job ends.
    """
    job_id = read_job_id(job)
    if job_id is None:
        raise BadCommandLine(f'"{job}" is not a valid job identifier')
    if time is None:
        if force or whole or delay_next_jobs or timeout is not None:
            raise BadCommandLine("an option needs the new walltime behind the job; see oarwalltime --help")
        _show(context, job_id)
        return
    timeout_s = context.settings.walltime.timeout_s if timeout is None else timeout
    _ask(context, job_id, WalltimeWish(time, force, whole, delay_next_jobs, timeout_s))


main = oarwalltime


def _show(context: Context, job_id: int) -> None:
    from oar.cli.walltime_view import walltime_lines  # noqa: PLC0415 - only for this
    from oar.db.walltime_changes import read_job_with_walltime  # noqa: PLC0415 - --help must not need it

    settings = context.settings.walltime
    if not settings.enabled:
        complain("FUNCTIONALITY IS DISABLED")
        fail(NO_STATUS)
    with context.engine.connect() as connection:
        job = read_job_with_walltime(connection, job_id)
    if job is None:
        complain("UNKNOWN JOB")
        fail(NO_STATUS)
    for line in walltime_lines(job, limits_of(settings, job.queue, job.initial_s)):
        click.echo(line)


def _ask(context: Context, job_id: int, wish: WalltimeWish) -> None:
    from oar import bus  # noqa: PLC0415 - --help must not need it
    from oar.core.messages import Hint  # noqa: PLC0415 - as above

    try:
        before = _store(context, job_id, wish)
    except WalltimeRefused as error:
        complain(f"{error.refusal.words}: {error}.")
        fail(error.refusal.value)
    # A server that is down needs no hint: each round looks at the requests.
    bus.send(context.settings.server, Hint.WALLTIME)
    word = "accepted" if before is None or before.request is None else "updated"
    click.echo(f"Accepted: walltime change request {word} for job {job_id}, it will be handled shortly.")


def _store(context: Context, job_id: int, wish: WalltimeWish) -> "JobWithWalltime | None":
    from oar.db.engine import database_now  # noqa: PLC0415 - --help must not need it
    from oar.db.walltime_changes import read_job_with_walltime, store_request  # noqa: PLC0415 - as above

    caller, settings = context.caller, context.settings.walltime
    with context.engine.begin() as connection:
        job = read_job_with_walltime(connection, job_id, lock=True) if settings.enabled else None
        pending_s = judge(
            job, job_id, wish, asked_by=caller.name, is_admin=caller.is_admin, settings=settings
        )
        now = database_now(connection)
        store_request(connection, job_id, pending_s, wish, asked_by=caller.name, now=now)
    return job
