"""``oar-dev``: a whole OAR on this machine, to try things out; for any user and for root."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from oar.dev.bed import Shape
from oar.dev.cluster import Cluster, ClusterFailed, remove_remains
from oar.errors import ExitCode, OarError

INTERRUPTED = 130


class OarDev(click.Group):
    """The group of commands; tells what went wrong in one line."""

    def invoke(self, context: click.Context) -> object:
        """Run a command; an `OarError` becomes one line and an exit code."""
        try:
            return super().invoke(context)
        except OarError as error:
            click.echo(f"oar-dev: {error}", err=True)
            sys.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("oar-dev: interrupted; nothing is left behind", err=True)
            sys.exit(INTERRUPTED)


@click.group(cls=OarDev, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run a whole OAR on this machine: PostgreSQL, server and nodes, without touching the machine.

    As root the nodes have their own host names, networks and cgroups. As an ordinary user they are sshd
    processes on loopback addresses. The variable OAR_DEV_BED (namespaces, loopback, local) forces one kind.
    """


def named(command: Callable[..., None]) -> Callable[..., None]:
    """Add the option that tells clusters apart."""
    option = click.option("--name", default="dev", show_default=True, metavar="NAME", help="Which cluster.")
    return option(command)


@main.command()
@named
@click.option("--nodes", default=3, show_default=True, type=click.IntRange(1, 100), help="Number of nodes.")
@click.option("--cpus", default=1, show_default=True, type=click.IntRange(1, 64), help="Cpus of a node.")
@click.option("--cores", default=2, show_default=True, type=click.IntRange(1, 256), help="Cores of a cpu.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing when all goes well.")
def up(name: str, nodes: int, cpus: int, cores: int, quiet: bool) -> None:
    """Start a cluster."""
    directory = directory_of(name)
    if directory.exists():
        raise ClusterFailed(f'cluster "{name}" is up already (or a part of it is left): oar-dev down')
    signal.signal(signal.SIGTERM, _interrupt)
    make_base(directory.parent)
    say = _silent if quiet else click.echo
    try:
        Cluster.up(directory, Shape(nodes, cpus, cores), say)
    except BaseException:
        # Also after Ctrl-C: a start that was broken off leaves nothing, not even the folder of all clusters.
        remove_base(directory.parent)
        raise
    if not quiet:
        option = "" if name == "dev" else f" --name {name}"
        click.echo(f"Try:  oar-dev shell{option}   then: oarnodes; oarsub -l nodes=1 'hostname'; oarstat")


@main.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@named
@click.option("--admin", is_flag=True, help="As the administrator of the cluster.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(name: str, admin: bool, command: tuple[str, ...]) -> None:
    """Run COMMAND on the cluster, in the home of its user: oar-dev run -- oarsub -l nodes=2 date."""
    _become(find(name), list(command), "root" if admin else None)


@main.command()
@named
@click.option("--admin", is_flag=True, help="As the administrator of the cluster.")
def shell(name: str, admin: bool) -> None:
    """Open a shell on the cluster's server, where oarsub, oarstat and the others are at hand."""
    cluster = find(name)
    bash = ["env", f"PS1=[oar {name}] \\u@\\h:\\w\\$ ", "bash", "--norc", "--noprofile"]
    _become(cluster, bash, "root" if admin else None)


@main.command()
@named
def status(name: str) -> None:
    """Say what of the cluster lives, and where its files are; exit code 1 when it is not whole."""
    cluster = find(name)
    nodes = cluster.bed.living_nodes()
    server = cluster.server.pid
    click.echo(f"cluster    {name}: {cluster.shape.nodes} nodes, {cluster.bed.kind} bed")
    click.echo(f"files      {cluster.directory}")
    database = "up" if cluster.database.running else "down"
    click.echo(f"database   {database}, socket in {cluster.database.socket_directory}")
    process = f"up, process {server}" if server else "down"
    click.echo(f"server     {process}, log {cluster.server.log_file}")
    click.echo(f"nodes      up: {', '.join(nodes) or 'none'}")
    if server is None or not cluster.database.running or len(nodes) < cluster.shape.nodes:
        sys.exit(ExitCode.FAILURE)


@main.command()
@named
def down(name: str) -> None:
    """Stop the cluster and remove every trace of it; works too when parts of it were killed."""
    directory = directory_of(name)
    if not directory.exists():
        click.echo(f'cluster "{name}" is not up')
        return
    begun = time.monotonic()
    try:
        cluster = Cluster(directory)
    except ClusterFailed:
        remove_remains(directory)
    else:
        cluster.down()
    remove_base(directory.parent)
    click.echo(f'cluster "{name}" is gone ({time.monotonic() - begun:.1f} s)')


def directory_of(name: str) -> Path:
    """Return where the files of a cluster lie; raises `ClusterFailed` for a name that cannot be one."""
    if not name.replace("-", "").replace("_", "").isalnum() or len(name) > 32:
        raise ClusterFailed(f'--name "{name}": take letters, digits, - and _, at most 32 of them')
    return base_directory() / name


def base_directory() -> Path:
    """Return the folder of this account's clusters."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if os.geteuid() != 0 and runtime and Path(runtime).is_dir() and os.access(runtime, os.W_OK):
        return Path(runtime) / "oar-dev"
    return Path(f"/tmp/oar-dev-{os.geteuid()}")  # noqa: S108 - make_base checks whose it is


def make_base(base: Path) -> None:
    """Make the folder of this account's clusters; raises `ClusterFailed` when it is somebody else's."""
    base.mkdir(mode=0o755, exist_ok=True)
    state = base.lstat()
    if base.is_symlink() or state.st_uid != os.geteuid() or state.st_mode & 0o022:
        raise ClusterFailed(f"{base} is not a folder that only this account can write: remove it")


def remove_base(base: Path) -> None:
    """Remove the folder of this account's clusters when the last one is gone."""
    with suppress(OSError):
        base.rmdir()


def find(name: str) -> Cluster:
    """Take hold of a running cluster; raises `ClusterFailed`."""
    directory = directory_of(name)
    if not directory.exists():
        option = "" if name == "dev" else f" --name {name}"
        raise ClusterFailed(f'cluster "{name}" is not up; start it with: oar-dev up{option}')
    return Cluster(directory)


def _become(cluster: Cluster, argv: list[str], user: str | None) -> NoReturn:
    command = cluster.command(argv, user)
    try:
        done = subprocess.run(command.argv, env=dict(command.environment), cwd=command.directory, check=False)
    except FileNotFoundError:
        raise ClusterFailed(f"no such command: {shlex.join(argv)}") from None
    sys.exit(done.returncode if done.returncode >= 0 else 128 - done.returncode)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _silent(_words: str) -> None:
    pass


if __name__ == "__main__":
    main()
