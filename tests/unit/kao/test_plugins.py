"""Plugins are found as entry points; what cannot be loaded harms nobody but those who ask for it."""

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from oar.core.job import Resource
from oar.kamelot.plugins import Plugins, order
from oar.kamelot.plugins.registry import NoSuchPlugin
from oar.kao.plugins import ResourceOrder, load_plugins, resource_order
from tests.unit.kamelot.build import ids, resource

ONE = "oar.kamelot.plugins.find:local"
RESOURCES: tuple[Resource, ...] = (resource(1, {"node": "a"}), resource(2, {"node": "b"}))


@pytest.fixture
def site(monkeypatch):
    """A package of a site."""
    module = ModuleType("site_plugins")
    module.__dict__.update(find=lambda candidates: None, number=7)
    monkeypatch.setitem(sys.modules, "site_plugins", module)
    return module


def entry(name, value, kind="find"):
    return EntryPoint(name, value, f"oar.{kind}")


def test_the_installed_plugins_are_found():
    plugins = load_plugins()
    assert {"begin", "contiguous", "contiguous_1h", "default", "local"} <= plugins.find.keys()
    assert {"default", "one_time_find"} <= plugins.assign.keys()
    assert {"pack", "spread", "contiguous"} <= plugins.resource_order.keys()
    assert plugins.broken == {}


def test_a_plugin_of_a_site_is_found_by_its_name(site):
    plugins = load_plugins([entry("even", "site_plugins:find")])
    assert plugins.find_plugin("even") is site.find


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("nowhere_at_all:find", "nowhere_at_all:find: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("site_plugins:nothing", "site_plugins:nothing: AttributeError: "),
        ("site_plugins:number", "site_plugins:number: TypeError: it is not a function"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_told_with_the_reason(site, value, reason):
    plugins = load_plugins([entry("even", value), entry("local", ONE)])
    with pytest.raises(NoSuchPlugin, match="this matching plugin could not be loaded") as told:
        plugins.find_plugin("even")
    assert reason in str(told.value)
    assert plugins.find.keys() == {"local"}


def test_a_plugin_that_ends_the_program_at_import_is_broken_like_any(site, tmp_path, monkeypatch):
    (tmp_path / "leaves_at_once.py").write_text("raise SystemExit(3)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins = load_plugins([entry("even", "leaves_at_once:find")])
    assert plugins.broken == {"find=even": "leaves_at_once:find: SystemExit: 3"}


def test_a_site_cannot_take_the_name_of_a_plugin_that_oar_comes_with(site, caplog):
    plugins = load_plugins([entry("local", "site_plugins:find"), entry("local", ONE)])
    assert plugins.find_plugin("local") is not site.find
    assert "plugin find=local of site_plugins:find is ignored: the name is taken" in caplog.text


def test_without_the_setting_resources_stay_in_the_order_of_sql():
    assert resource_order(Plugins(), "") is None


def test_an_unknown_resource_order_is_logged_with_those_there_are(caplog):
    plugins = Plugins(resource_order={"pack": order.pack, "spread": order.spread})
    assert resource_order(plugins, "tidy") is None
    assert (
        'SCHEDULER_RESOURCE_ORDER_PLUGIN="tidy" is not used, resources stay in SQL order: '
        "there is no such resource order plugin; there are pack, spread"
    ) in caplog.text


def test_the_resource_order_of_the_setting_is_applied():
    chosen = resource_order(Plugins(resource_order={"spread": order.spread}), "spread")
    assert chosen is not None
    assert [one.resource_id for one in chosen.apply(RESOURCES, ids("1"))] == [2, 1]


@pytest.mark.parametrize("wrong", [lambda resources, taken: resources[1:], lambda resources, taken: 1 // 0])
def test_a_resource_order_that_fails_is_logged_and_the_order_of_sql_holds(wrong, caplog):
    assert ResourceOrder("tidy", wrong).apply(RESOURCES, ids("1")) is RESOURCES
    assert 'SCHEDULER_RESOURCE_ORDER_PLUGIN="tidy" is not used' in caplog.text
