"""Admission rules of a site, as oarsub asks them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from oar.db.resources import add_resource
from oar.db.tables_jobs import JobRow
from tests.integration.databases import Database
from tests.ports import free_ports

Oarsub = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    return tmp_path / "rules"


@pytest.fixture
def oarsub(database: Database, tmp_path: Path, folder: Path) -> Oarsub:
    with database.engine.begin() as connection:
        add_resource(connection, "node1", {}, now=100)
    conf = tmp_path / "oar.conf"
    conf.write_text(
        f'DB_HOSTNAME="{database.settings.host}"\nDB_BASE_NAME="{database.settings.name}"\n'
        f'SERVER_HOSTNAME="127.0.0.1"\nAPPENDICE_SERVER_PORT="{free_ports(1)[0]}"\n'
        f'ADMISSION_RULES_PATH="{folder}"\n'
    )

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        program = Path(sys.executable).with_name("oarsub")
        environment = {**os.environ, "OARCONFFILE": str(conf)}
        return subprocess.run([program, *words], capture_output=True, text=True, env=environment, check=False)

    return run


def test_a_rule_in_the_folder_changes_the_job_that_is_stored(
    oarsub: Oarsub, folder: Path, database: Database
) -> None:
    (folder / "10_night.py").write_text(
        "from dataclasses import replace\n"
        "from oar.submit.site_rules import Answer\n"
        "def rule(job, author):\n"
        "    return Answer(replace(job, project='night'), said=('It goes to the project night',))\n"
    )
    answer = oarsub("true")
    assert answer.returncode == 0
    assert "[ADMISSION RULE] It goes to the project night\n" in answer.stdout
    with database.engine.connect() as connection:
        assert connection.scalars(select(JobRow.project)).all() == ["night"]


def test_a_rule_in_the_folder_refuses_with_its_words_and_nothing_is_stored(
    oarsub: Oarsub, folder: Path, database: Database
) -> None:
    (folder / "10_no.py").write_text(
        "from oar.submit.site_rules import Refused\n"
        "def rule(job, author):\n"
        "    raise Refused('Error: not today, ' + author.name)\n"
    )
    answer = oarsub("true")
    assert (answer.returncode, answer.stderr.count("\n")) == (254, 1)
    assert "[ADMISSION RULE] Error: not today, " in answer.stderr
    with database.engine.connect() as connection:
        assert connection.scalars(select(JobRow.job_id)).all() == []


def test_a_rule_that_cannot_be_read_is_named_in_one_line(oarsub: Oarsub, folder: Path) -> None:
    (folder / "10_bad.py").write_text("def rule(:\n")
    answer = oarsub("true")
    assert (answer.returncode, answer.stderr.count("\n")) == (78, 1)
    assert "10_bad.py: it cannot be read, SyntaxError" in answer.stderr
