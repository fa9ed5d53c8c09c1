"""oarsub: submit jobs."""

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from oar import bus
from oar.cli.app import Context, complain, oar_command, typed_arguments, warn
from oar.cli.caller import Caller, group_of, is_member, read_as
from oar.core.messages import Hint
from oar.submit.admission import ADMIN, Author, Draft, admit
from oar.submit.parameters import BadOption, NothingToRun, Submission, Wishes, check, merge, read_parameters
from oar.submit.script import Script, scan_script, script_of

EXIT_CODES = {
    0: "the jobs are registered, also when the server is down",
    1: "an option or its value is wrong",
    2: "the database does not answer",
    5: "nothing to run, or more than one command",
    6: "an array without jobs, or too large",
    12: "a script or a parameter file cannot be read, or a #OAR line is wrong",
    18: "a resource request (-l) is not understood",
    78: "the configuration is wrong",
    243: "the name of the error file (-E) is refused",
    244: "the name of the output file (-O) is refused",
    248: "the queue does not exist",
    251: "the request can never be met, or names an unknown property",
    254: "an admission rule refuses the job",
}


@oar_command("oarsub", exit_codes=EXIT_CODES)
@click.argument("command", nargs=-1, metavar="COMMAND")
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
@click.option("--hold", is_flag=True, help="Keep the job from being scheduled until oarresume.")
@click.option("--array", type=int, metavar="N", help="Submit N jobs that differ in OAR_ARRAY_INDEX only.")
@click.option(
    "--array-param-file",
    metavar="FILE",
    help="Submit one job for each line of this file, with the line as its arguments.",
)
@click.option(
    "-S",
    "--scanscript",
    is_flag=True,
    help="Read further options from the lines of the script that begin with #OAR; the command line wins.",
)
@click.pass_obj
def oarsub(context: Context, /, command: tuple[str, ...], scanscript: bool, **wishes: Any) -> None:
    """Submit COMMAND as a job, and print its number.

    COMMAND is one argument: quote it when it has arguments of its own. Nothing is registered when anything is
    wrong. The job is registered even when the server is down, and starts when the server is back.
    """
    submission = _read(context, command, Wishes(**wishes), scanscript)
    for warning in submission.warnings:
        warn(warning)
    draft = Draft(submission, _author(context.caller, submission), context.settings.submission)
    draft, lines = admit(draft)
    for line in lines:
        click.echo(line)
    from oar.submit.submit import submit  # noqa: PLC0415 - loads the database, which a typing error must not

    job_ids = submit(context.engine, context.reader, draft, socket.gethostname())
    server = context.settings.server
    heard = bus.send(server, Hint.SUBMITTED)  # first: who reads our output may be gone
    _tell(job_ids)
    if not heard:
        warn(
            f"the server at {server.hostname}:{server.message_port} does not answer; the job is registered "
            "and will start when it is back"
        )


main = oarsub


def _tell(job_ids: Sequence[int]) -> None:
    for job_id in job_ids:
        click.echo(f"OAR_JOB_ID={job_id}")
    if len(job_ids) > 1:
        click.echo(f"OAR_ARRAY_ID={job_ids[0]}")


def _read(context: Context, operands: Sequence[str], wishes: Wishes, scans: bool) -> Submission:
    if len(operands) > 1:
        raise NothingToRun(f"one command is expected; quote it: '{' '.join(operands)}'")
    command = operands[0] if operands else ""
    script = _scan(context.caller, command) if scans else None
    if script is not None:
        wishes, warnings = merge(wishes, script.wishes)
        for warning in warnings:
            complain(warning)
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
            [" ".join(["oarsub", *typed_arguments()]), *(script.directives if script else ())]
        ),
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


def _author(caller: Caller, submission: Submission) -> Author:
    may_administer = submission.queue == ADMIN and (caller.is_admin or is_member(caller, ADMIN))
    # Through sudo there is an installation, where jobs of root would be root on the nodes; an embedded
    # cluster belongs to the one who runs it.
    may_submit = not (caller.through_sudo and caller.is_admin)
    return Author(caller.name, group_of(caller), may_administer, may_submit)
