"""The options ``-J`` and ``-Y``, and writing a view with the renderer they choose."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import click

from oar.cli.render import Format, View

_Command = TypeVar("_Command", bound=Callable[..., Any])


def format_options(command: _Command) -> _Command:
    """Give a command ``-J`` and ``-Y``, which :func:`write` obeys."""
    yaml: Callable[[_Command], _Command] = click.option(
        "-Y", "--yaml", is_flag=True, expose_value=False, callback=_choose(Format.YAML), help="Write YAML."
    )
    json: Callable[[_Command], _Command] = click.option(
        "-J", "--json", is_flag=True, expose_value=False, callback=_choose(Format.JSON), help="Write JSON."
    )
    return json(yaml(command))


def _choose(form: Format) -> Callable[[click.Context, click.Parameter, bool], None]:
    def callback(ctx: click.Context, parameter: click.Parameter, asked: bool) -> None:
        if not asked:
            return
        if ctx.meta.get(__name__, form) is not form:
            raise click.UsageError("-J and -Y cannot be given together")
        ctx.meta[__name__] = form

    return callback


def chosen_format() -> Format:
    """Say what the options of the running command chose; text when they chose nothing."""
    return cast(Format, click.get_current_context().meta.get(__name__, Format.TEXT))


def write(view: View, form: Format | None = None) -> None:
    """Write a view to the standard output, in the chosen format."""
    lines = list((form or chosen_format()).renderer().render(view))
    if lines:
        click.echo("\n".join(lines))
