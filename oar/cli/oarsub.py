"""oarsub: submit jobs."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from oar import bus
from oar.cli.app import Context, complain, fail, oar_command, typed_arguments, warn
from oar.cli.caller import Caller, group_of, is_member, read_as
from oar.cli.ear import Ear
from oar.cli.job_ids import read_job_id
from oar.cli.job_keys import NOT_EXPORTED, hand_out, job_key_options, keys_for, with_key_variable
from oar.cli.output import chosen_format, format_options
from oar.cli.own_name import own_name
from oar.cli.render import Format
from oar.core.job_key import hide_keys
from oar.core.messages import Hint
from oar.submit.admission import ADMIN, Author, Draft, admit
from oar.submit.merge import merge
from oar.submit.parameters import BadOption, NothingToRun, Submission, Wishes, check, read_parameters
from oar.submit.script import Script, scan_script, script_of
from oar.submit.site_rules import site_rules

UNLIMITED = "unlimited_reservation.users"
"""Who may have any number of reservations, in the folder OAR_RUNTIME_DIRECTORY as in OAR 2."""

EXIT_CODES = {
    0: "the jobs are registered, also when the server is down",
    1: "an option or its value is wrong",
    2: "the database does not answer",
    3: "with --dry-run: the job would be registered, but no date of start is known",
    5: "nothing to run, or more than one command",
    6: "an array without jobs, or too large",
    7: "the dates of a reservation (-r) are wrong, or another option excludes it",
    8: "an array of interactive jobs, or something wrong with a job key (-k, -i, -e)",
    9: "an interactive job with a file of parameters",
    10: "the reservation is refused",
    11: "the interactive job did not start",
    12: "a script or a parameter file cannot be read, or a #OAR line is wrong",
    16: "a program to be told by (--notify) has characters that are not let through",
    17: "an interactive job of type noop, or a connection to one",
    18: "a resource request (-l) is not understood",
    20: "the job cannot be connected to: it does not run, or belongs to somebody else",
    60: "the jobs are registered, but the file for a key (-e) cannot be written",
    78: "the configuration is wrong",
    243: "the name of the error file (-E) is refused",
    244: "the name of the output file (-O) is refused",
    248: "the queue does not exist",
    250: "the way to be told (--notify) is not understood",
    251: "the request can never be met, or names an unknown property",
    254: "an admission rule refuses the job",
}


@oar_command("oarsub", exit_codes=EXIT_CODES)
@click.argument("command", nargs=-1, metavar="COMMAND")
@click.option(
    "-I", "--interactive", is_flag=True, help="Wait for the job, and get a shell in it; COMMAND is ignored."
)
@click.option(
    "-C",
    "--connect",
    is_flag=False,
    flag_value="",
    metavar="[JOB]",
    help="Get a shell in a running job, and submit nothing; JOB may be left out when you have only one.",
)
@click.option(
    "-l",
    "--resource",
    "resources",
    multiple=True,
    metavar="REQUEST",
    help="What the job needs, as in nodes=2/core=4,walltime=1:30; several -l are alternatives. With "
    "walltime=1-4 it starts as soon as the least walltime fits and gets the longest that fits then.",
)
@click.option("-p", "--property", metavar="SQL", help="A condition that each resource has to meet.")
@click.option("-q", "--queue", metavar="QUEUE", help="The queue of the job.")
@click.option(
    "-t",
    "--type",
    "types",
    multiple=True,
    metavar="TYPE",
    help="A type of the job, such as besteffort; may be repeated.",
)
@click.option("-n", "--name", metavar="NAME", help="A name for the job: letters, digits and _ . -")
@click.option("--project", metavar="PROJECT", help="The project that the job is accounted to.")
@click.option(
    "-d",
    "--directory",
    metavar="PATH",
    help="Where the command is started; the current directory if not given.",
)
@click.option(
    "-O",
    "--stdout",
    metavar="FILE",
    help="The file for the standard output; %jobid% and %jobname% are replaced.",
)
@click.option(
    "-E",
    "--stderr",
    metavar="FILE",
    help="The file for the standard error; %jobid% and %jobname% are replaced.",
)
@click.option(
    "-a",
    "--anterior",
    type=int,
    multiple=True,
    metavar="JOB",
    help="Wait for the end of this job; may be repeated.",
)
@click.option(
    "--checkpoint",
    type=int,
    metavar="SECONDS",
    help="Send the command a signal so many seconds before the walltime ends, and before a besteffort job is "
    "evicted, so that it can save its work; 0 for never.",
)
@click.option(
    "--signal",
    metavar="SIGNAL",
    help="The signal of --checkpoint, a number or a name; 12 (SIGUSR2) if not given, 0 for none.",
)
@click.option(
    "-r",
    "--reservation",
    metavar="DATE",
    help="Reserve the resources from this date: YYYY-MM-DD hh:mm:ss, a time of today, or now; an end behind "
    "a comma gives the walltime. Waits until the reservation is granted or refused. Without COMMAND the job "
    "holds its resources until it is deleted or its walltime is over.",
)
@click.option(
    "--notify",
    metavar="WISH",
    help="Be told what becomes of the job: mail:ADDRESS,... or exec:/PROGRAM ARGUMENTS, which is run as you "
    "on this host with the job's number, its name, a tag and words; [TAG,...] before it chooses among "
    "RUNNING, END, ERROR, INFO, SUSPENDED, RESUMING.",
)
@click.option("--no-wait", is_flag=True, help="Do not wait for the answer to -r; oarstat shows it.")
@click.option("--hold", is_flag=True, help="Keep the job from being scheduled until oarresume.")
@click.option("--array", type=int, metavar="N", help="Submit N jobs that differ in OAR_ARRAY_INDEX only.")
@click.option(
    "--array-param-file",
    metavar="FILE",
    help="Submit one job for each line of this file, with the line as its arguments.",
)
@job_key_options
@click.option(
    "-S",
    "--scanscript",
    is_flag=True,
    help="Read further options from the lines of the script that begin with #OAR; the command line wins.",
)
@click.option(
    "--dry-run",
    "--estimate",
    "dry_run",
    is_flag=True,
    help="Check the submission, say when the job would start with each of its requests, and submit nothing; "
    "-J and -Y are for this.",
)
@format_options
@click.pass_obj
def oarsub(
    context: Context,
    /,
    *,
    command: tuple[str, ...],
    scanscript: bool,
    no_wait: bool,
    dry_run: bool,
    connect: str | None,
    **wishes: Any,
) -> None:
    """Submit COMMAND as a job, and print its number.

    COMMAND is one argument: quote it when it has arguments of its own. Nothing is registered when anything is
    wrong. The job is registered even when the server is down, and starts when the server is back.
    """
    if connect is not None:
        _connect(context, connect)
        return
    if chosen_format() is not Format.TEXT and not dry_run:
        raise click.UsageError("-J and -Y need --dry-run")
    submission = _read(context, command, Wishes(**wishes), scanscript)
    for warning in submission.warnings:
        warn(warning)
    author = _author(context.caller, submission)
    if submission.reserved_for is not None:
        folder = Path(context.settings.nodes.runtime_directory)
        author = replace(author, has_no_reservation_limit=_is_named(author.name, folder / UNLIMITED))
    draft = Draft(submission, author, context.settings.submission)
    draft, lines = admit(draft, site_rules(context.settings.submission))
    if dry_run:
        from oar.cli.dry_run import show_estimate  # noqa: PLC0415 - loads the scheduler

        show_estimate(context, draft, lines)
        return
    for line in lines:
        click.echo(line)
    with ExitStack() as open_until_the_end:
        waits = draft.submission.interactive or (draft.submission.reserved_for and not no_wait)
        ear = open_until_the_end.enter_context(Ear()) if waits else None
        job_ids, has_keys = _submit(context, draft, None if ear is None else ear.port)
        if ear is not None:
            _wait(context, draft.submission, ear, job_ids)
        if not has_keys:
            fail(NOT_EXPORTED)


def _connect(context: Context, job: str) -> None:
    from oar.cli.session import choose_job, hold_session  # noqa: PLC0415 - loads the database

    job_id = read_job_id(job) if job else choose_job(context)
    if job and job_id is None:
        raise BadOption(f"-C: '{job}' is no job; give its number")
    if job_id is not None:
        hold_session(context, job_id, ends_job=False)


def _submit(context: Context, draft: Draft, port: int | None) -> tuple[list[int], bool]:
    """Register the jobs, tell the server and the user; false when the user did not get the keys."""
    from oar.submit.submit import submit  # noqa: PLC0415 - loads the database, which a typing error must not

    keys = keys_for(context.caller, draft.submission)
    server = context.settings.server
    job_ids = submit(context.engine, context.reader, draft, own_name(server.hostname), port, keys=keys)
    heard = bus.send(server, Hint.SUBMITTED)  # first: who reads our output may be gone
    _tell(job_ids)
    if not heard:
        warn(
            f"the server at {server.hostname}:{server.message_port} does not answer; the job is registered "
            "and will start when it is back"
        )
    return job_ids, hand_out(context, draft.submission, job_ids, keys)


def _wait(context: Context, submission: Submission, ear: Ear, job_ids: Sequence[int]) -> None:
    from oar.cli.waiting import be_in_session, wait_for_answers  # noqa: PLC0415 - loads the database

    if submission.reserved_for is not None:
        code = wait_for_answers(context, ear, job_ids)
    else:
        code = be_in_session(context, ear, job_ids[0])
    if code:
        fail(code)


main = oarsub


def _tell(job_ids: Sequence[int]) -> None:
    for job_id in job_ids:
        click.echo(f"OAR_JOB_ID={job_id}")
    if len(job_ids) > 1:
        click.echo(f"OAR_ARRAY_ID={job_ids[0]}")


def _read(context: Context, operands: Sequence[str], wishes: Wishes, scans: bool) -> Submission:
    if wishes.interactive and operands and not scans:
        complain("# Warning: the command is ignored: an interactive job (-I) runs a shell.")
        operands = ()
    if len(operands) > 1:
        raise NothingToRun(f"one command is expected; quote it: '{' '.join(operands)}'")
    command = operands[0] if operands else ""
    script = _scan(context.caller, command) if scans else None
    if script is not None:
        wishes, warnings = merge(wishes, script.wishes)
        for warning in warnings:
            complain(warning)
    wishes = with_key_variable(wishes)
    parameters = None
    if wishes.array_param_file is not None:
        parameters = read_parameters(read_as(context.caller, Path(wishes.array_param_file)))
    return check(
        wishes,
        command,
        parameters,
        context.settings.submission,
        directory=_current_directory(wishes),
        initial_request="; ".join(
            [" ".join(["oarsub", *hide_keys(typed_arguments())]), *(script.directives if script else ())]
        ),
        now=int(time.time()),
    )


def _scan(caller: Caller, command: str) -> Script:
    file = script_of(command)
    return scan_script(read_as(caller, Path(file)), file)


def _current_directory(wishes: Wishes) -> str:
    if wishes.directory is not None:
        return wishes.directory
    try:
        return str(Path.cwd())
    except OSError as error:
        raise BadOption(f"-d: the current directory cannot be told ({error.strerror}); name one") from None


def _is_named(user: str, file: Path) -> bool:
    """Tell whether the administrators name a user in a file, one a line; no file names nobody."""
    try:
        return user in file.read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return False


def _author(caller: Caller, submission: Submission) -> Author:
    may_administer = submission.queue == ADMIN and (caller.is_admin or is_member(caller, ADMIN))
    # Through sudo there is an installation, where jobs of root would be root on the nodes; an embedded
    # cluster belongs to the one who runs it.
    may_submit = not (caller.through_sudo and caller.is_admin)
    return Author(caller.name, group_of(caller), may_administer, may_submit)
