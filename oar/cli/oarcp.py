"""oarcp: scp to and from the nodes of a job."""

import os
import shutil
import sys
from pathlib import Path

import click

from oar.cli.app import Context, oar_command
from oar.cli.oarsh import SshLike
from oar.errors import BadRequest

EXIT_CODES = {
    1: "scp could not do all, or is not there",
    255: "oarsh could not connect; it says why",
}


class NoScp(BadRequest):
    """A program that is needed is not there."""


@oar_command("oarcp", exit_codes=EXIT_CODES, kind=SshLike)
@click.argument("arguments", nargs=-1, metavar="[SCP OPTIONS] FILE... TARGET", type=click.UNPROCESSED)
@click.pass_obj
def oarcp(context: Context, /, *, arguments: tuple[str, ...]) -> None:
    """Copy files to or from a node of a job of yours: one of FILE and TARGET is written NODE:PATH.

    This is scp, which connects by oarsh. -O does without an sftp-server on the node.
    """
    scp = shutil.which("scp")
    oarsh = Path(sys.argv[0]).resolve().with_name("oarsh")
    if scp is None:
        raise NoScp("there is no scp here")
    environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    os.execve(scp, ["scp", "-S", str(oarsh), *arguments], environment)  # noqa: S606 - nobody needs us any more


main = oarcp
