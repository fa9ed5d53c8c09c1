"""What oar.conf may say, and what is answered when it says something else."""

import re
from pathlib import Path

import pytest

from oar.config import BadValue, known_keys, load_settings
from oar.errors import ConfigurationError
from oar.setting_kinds import ByQueue, Pools, Targets

SHIPPED = Path(__file__).parents[3] / "etc" / "oar.conf"


@pytest.fixture
def conf(tmp_path):
    def write(text):
        file = tmp_path / "oar.conf"
        file.write_text(text)
        return file

    return write


def test_a_value_may_be_quoted_bare_or_followed_by_a_comment(conf):
    settings, warnings = load_settings(
        conf("DB_HOSTNAME=\"db\"  # where\nDB_BASE_NAME='o#r'\n  SERVER_PORT = 7000 # text\n")
    )
    assert (settings.database.host, settings.database.name, settings.server.text_port) == ("db", "o#r", 7000)
    assert warnings == []


def test_the_later_of_two_lines_wins(conf):
    settings, _ = load_settings(conf("DB_PORT=1\nDB_PORT=2\n"))
    assert settings.database.port == 2


def test_a_command_is_split_into_arguments_as_a_shell_would(conf):
    settings, _ = load_settings(conf("OPENSSH_CMD=\"ssh -o 'User oar' -p 22\"\n"))
    assert settings.nodes.ssh == ("ssh", "-o", "User oar", "-p", "22")


def test_an_unknown_key_warns_and_names_the_nearest_one(conf):
    _, warnings = load_settings(conf("\nDB_HOSTNAM=x\n"))
    assert len(warnings) == 1
    assert re.search(r"oar\.conf:2: unknown key DB_HOSTNAM, ignored, did you mean DB_HOSTNAME\?", warnings[0])


def test_a_line_that_is_no_assignment_warns(conf):
    _, warnings = load_settings(conf("source /etc/other\n"))
    assert "oar.conf:1: ignored" in warnings[0]


@pytest.mark.parametrize(
    ("line", "right"),
    [
        ("SERVER_PORT=abc", "a whole number"),
        ("SERVER_PORT=0", "at least 1"),
        ("SERVER_PORT=70000", "at most 65535"),
        ("SCHEDULER_CHECK_PLANS=maybe", '"yes" or "no"'),
        ("DB_TYPE=mysql", "one of Pg"),
        ("SCHEDULER_MIN_TIME_BETWEEN_2_CALLS=nan", "a number"),
        ('OPENSSH_CMD="ssh \'x"', "balanced quotes"),
    ],
)
def test_a_bad_value_names_file_line_key_and_what_would_be_right(conf, line, right):
    with pytest.raises(BadValue) as caught:
        load_settings(conf("# first\n" + line + "\n"))
    key = line.split("=")[0]
    assert re.search(rf"oar\.conf:2: {key}=", str(caught.value))
    assert right in str(caught.value)


def test_an_open_quote_is_refused(conf):
    with pytest.raises(ConfigurationError, match=r"oar\.conf:1: DB_HOSTNAME: the quote \" is not closed"):
        load_settings(conf('DB_HOSTNAME="x\n'))


def test_a_missing_file_says_which_variable_names_it(tmp_path):
    with pytest.raises(ConfigurationError, match="OARCONFFILE"):
        load_settings(tmp_path / "none")


def test_the_shipped_file_has_no_warning_and_means_the_defaults():
    settings, warnings = load_settings(SHIPPED)
    assert warnings == []
    assert settings.database.host == "127.0.0.1"


@pytest.mark.parametrize("key", sorted(known_keys()))
def test_every_key_that_is_read_is_documented_with_its_default(key):
    lines = SHIPPED.read_text().splitlines()
    found = [n for n, line in enumerate(lines) if re.match(rf"#?{key}=", line)]
    assert len(found) == 1, f"etc/oar.conf documents {key} {len(found)} times"
    above = lines[found[0] - 1]
    assert above.startswith("# ") or re.match(r"#?[A-Z_]+=", above), f"nothing explains {key}"
    assert lines[found[0]].split("=", 1)[1] == f'"{_spelled(known_keys()[key])}"'


def test_every_key_that_is_documented_is_read():
    documented = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", SHIPPED.read_text(), re.MULTILINE))
    assert documented == set(known_keys())


def _spelled(default):
    if isinstance(default, tuple):
        return " ".join(default)
    if isinstance(default, bool):
        return "yes" if default else "no"
    return f"{default:g}" if isinstance(default, float) else str(default)


@pytest.mark.parametrize(
    "value",
    [
        '"{first => 75, default => 25}"',
        "\"{'first' => '75.0', 'default', 2.5e1,}\"",
        """'{"first": 75, "default": "25"}'""",
    ],
)
def test_targets_of_fair_sharing_are_read_as_perl_or_json_with_numbers_in_any_spelling(conf, value):
    settings, _ = load_settings(conf(f"SCHEDULER_FAIRSHARING_PROJECT_TARGETS={value}\n"))
    assert settings.order.project_targets == Targets((("first", 75.0), ("default", 25.0)))


