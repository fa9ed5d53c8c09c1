"""Programs for nodes with the parts they import."""

import pytest

from oar.remote.argv import PART
from oar.remote.bundle import bundle


def parts_of(program: str) -> list[str]:
    return [part.partition("\n")[0] for part in bundle(program).split(PART)[1:]]


def test_a_program_begins_with_its_main_part() -> None:
    assert bundle("job_resource_manager").startswith('"""Prepares a node for a job')


@pytest.mark.parametrize("program", ["job_resource_manager", "oarexec"])
def test_a_part_stands_once_and_before_those_that_import_it(program: str) -> None:
    parts = parts_of(program)
    assert len(parts) == len(set(parts))
    for text in bundle(program).split(PART)[1:]:
        name, _, rest = text.partition("\n")
        imported = [line.split()[1] for line in rest.splitlines() if line.startswith("from oar.node.")]
        assert all(parts.index(part) < parts.index(name) for part in imported)


def test_parts_of_parts_come_along() -> None:
    assert "oar.node.processes" in parts_of("oarexec")


def test_a_program_without_imports_is_sent_as_it_is() -> None:
    assert parts_of("user_part") == []
