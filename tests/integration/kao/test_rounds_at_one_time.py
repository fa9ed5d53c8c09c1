"""Rounds of two servers, or of a server and what a killed one left behind."""

from dataclasses import replace

import pytest

from oar.db.locks import take_round
from oar.errors import ConfigurationError
from oar.kao.metascheduler import RoundUnderWay
from tests.integration.kao.site import SETTINGS, Site


def test_a_round_that_meets_another_one_decides_nothing(five: Site):
    job_id = five.job("resource_id=1,walltime=1")
    with five.engine.begin() as other:
        assert take_round(other)
        with pytest.raises(RoundUnderWay, match="another round is under way"):
            five.metascheduler.run()
    assert (five.states(), five.plan()) == ({job_id: "Waiting"}, {})


def test_the_next_round_comes_when_the_other_one_is_over(five: Site):
    job_id = five.job("resource_id=1,walltime=1")
    with five.engine.begin() as other:
        take_round(other)
    five.metascheduler.run()
    assert five.states() == {job_id: "toLaunch"}


def test_a_round_that_failed_keeps_nobody_out(five: Site):
    broken = replace(five.metascheduler, settings=replace(SETTINGS, resource_order="nonsense"))
    with pytest.raises(ConfigurationError):
        broken.run()
    with five.engine.begin() as other:
        assert take_round(other)