@pytest.mark.parametrize("text", ["{first => much}", "{first => nan}", "{first => -1}", "first => 75"])
def test_targets_that_are_no_shares_are_refused(conf, text):
    with pytest.raises(BadValue, match="shares in percent by name, such as"):
        load_settings(conf(f'SCHEDULER_FAIRSHARING_USER_TARGETS="{text}"\n'))


@pytest.mark.parametrize(("text", "bound"), [("", 0), ("0", 0), ("12", 12)])
def test_a_bound_may_be_empty_which_means_that_there_is_none(conf, text, bound):
    settings, _ = load_settings(conf(f'SCHEDULER_FAIRSHARING_MAX_JOB_PER_USER="{text}"\n'))
    assert settings.order.jobs_per_user == bound


@pytest.mark.parametrize("text", ["[1]", "{a: 1}", "x"])
def test_the_configuration_of_an_own_order_has_to_be_a_json_object(conf, text):
    with pytest.raises(BadValue, match="a JSON object in single quotes"):
        load_settings(conf(f"CUSTOM_JOB_SORTING_CONFIG='{text}'\n"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7200", ByQueue(7200.0)),
        ("-1", ByQueue(-1.0)),
        ("0.5", ByQueue(0.5)),
        ("{default => 7200, _ => -1}", ByQueue(-1.0, (("default", 7200.0),))),
        ("{'default': '0.5'}", ByQueue(0.0, (("default", 0.5),))),
    ],
)
def test_a_walltime_change_is_bounded_for_all_queues_or_by_queue(conf, text, value):
    settings, _ = load_settings(conf(f'WALLTIME_MAX_INCREASE="{text}"\n'))
    assert settings.walltime.max_increase == value


def test_who_may_force_walltime_changes_is_named_for_all_queues_or_by_queue(conf):
    settings, _ = load_settings(
        conf("WALLTIME_ALLOWED_USERS_TO_FORCE=\"{'_' => '*', besteffort => '', admin => 'ann, bob'}\"\n")
    )
    users = settings.walltime.may_force
    wanted = (frozenset("*"), frozenset(), frozenset({"ann", "bob"}))
    assert (users.of("default"), users.of("besteffort"), users.of("admin")) == wanted


@pytest.mark.parametrize("text", ["much", "-2", "{default => much}", "{default => 1"])
def test_seconds_by_queue_that_are_none_are_refused(conf, text):
    with pytest.raises(BadValue, match=r"WALLTIME_INCREMENT=.*seconds, 0 or more, or -1, or a hash by queue"):
        load_settings(conf(f'WALLTIME_INCREMENT="{text}"\n'))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ()),
        ("type='default':0", (("type='default'", 0),)),
        ("cluster='a':2 & cluster='b':3", (("cluster='a'", 2), ("cluster='b'", 3))),
        ("cluster='a':2,mem>8:1", (("cluster='a'", 2), ("mem>8", 1))),
        ("host IN ('a','b'):2,name='x,y&z:1':3", (("host IN ('a','b')", 2), ("name='x,y&z:1'", 3))),
    ],
)
def test_pools_of_nodes_that_stay_awake_are_parted_as_in_oar_2_and_3(conf, text, wanted):
    settings, _ = load_settings(conf(f'ENERGY_SAVING_NODES_KEEPALIVE="{text}"'))
    assert settings.energy.pools == Pools(wanted)


@pytest.mark.parametrize("text", ["type='default'", "type='default':many", ":3", "type='default:3"])
def test_a_bad_pool_is_refused_with_an_example(conf, text):
    with pytest.raises(BadValue, match=r"ENERGY_SAVING_NODES_KEEPALIVE.*pools such as"):
        load_settings(conf(f'ENERGY_SAVING_NODES_KEEPALIVE="{text}"'))


@pytest.mark.parametrize(("nodes", "seconds"), [(1, 500), (10, 500), (11, 1000), (15, 1000), (300, 2000)])
def test_the_patience_with_nodes_that_wake_up_depends_on_how_many_there_are(conf, nodes, seconds):
    settings, _ = load_settings(conf('ENERGY_SAVING_NODE_MANAGER_WAKEUP_TIMEOUT="1:500 11:1000 21:2000"'))
    assert settings.energy.wakeup_timeout.for_nodes(nodes) == seconds


@pytest.mark.parametrize("text", ["", "soon", "1:2:3", "1:", "5:x"])
def test_a_bad_patience_is_refused_with_an_example(conf, text):
    with pytest.raises(BadValue, match="pairs of nodes and seconds"):
        load_settings(conf(f'ENERGY_SAVING_NODE_MANAGER_WAKEUP_TIMEOUT="{text}"'))


def test_the_mode_of_oar_3_is_taken_and_another_refused(conf):
    load_settings(conf('ENERGY_SAVING_MODE="metascheduler_decision_making"'))
    with pytest.raises(BadValue, match="metascheduler_decision_making"):
        load_settings(conf('ENERGY_SAVING_MODE="batsim_scheduler_proxy_decision_making"'))
