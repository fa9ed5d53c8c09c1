"""Quotas that limit nothing leave every plan as it is without them."""

import pytest

from oar.kamelot import Platform, schedule
from oar.kamelot.quotas import Ledger, Quotas, RuleSet
from tests.unit.kamelot.quotas.build import rules
from tests.unit.kamelot.world import NOW
from tests.unit.kamelot.worlds import world_of

EACH_USER = "*,*,*,/"
RULELESS = {
    "no rules": RuleSet(),
    "rules for nobody": rules({"*,*,*,nobody": [0, 0, 0]}),
    "rules without limits": rules({EACH_USER: []}),
    "limits out of reach": rules({EACH_USER: [10**6, 10**6, 10**9], "*,*,*,*": [10**6]}),
}


@pytest.mark.parametrize("kind", RULELESS)
@pytest.mark.parametrize("first", range(0, 1000, 250))
def test_quotas_that_limit_nothing_change_no_plan(kind: str, first: int) -> None:
    for seed in range(first, first + 250):
        world = world_of(seed)
        plans = [
            schedule(
                Platform(world.resources, world.filters),
                world.running,
                world.jobs,
                NOW,
                world.rules,
                ends=world.ends,
                quotas=quotas,
            ).outcomes
            for quotas in (None, Ledger(Quotas(RULELESS[kind]), NOW))
        ]
        assert plans[0] == plans[1], f"world {seed}"
