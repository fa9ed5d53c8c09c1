"""The examples that the pages give of an extra step and of an order of jobs work as they stand there."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from oar.kamelot import Rules
from oar.kao.extra import Changes
from oar.kao.extra.view import checked, view_of
from oar.kao.model import Decisions
from oar.kao.order import CustomOrder, Orders
from oar.kao.round import run_round
from oar.kao.stretches import Halted
from oar.testing import QUEUES, make_resources, make_waiting, make_world

DOCS = Path(__file__).parents[3] / "docs"


def example(page: str, name: str) -> Any:
    """Take a function from a page."""
    codes = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(next(code for code in codes if f"def {name}(" in code), names)  # noqa: S102 - our own page
    return names[name]


def test_the_example_of_an_extra_step_changes_a_resource_before_the_first_group_only() -> None:
    resources = tuple(replace(one, properties={**one.properties, "deploy": "NO"}) for one in make_resources())
    world = make_world(resources=resources)
    step = example("plugins.md", "keep_one_for_deploy")
    first = view_of(Halted(world, (QUEUES[0],), Decisions({})), "2")
    assert checked(step(first), first) == Changes(properties={2: {"deploy": "YES"}})
    later = view_of(Halted(replace(world, settled={"admin": {}}), (QUEUES[1],), Decisions({})), "2")
    assert step(later) is None


def test_the_example_of_an_order_of_jobs_starts_the_shortest_first() -> None:
    jobs = [make_waiting(1, "nodes=3,walltime=3"), make_waiting(2, "nodes=3,walltime=1")]
    orders = Orders(CustomOrder(example("job-order.md", "shortest_first")))
    decisions = run_round(make_world(*jobs), Rules(), orders=orders)
    assert [one.job_id for one in decisions.launches] == [2]
