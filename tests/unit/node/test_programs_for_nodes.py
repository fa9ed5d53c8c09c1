"""Node programs run where nothing of ours is, on any Python from 3.6 on."""

import ast
import sys
from pathlib import Path

import pytest

from tests.unit.node.programs import FOLDER

PROGRAMS = sorted(path for path in FOLDER.glob("*.py") if path.name != "__init__.py")


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_the_text_is_python_3_6(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_annotations_are_never_evaluated_where_an_old_python_cannot(path: Path) -> None:
    """``list[str]`` outside quotes breaks Python 3.8; quoted it is text."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            hints = [*(argument.annotation for argument in node.args.args), node.returns]
            assert not [hint for hint in hints if isinstance(hint, ast.Subscript | ast.BinOp)]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_only_the_standard_library_is_imported(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert {name.name for name in node.names} <= sys.stdlib_module_names
        assert not isinstance(node, ast.ImportFrom)


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_the_line_that_ends_a_source_is_not_in_it(path: Path) -> None:
    assert "__END__" not in path.read_text().splitlines()
