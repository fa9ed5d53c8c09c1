#!/usr/bin/python3 -IS
"""oarprint: print properties of the resources of a job, from the file that the job has of them.

One file of the standard library: OAR writes it beside the files of each job; on frontends it is a command.
"""

import getopt
import os
import re
import sys
from collections.abc import Iterable, Iterator

USAGE = """\
Usage: oarprint [OPTIONS] PROPERTY

  Print a line for each different value of PROPERTY among the resources of the job.

Options:
  -f, --file FILE        Read this file, - for the standard input; in a job
                         $OAR_RESOURCE_PROPERTIES_FILE is read. "oarstat -p -j JOB"
                         prints the same.
  -P, --properties A,B   The properties to print; PROPERTY if not given.
  -F, --format TEXT      How a line is written: each % is replaced by the value of a
                         property, in the order of -P. Values that find no % stand
                         behind, after a blank.
  -C, --comma TEXT       What joins several values of one property; a comma if not given.
  -T, --token TEXT       What stands for a value in -F; % if not given.
  -l, --list             Print the names of the properties and stop.
  -V, --version          Print the version of OAR and stop.
  -h, --help             Print this and stop.

Exit codes:
  0  done
  1  an option is wrong, there is nothing to read, or no such property
"""
OPTIONS = "f:P:F:C:T:lVh"
LONG_OPTIONS = ["file=", "properties=", "format=", "comma=", "token=", "list", "version", "help"]
LONG_FORMS = {
    "-f": "--file", "-P": "--properties", "-F": "--format", "-C": "--comma", "-T": "--token",
    "-l": "--list", "-V": "--version", "-h": "--help",
}  # fmt: skip
PAIR = re.compile(r"([A-Za-z_][A-Za-z0-9_]*) = '([^']*)'")


class Refused(Exception):
    """What was asked for cannot be done."""


def read_resources(lines: "Iterable[str]") -> "list[dict[str, str]]":
    """Read a resource from each line that holds ``name = 'value'`` pairs."""
    return [found for found in (dict(PAIR.findall(line)) for line in lines) if found]


def natural(value: str) -> "list[tuple[int, str]]":
    """Give what to compare so that node10 comes after node2."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", value)]


def print_lines(
    resources: "list[dict[str, str]]", key: str, properties: "list[str]", comma: str, form: "tuple[str, str]"
) -> "Iterator[str]":
    """Write a line for each value of the key; resources without a value of it have none."""
    values: "dict[str, dict[str, set[str]]]" = {}
    for one in resources:
        if one.get(key):
            of_key = values.setdefault(one[key], {name: set() for name in properties})
            for name in properties:
                if one.get(name):
                    of_key[name].add(one[name])
    for value in sorted(values, key=natural):
        texts = [comma.join(sorted(values[value][name], key=natural)) for name in properties]
        yield fill_in(*form, texts)


def fill_in(line: str, token: str, texts: "list[str]") -> str:
    """Put texts in the place of tokens, one each; those that are left over stand behind."""
    parts = line.split(token)
    filled = parts[0]
    for number, part in enumerate(parts[1:]):
        filled += (texts[number] if number < len(texts) else token) + part
    return " ".join([filled, *texts[len(parts) - 1 :]])


def open_lines(name: "str | None") -> "list[str]":
    """Read the lines of the file that was named, or of the job's own."""
    name = name or os.environ.get("OAR_RESOURCE_PROPERTIES_FILE")
    if not name:
        raise Refused("this is no job; name a file of resources with -f, - for the standard input")
    if name == "-":
        return sys.stdin.readlines()
    try:
        with open(name, encoding="utf-8", errors="replace") as stream:
            return stream.readlines()
    except OSError as error:
        raise Refused(f"{name} cannot be read: {error.strerror}") from error


def check_names(names: "list[str]", resources: "list[dict[str, str]]") -> None:
    """Refuse properties that no resource has."""
    known = sorted({name for one in resources for name in one})
    for name in names:
        if name not in known:
            raise Refused(f"no resource has a property '{name}'; there are: {', '.join(known)}")


def lines_for(arguments: "list[str]") -> "Iterator[str]":
    """Give the lines that these arguments ask for."""
    try:
        pairs, operands = getopt.gnu_getopt(arguments, OPTIONS, LONG_OPTIONS)
    except getopt.GetoptError as error:
        raise Refused(f"{error.msg}; see oarprint --help") from error
    options = {LONG_FORMS.get(name, name): value for name, value in pairs}
    if "--help" in options or "--version" in options:
        yield USAGE.rstrip("\n") if "--help" in options else "OAR version: " + version()
        return
    resources = read_resources(open_lines(options.get("--file")))
    if not resources:
        raise Refused("there are no resources in what was read")
    if "--list" in options:
        yield "List of properties:"
        yield ", ".join(sorted({name for one in resources for name in one}))
        return
    if len(operands) != 1:
        raise Refused("give one property, as in: oarprint host")
    properties = [name.strip() for name in options.get("--properties", operands[0]).split(",")]
    check_names([*operands, *properties], resources)
    token = options.get("--token") or "%"
    form = (options.get("--format", token), token)
    yield from print_lines(resources, operands[0], properties, options.get("--comma", ","), form)


def version() -> str:
    """Tell the version, where OAR is installed."""
    try:
        from importlib.metadata import version as of

        return of("oar")
    except Exception:  # noqa: BLE001 - on a node nothing of OAR is installed, and an old Python cannot look
        return "unknown here"


def main() -> int:
    """Print; return the exit code."""
    try:
        for line in lines_for(sys.argv[1:]):
            sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except Refused as error:
        sys.stderr.write(f"oarprint: {error}\n")
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
