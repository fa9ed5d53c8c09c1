from pathlib import Path

import pytest

from oar.core.diagram import SECTIONS, fill_in, names_in

DOCUMENT = (Path(__file__).parents[3] / "docs" / "job-life.md").read_text(encoding="utf-8")


def test_the_documentation_shows_the_tables_as_they_are():
    assert fill_in(DOCUMENT) == DOCUMENT, "docs/job-life.md is out of date: run docs/pages.py"


def test_the_documentation_shows_every_table():
    assert sorted(names_in(DOCUMENT)) == sorted(SECTIONS)


def test_text_outside_of_the_markers_is_kept():
    filled = fill_in("before\n<!-- generated: recovery -->\nold\n<!-- end -->\nafter\n")
    assert filled.startswith("before\n<!-- generated: recovery -->\n| state |")
    assert filled.endswith("\n<!-- end -->\nafter\n")


def test_a_marker_with_an_unknown_name_is_an_error():
    with pytest.raises(KeyError, match="nonsense"):
        fill_in("<!-- generated: nonsense -->\n<!-- end -->")


def test_the_diagram_of_a_job_is_born_waiting_and_dies_terminated():
    drawn = SECTIONS["job diagram"]()
    assert "    [*] --> WAITING" in drawn.splitlines()
    assert "    TERMINATED --> [*]" in drawn.splitlines()
