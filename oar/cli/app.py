"""What all commands share: the context they are given, their help, and errors told in one line.

A command is written as::

    @oar_command("oarfoo", exit_codes={0: "done", 4: "no such foo"})
    @click.argument("names", nargs=-1)
    @click.pass_obj
    def oarfoo(context: Context, names: tuple[str, ...]) -> None:
        \"\"\"Do foo.\"\"\"
        with context.engine.begin() as connection: ...

    main = oarfoo

and tested with ``CliRunner().invoke(oarfoo, [...], obj=Context(settings=..., caller=...))``. Errors are
raised; ``fail(code)`` ends with a code after everything was said. What is heavy is imported when first used.
"""

import gc
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import click

from oar.cli.caller import Caller, find_caller
from oar.cli.terminal import one_line
from oar.errors import ExitCode, OarError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from oar.settings import Settings

INTERRUPTED = 128 + 2
_TYPED = "oar.typed_arguments"


class Context:
    """What a command may use; each part is made when first asked for, unless it was given."""

    def __init__(
        self,
        settings: "Settings | None" = None,
        caller: Caller | None = None,
        engine: "Engine | None" = None,
        reader: "Engine | None" = None,
    ) -> None:
        """Take what the test or the entry point already has; the rest comes from ``oar.conf``."""
        given = {"settings": settings, "caller": caller, "engine": engine, "reader": reader}
        self.__dict__.update({name: part for name, part in given.items() if part is not None})

    @cached_property
    def settings(self) -> "Settings":
        """The settings of ``oar.conf``; its warnings go to the standard error of those who can mend it."""
        from oar.config import load_settings  # noqa: PLC0415 - --help must not need it

        settings, warnings = load_settings()
        for warning in warnings if self.caller.is_admin else ():
            complain(f"warning: {warning}")
        return settings

    @cached_property
    def caller(self) -> Caller:
        """Who runs the command."""
        from oar.config import DEFAULT_FILE  # noqa: PLC0415 - --help must not need it

        return find_caller(Path(os.environ.get("OARCONFFILE") or DEFAULT_FILE))

    @cached_property
    def engine(self) -> "Engine":
        """The database, as role ``oar``."""
        from oar.db.engine import open_engine  # noqa: PLC0415 - the slowest import of all
        from oar.db.slots import wait_for_slots  # noqa: PLC0415 - as above

        _let_interrupts_end_us()
        return wait_for_slots(open_engine(self.settings.database))

    @cached_property
    def reader(self) -> "Engine":
        """The database, read-only: for every condition a person wrote."""
        from oar.db.engine import open_reader  # noqa: PLC0415 - the slowest import of all
        from oar.db.slots import wait_for_slots  # noqa: PLC0415 - as above

        _let_interrupts_end_us()
        return wait_for_slots(open_reader(self.settings.database))


class OarCommand(click.Command):
    """A click command whose errors are one line on the standard error and a documented exit code."""

    exit_codes: Mapping[int, str] = {}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Remember the arguments as they were typed; see :func:`typed_arguments`."""
        ctx.meta[_TYPED] = tuple(args)
        for one in args:
            if any("\ud800" <= letter <= "\udfff" for letter in one):
                raise click.UsageError(f"'{one}' is not written in UTF-8", ctx)
        return super().parse_args(ctx, args)

    def main(self, *args: Any, **options: Any) -> NoReturn:
        """Run and leave the process; makes a :class:`Context` when none is given as ``obj``."""
        options["standalone_mode"] = False
        if options.get("obj") is None:
            options["obj"] = Context()
            gc.disable()  # we end before there is garbage worth the search, which costs a tenth of our start
        run_command(lambda: super(OarCommand, self).main(*args, **options), self.name or "oar")

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the exit codes below the options."""
        if self.exit_codes:
            with formatter.section("Exit codes"):
                formatter.write_dl([(str(code), words) for code, words in sorted(self.exit_codes.items())])
        super().format_epilog(ctx, formatter)


class OarGroup(OarCommand, click.Group):
    """The same for a command with subcommands."""


