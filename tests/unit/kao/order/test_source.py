"""Which order the settings give, and what is logged where they give none."""

import os
import sys

import pytest

from oar.kao.order import CustomOrder, FairShare, Fifo, Multifactor
from oar.kao.order.simple_priority import simple_priority
from oar.kao.order_source import OrderSource
from oar.setting_kinds import JsonObject
from oar.settings import OrderSettings


def everywhere(**values):
    return OrderSource(OrderSettings(**values)).orders().everywhere


@pytest.fixture
def weights(tmp_path):
    file = tmp_path / "priority.yaml"
    file.write_text("karma_weight: 1.0\n")
    return file


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Install a package with one order, whose code is given."""

    def install(code):
        (tmp_path / "site_order.py").write_text(code)
        about = tmp_path / "site_order-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: site-order\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text("[oar.job_order]\nours = site_order:ours\n")
        monkeypatch.syspath_prepend(tmp_path)

    yield install
    sys.modules.pop("site_order", None)


@pytest.mark.parametrize(
    ("priority", "kind"),
    [("", type(None)), ("FIFO", Fifo), ("FAIRSHARE", FairShare), ("FAIRSHARING", FairShare)],
)
def test_job_priority_names_the_order(priority, kind):
    assert isinstance(everywhere(priority=priority), kind)


def test_multifactor_reads_its_file(weights):
    order = everywhere(priority="MULTIFACTOR", priority_file=str(weights))
    assert isinstance(order, Multifactor)
    assert order.weights.karma_weight == 1


def test_a_file_of_weights_that_changed_is_read_again(weights):
    source = OrderSource(OrderSettings(priority="MULTIFACTOR", priority_file=str(weights)))
    source.orders()
    weights.write_text("age_weight: 7\n")
    os.utime(weights, (1, 1))
    assert source.orders().everywhere.weights.age_weight == 7


def test_a_custom_order_is_found_by_its_name_and_gets_its_configuration():
    order = everywhere(
        priority="CUSTOM", custom="simple_priority", custom_config=JsonObject('{"waiting_time_weight": 2}')
    )
    assert order == CustomOrder(simple_priority, {"waiting_time_weight": 2})


def test_an_order_of_a_site_that_wants_the_past_use_gets_it(plugin):
    plugin("def ours(jobs, facts, config):\n    return jobs\nours.wants_past_use = True\n")
    assert everywhere(priority="CUSTOM", custom="ours", window_s=77).past_window_s == 77


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"priority": "MULTIFACTOR"}, "PRIORITY_CONF_FILE names no file of weights"),
        (
            {"priority": "MULTIFACTOR", "priority_file": "/nowhere"},
            'PRIORITY_CONF_FILE="/nowhere": No such file or directory',
        ),
        (
            {"priority": "CUSTOM", "custom": "fastest"},
            'CUSTOM_JOB_SORTING="fastest": there is no such order; installed: simple_priority',
        ),
    ],
)
def test_an_order_that_cannot_be_had_is_one_line_in_the_log_and_jobs_go_by_their_id(
    settings, complaint, caplog
):
    assert isinstance(everywhere(**settings), Fifo)
    assert [one.levelname for one in caplog.records] == ["ERROR"]
    assert complaint in caplog.text
    assert "jobs are planned by their id this time" in caplog.text


def test_bad_weights_are_logged_with_their_file_and_key(weights, caplog):
    weights.write_text("karma_weight: much\n")
    assert isinstance(everywhere(priority="MULTIFACTOR", priority_file=str(weights)), Fifo)
    assert f'PRIORITY_CONF_FILE="{weights}": karma_weight: much: expected a number' in caplog.text


def test_a_file_of_weights_that_is_no_text_is_logged(weights, caplog):
    weights.write_bytes(b"\xff\xfe\x00")
    assert isinstance(everywhere(priority="MULTIFACTOR", priority_file=str(weights)), Fifo)
    assert "PRIORITY_CONF_FILE" in caplog.text


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("raise LookupError('no\\nlicence')", "it cannot be loaded, LookupError: no licence"),
        ("import sys\nsys.exit(3)", "it cannot be loaded, SystemExit: 3"),
        ("other = 1", "it cannot be loaded, AttributeError"),
        ("ours = 1", "it is no function"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_logged(plugin, caplog, code, complaint):
    plugin(code)
    assert isinstance(everywhere(priority="CUSTOM", custom="ours"), Fifo)
    assert complaint in caplog.text
