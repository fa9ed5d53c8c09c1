"""Node programs run where nothing of ours is, on any Python from 3.6 on."""

import ast
import sys
from pathlib import Path

import pytest

import oar

FOLDER = Path(oar.__file__).parent / "node"
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
def test_only_the_standard_library_and_other_parts_are_imported(path: Path) -> None:
    parts = {f"oar.node.{part.stem}" for part in PROGRAMS}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert {name.name.partition(".")[0] for name in node.names} <= sys.stdlib_module_names
        if isinstance(node, ast.ImportFrom):
            assert node.module in parts or str(node.module).partition(".")[0] in sys.stdlib_module_names


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_no_line_of_a_part_can_be_taken_for_the_end_of_it(path: Path) -> None:
    assert not [line for line in path.read_text().splitlines() if line.startswith(("__END__", "__PART__"))]
