"""The examples of docs/plugins.md work as they stand there."""

import re
from pathlib import Path
from typing import Any

from oar.kamelot.plugins import Plugins
from oar.kamelot.plugins.order import reorder
from tests.unit.kamelot.build import ids, nodes_of_8, resource, taken
from tests.unit.kamelot.plugins.placing import SHIPPED, place, wants

PAGE = (Path(__file__).parents[4] / "docs" / "plugins.md").read_text()


def example(name: str) -> Any:
    """Take a function from the page."""
    code = next(
        code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if f"def {name}(" in code
    )
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own page
    return names[name]


def test_the_example_of_a_matching_plugin_chooses_by_its_argument() -> None:
    plugins = Plugins(find={"parity": example("parity")})
    jobs = [
        wants(1, "resource_id=3", 60, find="parity:odd"),
        wants(2, "resource_id=3", 60, find="parity:even"),
    ]
    assert place(nodes_of_8(), jobs, plugins=plugins) == [(0, "1 3 5"), (0, "2 4 6")]


def test_the_example_of_a_matching_plugin_tells_what_is_wrong_with_its_argument() -> None:
    plugins = Plugins(find={"parity": example("parity")})
    jobs = [wants(1, "resource_id=3", 60, find="parity")]
    assert place(nodes_of_8(), jobs, plugins=plugins) == ["find=parity: say even or odd"]


def test_the_example_of_a_search_plugin_starts_at_full_hours() -> None:
    plugins = Plugins(assign={"on_the_hour": example("on_the_hour")})
    jobs = [wants(1, "node=4", 60, assign="on_the_hour")]
    assert place(nodes_of_8(), jobs, [taken(0, 4000, "1")], plugins=plugins) == [(7200, "1-32")]


def test_the_example_of_a_resource_order_sorts_by_a_property() -> None:
    resources = tuple(
        resource(n, {"node": f"n{n}", "year": year}) for n, year in enumerate((2019, None, 2024))
    )
    ordered = reorder(example("newest_first"), resources, ids(""))
    assert [one.resource_id for one in ordered] == [2, 0, 1]


def test_the_page_names_every_plugin_that_oar_comes_with() -> None:
    names = [f"find={name}" for name in SHIPPED.find] + [f"assign={name}" for name in SHIPPED.assign]
    aliases = {"find=contiguous_1h", "find=contiguous_sorted_1h", "assign=one_time_find_mld"}
    assert [name for name in names if f"`{name}`" not in PAGE and name not in aliases] == []
    assert [name for name in SHIPPED.resource_order if f"`{name}`" not in PAGE] == []
