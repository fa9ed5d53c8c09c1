"""The documentation: links lead somewhere, files are there, and what is made from the code is current."""

import re
import tomllib
from pathlib import Path

import pytest

from docs.pages import commands_page, pages
from oar.dev.namespaces import PRIVILEGED, PUBLIC

ROOT = Path(__file__).parents[3]
WRITTEN = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]

_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_FILE = re.compile(r"`((?:\.ci|bench|docs|etc|oar|scripts|tests)/[\w./*-]*)")
_NOT_FOR_USERS = {"oar-database"}
"""Types the passwords of PostgreSQL's administrator: root calls it by its path."""


def name_of(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", WRITTEN, ids=name_of)
def test_every_link_leads_to_a_file(page):
    links = [link for link in _LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", WRITTEN, ids=name_of)
def test_every_file_that_is_named_is_there(page):
    named = set(_FILE.findall(page.read_text()))
    assert [name for name in sorted(named) if not any(ROOT.glob(name.rstrip("/")))] == []


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_a_page_made_from_the_code_is_current(page):
    assert page.read_text() == pages()[page], "run: .venv/bin/python docs/pages.py"


def test_the_page_of_commands_does_not_depend_on_the_terminal_or_the_environment(monkeypatch):
    before = commands_page(SCRIPTS)
    changes = {
        "COLUMNS": "40",
        "LANG": "fr_FR.UTF-8",
        "OARCONFFILE": "/nowhere",
        "OAR_OARSTAT_OUTPUT_FORMAT": "1",
    }
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    assert commands_page(SCRIPTS) == before


@pytest.mark.parametrize("command", SCRIPTS)
def test_every_command_has_its_section(command):
    assert f"\n## {command}\n" in (ROOT / "docs" / "commands.md").read_text()


def test_the_rule_of_sudo_names_the_commands_of_users_and_of_administrators():
    rule = (ROOT / "etc" / "sudoers.d" / "oar").read_text()
    public, privileged = re.findall(r"^Cmnd_Alias.*(?:\n .*)*", rule, re.MULTILINE)
    assert re.findall(r"commands/([\w-]+)", public) == list(PUBLIC)
    assert set(re.findall(r"commands/([\w-]+)", privileged)) == {*PRIVILEGED} - _NOT_FOR_USERS