def oar_command(
    name: str, exit_codes: Mapping[int, str], kind: type[OarCommand] = OarCommand
) -> Callable[[Callable[..., Any]], OarCommand]:
    """Make a function one of our commands, with ``-h``, ``-V`` and its exit codes in the help."""

    def make(function: Callable[..., Any]) -> OarCommand:
        versioned = click.option(
            "-V", "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
            help="Print the version of OAR and stop.",
        )(function)  # fmt: skip
        names = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
        command = click.command(name, cls=kind, context_settings=names)(versioned)
        command.exit_codes = exit_codes
        return command

    return make


def fail(code: int) -> NoReturn:
    """End the command with an exit code; what went wrong was already said."""
    raise click.exceptions.Exit(code)


def typed_arguments() -> tuple[str, ...]:
    """Tell the arguments of the running command, as they were typed."""
    typed: tuple[str, ...] = click.get_current_context().meta[_TYPED]
    return typed


def warn(text: str) -> None:
    """Say something on the standard error, in the name of the running command."""
    complain(f"{click.get_current_context().find_root().command.name}: {text}")


def complain(text: str) -> None:
    """Write a line on the standard error; where that cannot be, the exit code has to do."""
    try:
        click.echo(one_line(text), err=True)
    except OSError:
        _forget(sys.stderr)


def run_command(command: Callable[[], Any], name: str) -> NoReturn:
    """Run a command's body and leave the process; whatever goes wrong is told in one line, never a traceback.

    Errors nobody foresaw are not hidden: they keep their traceback, because they are ours to mend.
    """
    try:
        code = command()
        if sys.stdout is not None:  # closed by the shell: >&-
            sys.stdout.flush()
    except (KeyboardInterrupt, click.Abort):
        _leave(name, "interrupted", INTERRUPTED)
    except BrokenPipeError:
        # Who read our output has gone.
        _forget(sys.stdout)
        sys.exit(ExitCode.FAILURE)
    except OSError as error:
        # What is left is the machine's: a full disk behind the output, no process or file to be had.
        _forget(sys.stdout)
        what = f"{error.filename}: " if error.filename else ""
        _leave(name, f"{what}{error.strerror or error}; what was asked may be done in part", ExitCode.FAILURE)
    except click.UsageError as error:
        _leave(name, f"{error.format_message().rstrip('.')}; see {name} --help", ExitCode.FAILURE)
    except click.ClickException as error:
        _leave(name, error.format_message(), ExitCode.FAILURE)
    except OarError as error:
        _leave(name, str(error), error.exit_code)
    except Exception as error:
        # Raised again unless it comes from the database, whose errors cannot be named without loading it.
        told = _database_words(error)
        if told is None:
            raise
        _leave(name, told, ExitCode.NOT_REACHABLE)
    sys.exit(code if isinstance(code, int) else 0)


def _leave(name: str, text: str, code: int) -> NoReturn:
    complain(f"{name}: {text}")
    sys.exit(int(code))


def _forget(stream: TextIO | None) -> None:
    """Write what was not written yet nowhere, or Python would complain once more while it closes the file."""
    with suppress(ValueError, AttributeError):  # no real file in a test, none at all after >&-
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # type: ignore[union-attr] # as just said


def _database_words(error: Exception) -> str | None:
    """Tell an error of the database in one line; None when the error is something else."""
    if "sqlalchemy.exc" not in sys.modules:
        return None
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError  # noqa: PLC0415 - loaded already, or never

    if not isinstance(error, SQLAlchemyError):
        return None
    cause = error.orig if isinstance(error, DBAPIError) else error
    lines: Sequence[str] = str(cause).strip().splitlines() or [type(error).__name__]
    return f"the database refused: {lines[0]}; oar-database check tells whether it is up to date"


def _let_interrupts_end_us() -> None:
    """Let Ctrl-C end the process at once: Python would not see it while libpq waits for the database.

    A transaction that was begun is undone by PostgreSQL when our connection is gone.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell may have told us to ignore it
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _show_version(ctx: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from importlib.metadata import version  # noqa: PLC0415 - slow, and seldom asked for

        click.echo(f"OAR version: {version('oar')}")
        ctx.exit()
