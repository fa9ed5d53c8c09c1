"""The file of quotas is read when it changed, and a bad one stops nothing."""

import logging
import os
from dataclasses import replace

import pytest

from oar.core.states import NodeState
from oar.kamelot.quotas import Key
from oar.kao.metascheduler import Metascheduler
from oar.kao.model import QueueView
from oar.kao.quota_source import QuotaSource
from oar.settings import QuotaSettings, Settings
from oar.testing import make_resources

QUEUES = (QueueView("default", 2, True), QueueView("admin", 10, True))
OAR2_QUEUE = QueueView("slow", 1, True, "oar_sched_gantt_with_timesharing_and_fairsharing_and_quotas")
RESOURCES = make_resources(nodes=2, cores=2)


@pytest.fixture
def source(tmp_path):
    (tmp_path / "quotas.toml").write_text('[[rules]]\nper = "user"\nresources = "all"\n')
    return QuotaSource(QuotaSettings(enabled=True, file="quotas.toml"), tmp_path / "oar.conf")


def most(site):
    (rule,) = site.quotas.plain.rules
    assert rule.key == Key(user="/")
    return rule.limits.resources


def write(source, text):
    source.file.write_text(text)
    state = source.file.stat()
    os.utime(source.file, ns=(state.st_atime_ns, state.st_mtime_ns + 1_000_000))


def test_the_file_is_beside_the_configuration(source, tmp_path):
    assert source.file == tmp_path / "quotas.toml"


def test_the_rules_limit_all_queues(source):
    site = source.quotas(QUEUES, RESOURCES)
    assert (most(site), site.queues) == (4, None)


def test_what_did_not_change_is_not_read_again(source):
    assert source.quotas(QUEUES, RESOURCES).quotas is source.quotas(QUEUES, RESOURCES).quotas


def test_all_follows_the_number_of_resources(source):
    source.quotas(QUEUES, RESOURCES)
    fewer = (replace(RESOURCES[0], state=NodeState.DEAD), *RESOURCES[1:])
    assert most(source.quotas(QUEUES, fewer)) == 3


def test_a_changed_file_is_read_again(source):
    source.quotas(QUEUES, RESOURCES)
    write(source, '[[rules]]\nper = "user"\nresources = 1\n')
    assert most(source.quotas(QUEUES, RESOURCES)) == 1


def test_a_broken_file_is_told_once_and_the_rules_before_it_stay(source, caplog):
    source.quotas(QUEUES, RESOURCES)
    write(source, "[[rules]]\nresources = 'many'\n")
    for _ in range(3):
        assert most(source.quotas(QUEUES, RESOURCES)) == 4
    (told,) = caplog.messages
    assert str(source.file) in told
    assert told.endswith("; the rules before it stay")
    assert source.problem


def test_the_rules_before_a_broken_file_follow_the_number_of_resources(source, caplog):
    source.quotas(QUEUES, RESOURCES)
    write(source, "[[rules]]\nresources = 'many'\n")
    source.quotas(QUEUES, RESOURCES)
    assert most(source.quotas(QUEUES, RESOURCES[:3])) == 3
    assert len(caplog.messages) == 1


def test_a_mended_file_is_no_problem_any_more(source):
    write(source, "[[rules]]\nresources = 'many'\n")
    assert source.quotas(QUEUES, RESOURCES) is None
    write(source, '[[rules]]\nper = "user"\nresources = 2\n')
    assert (most(source.quotas(QUEUES, RESOURCES)), source.problem) == (2, "")


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_at_the_start_leaves_rounds_without_quotas(source, caplog, content):
    source.file.unlink()
    if content is not None:
        source.file.write_bytes(content)
    assert source.quotas(QUEUES, RESOURCES) is None
    assert source.quotas(QUEUES, RESOURCES) is None
    (told,) = caplog.messages
    assert told.startswith(str(source.file))
    assert told.endswith("; there are no quotas until it is mended")


def test_without_the_key_nothing_is_read(source, caplog):
    source.settings = QuotaSettings(file="gone.toml")
    with caplog.at_level(logging.DEBUG):
        assert source.quotas(QUEUES, RESOURCES) is None
    assert caplog.messages == []


def test_without_the_key_queues_with_a_quota_scheduler_of_oar_2_are_limited(source):
    source.settings = QuotaSettings(file="quotas.toml")
    assert source.quotas((*QUEUES, OAR2_QUEUE), RESOURCES).queues == {"slow"}


def test_what_the_settings_say_of_the_calendar_is_passed_on(source):
    source.settings = replace(source.settings, window_s=7, ahead_s=5)
    site = source.quotas(QUEUES, RESOURCES)
    assert (site.window_s, site.ahead_s) == (7, 5)


def test_a_metascheduler_looks_for_the_file_beside_its_configuration(tmp_path):
    settings = Settings(quotas=QuotaSettings(enabled=True, file="quotas.toml"))
    assert Metascheduler.of(settings, tmp_path / "oar.conf").quotas.file == tmp_path / "quotas.toml"
