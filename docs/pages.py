"""Writes the pages that say what the code says: configuration.md, commands.md, the tables of job-life.md.

Run it as ``python docs/pages.py``; a test fails while a page is not what this would write.
"""

import importlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click

from oar.core.diagram import fill_in

ROOT = Path(__file__).parents[1]
SERVER_PROGRAMS = ("oar-server", "kao", "kamelot")
ON_NODES = "oar.node."
"""Where programs are that run also where nothing of ours is installed: they say their usage themselves."""


def configuration_page(conf: str) -> str:
    """Turn the text of etc/oar.conf into a page: a heading a section, an entry a key."""
    lines = [
        "# Configuration",
        "",
        "Every key of `oar.conf`, made from the shipped file `etc/oar.conf` by `docs/pages.py`.",
    ]
    comment: list[str] = []
    for line in conf.splitlines():
        if line.startswith("## "):
            lines += ["", line]
            comment = []
        elif line.startswith("# "):
            comment.append(line[2:])
        elif found := re.match(r"#?([A-Z][A-Z0-9_]*)=(.*)", line):
            text = " ".join(comment)
            lines += ["", f"### `{found[1]}`", ""]
            lines += [f"{text}\n"] if text else []
            lines += [f"Shipped: `{found[2]}`"]
        elif not line.strip():
            comment = []
        elif not line.strip("# "):
            comment.append("\n\n")
    return "\n".join(lines) + "\n"


def commands_page(scripts: dict[str, str]) -> str:
    """Turn the commands of pyproject.toml into a page, from what ``--help`` of each says."""
    lines = ["# Commands", "", "Made from the commands themselves by `docs/pages.py`."]
    for name, place in sorted(scripts.items(), key=lambda item: (item[0] in SERVER_PROGRAMS, item[0])):
        lines += _node_program(name, place) if place.startswith(ON_NODES) else _command(name, _load(place))
    return "\n".join(lines) + "\n"


def _node_program(name: str, place: str) -> list[str]:
    usage = importlib.import_module(place.partition(":")[0]).USAGE
    return ["", f"## {name}", "", "```", usage.rstrip("\n"), "```"]


def _load(place: str) -> click.Command:
    module, _, name = place.partition(":")
    found = getattr(importlib.import_module(module), name)
    command = found if isinstance(found, click.Command) else found.command
    if not isinstance(command, click.Command):
        raise TypeError(f"{place} is no click command")
    return command


def _command(name: str, command: click.Command) -> Iterator[str]:
    context = _context(name, command)
    yield from ("", f"## {name}", "", "```", command.get_help(context), "```")
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            below = command.commands[sub]
            help_text = below.get_help(_context(f"{name} {sub}", below))
            yield from ("", f"### {name} {sub}", "", "```", help_text, "```")


def _context(name: str, command: click.Command) -> click.Context:
    settings = {**command.context_settings, "max_content_width": 100, "terminal_width": 100}
    return click.Context(command, info_name=name, **settings)


def pages() -> dict[Path, str]:
    """Give every page that is made, by its file."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    life = ROOT / "docs" / "job-life.md"
    return {
        life: fill_in(life.read_text()),
        ROOT / "docs" / "configuration.md": configuration_page((ROOT / "etc" / "oar.conf").read_text()),
        ROOT / "docs" / "commands.md": commands_page(scripts),
    }


if __name__ == "__main__":
    for file, text in pages().items():
        file.write_text(text)
