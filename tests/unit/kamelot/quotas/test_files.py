"""The three kinds of files of quotas: what they mean, and what is answered when they say something else."""

import json
import re
import subprocess
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from oar.core.states import NodeState
from oar.errors import ConfigurationError
from oar.kamelot.quotas import (
    BadQuotas,
    Choice,
    FileKind,
    Quotas,
    count_all,
    file_to_read,
    kind_of,
    read_quotas,
)
from tests.unit.kamelot.build import resource
from tests.unit.kamelot.quotas.build import HOUR_S, Someone

PARIS = ZoneInfo("Europe/Paris")
ETC = Path(__file__).parents[4] / "etc"
PAGE = Path(__file__).parents[4] / "docs" / "quotas.md"


def limits(quotas: Quotas) -> dict[str, tuple]:
    return {
        str(rule.key): (rule.limits.resources, rule.limits.jobs, rule.limits.work_s)
        for rule in quotas.plain.rules
    }


def perl(text: str) -> Quotas:
    return read_quotas(text, "scheduler_quotas.conf", 100, PARIS)


def oar3(content: object) -> Quotas:
    text = content if isinstance(content, str) else json.dumps(content, indent=1)
    return read_quotas(text, "quotas.json", 100, PARIS)


def toml(text: str) -> Quotas:
    return read_quotas(text, "quotas.toml", 100, PARIS)


def at(quotas: Quotas, date: str) -> str:
    """Tell the name of the rules at a date in Paris."""
    return quotas.at(int(datetime.fromisoformat(date).replace(tzinfo=PARIS).timestamp())).rules.name


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("/etc/oar/scheduler_quotas.conf", FileKind.PERL),
        ("/etc/oar/quotas.pl", FileKind.PERL),
        ("/etc/oar/quotas", FileKind.PERL),
        ("/etc/oar/quotas_conf.JSON", FileKind.JSON),
        ("quotas.toml", FileKind.TOML),
    ],
)
def test_the_end_of_the_name_tells_the_kind_of_file(file, kind):
    assert kind_of(file) is kind


@pytest.mark.parametrize(
    ("named", "file"),
    [
        ("", "/etc/oar/scheduler_quotas.conf"),
        ("quotas.toml", "/etc/oar/quotas.toml"),
        ("/srv/quotas.json", "/srv/quotas.json"),
    ],
)
def test_the_file_is_looked_for_beside_oar_conf(named, file):
    assert file_to_read(named, "/etc/oar/oar.conf") == file


@pytest.mark.parametrize(("mode", "count"), [("default_not_dead", 3), ("default", 2)])
def test_all_counts_resources_of_type_default(mode, count):
    states = [NodeState.ALIVE, NodeState.ABSENT, NodeState.SUSPECTED, NodeState.DEAD]
    resources = [resource(number, {}, state) for number, state in enumerate(states)]
    licence = replace(resources[0], type="licence")
    assert count_all([*resources, licence], mode) == count


# OAR 2's Perl


def test_a_perl_file_has_comments_quotes_and_lists_of_one_to_three_limits():
    quotas = perl("""
        # $Gantt_quotas->{'*'}->{'*'}->{'*'}->{'commented'} = [1,1,1];
        $Gantt_quotas->{'*'}->{'*'}->{'*'}->{'/'} = [10, -1, 0.5]; # to each
        $Gantt_quotas -> { "default" } {'my project'}{ besteffort }->{john}=[ 100 , 2 ] ;
        $Gantt_quotas->{'*'}{'*'}{'*'}{'it\\'s'} =
            [ 1_000,
              -1, # no limit
              2.5e1, ];
        $Gantt_quotas->{a}{b}{c}{d} = 7; $Gantt_quotas->{a}{b}{c}{e} = -1;
        1;
    """)
    assert limits(quotas) == {
        "*,*,*,/": (10, None, 1800),
        "default,my project,besteffort,john": (100, 2, None),
        "*,*,*,it's": (1000, None, 25 * HOUR_S),
        "a,b,c,d": (7, None, None),
        "a,b,c,e": (None, None, None),
    }
    assert quotas.plain.choice is Choice.EVERY


def test_of_two_perl_lines_for_the_same_jobs_the_later_holds():
    line = "$Gantt_quotas->{'*'}->{'*'}->{'*'}->{'*'} = [%d];\n"
    assert limits(perl(line % 1 + line % 2)) == {"*,*,*,*": (2, None, None)}


def test_an_empty_perl_file_has_no_rules():
    assert limits(perl("# nothing\n")) == {}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("use strict;", "expected $Gantt_quotas->{'queue'}"),
        ("my $x = 1;", 'found "my $x = 1;"'),
        ("system('rm');", "expected $Gantt_quotas->"),
        ("$Gantt_quotas{a}{b}{c}{d} = 1;", 'expected "->" after $Gantt_quotas'),
        ("$Gantt_quotas->{a}{b}{c} = 1;", "expected four names in braces"),
        ("$Gantt_quotas->{a}{b}{c}{d}{e} = 1;", "expected four names in braces"),
        ("$Gantt_quotas->{a}{b}{c}{$x} = 1;", "expected four names in braces"),
        ('$Gantt_quotas->{a}{b}{c}{"@x"} = 1;', "expected four names in braces"),
        ("$Gantt_quotas->{a}{b}{'/'}{d} = 1;", 'rule "a,b,/,d": "/" is not possible for the type'),
        ("$Gantt_quotas->{a}{b}{''}{d} = 1;", "an empty name"),
        ("$Gantt_quotas->{a}{b}{c}{d} = [1,2,3,4];", "expected at most three limits"),
        ("$Gantt_quotas->{a}{b}{c}{d} = [];", "expected a number"),
        ("$Gantt_quotas->{a}{b}{c}{d} = [1,-2,3];", 'rule "a,b,c,d": jobs: expected a number of at least 0'),
        ("$Gantt_quotas->{a}{b}{c}{d} = 010;", "expected a number"),  # eight, for Perl
        ("$Gantt_quotas->{a}{b}{c}{;} = 10;", "expected four names in braces"),
        ("$Gantt_quotas->{a}{b}{c}{d} = 10*24;", 'expected ";" after the limits'),
        ("$Gantt_quotas->{a}{b}{c}{d} = [1 2];", 'expected ","'),
        ("$Gantt_quotas->{a}{b}{c}{d} [1];", 'expected "=" after the names'),
        ("$Gantt_quotas->{a}{b}{c}{d} = [1]", 'expected ";" after the limits'),
    ],
)
def test_anything_else_in_a_perl_file_is_refused_with_its_line(line, problem):
    with pytest.raises(BadQuotas) as caught:
        perl("# first\n\n" + line + "\n\n# last\n")
    assert str(caught.value).startswith("scheduler_quotas.conf:3: ")
    assert problem in str(caught.value)


def test_perl_reads_the_same_from_the_example():
    text = (ETC / "scheduler_quotas.conf").read_text()
    program = """
        our $Gantt_quotas; eval join("", <STDIN>); die $@ if $@; my $q = $Gantt_quotas;
        for my $a (keys %$q) { for my $b (keys %{$q->{$a}}) { for my $c (keys %{$q->{$a}{$b}}) {
        for my $d (keys %{$q->{$a}{$b}{$c}}) { my $l = $q->{$a}{$b}{$c}{$d};
        print join("\\t", "$a,$b,$c,$d", ref $l ? @$l : $l), "\\n"; } } } }
    """
    told = subprocess.run(["perl", "-e", program], input=text, capture_output=True, text=True, check=True)
    lines = dict(line.split("\t", 1) for line in told.stdout.splitlines())
    assert lines
    for key, (resources, jobs, work_s) in limits(perl(text)).items():
        amounts = [-1 if amount is None else amount for amount in (resources, jobs, work_s)]
        amounts[2] = amounts[2] / HOUR_S if amounts[2] > 0 else amounts[2]
        told_amounts = [float(word) for word in lines.pop(key).split("\t")]
        assert amounts == told_amounts + [-1] * (3 - len(told_amounts))
    assert lines == {}


# OAR 3's JSON


def test_q1_all_and_shares_of_it_are_resources_and_texts_may_be_numbers():
    quotas = oar3(
        {"quotas": {"*,*,*,john": [100, "ALL", "0.5*ALL"], "*,projA,*,*": ["34.5", "ALL", "2*ALL"]}}
    )
    assert limits(quotas) == {"*,*,*,john": (100, 100, 180000), "*,projA,*,*": (34, 100, 720000)}
    assert quotas.plain.choice is Choice.ONE


def test_parts_of_a_decimal_share_are_not_lost():
    assert limits(oar3({"quotas": {"*,*,*,*": ["0.29*ALL", -1, "4.35"]}}))["*,*,*,*"] == (29, None, 15660)


def test_job_types_of_a_json_file_are_those_that_count():
    wanted = {"quotas": {"*,*,yop,*": [1, -1, -1], "*,*,nop,*": [1, -1, -1]}, "job_types": ["yop"]}
    plain = oar3(wanted).plain
    assert len(plain.applying(Someone(types={"yop": ""}))) == 1
    assert plain.applying(Someone(types={"nop": ""})) == ()


CALENDAR = {
    "periodical": [
        ["08:00-19:00 mon-fri * *", "workday", "workdays"],
        ["* * * *", "other", "default"],
    ],
    "oneshot": [["2026-07-23 19:30", "2026-08-29 8:30", "holiday", "summer"]],
    "workday": {"*,*,*,/": ["0.1*ALL", -1, -1]},
    "other": {"*,*,*,/": ["ALL", -1, -1]},
    "holiday": {"*,*,*,/": [1, -1, -1]},
}


def test_a_json_calendar_is_in_local_time():
    quotas = oar3(CALENDAR)
    assert at(quotas, "2026-11-20 07:59:59") == "other"
    assert at(quotas, "2026-11-20 08:00") == "workday"
    assert at(quotas, "2026-11-21 08:00") == "other"
    assert at(quotas, "2026-07-23 19:29:59") == "other"
    assert at(quotas, "2026-07-23 19:30") == "holiday"
    assert at(quotas, "2026-08-29 08:29:59") == "holiday"
    assert at(quotas, "2026-08-29 08:30") == "other"


def test_all_is_known_to_the_rules_of_a_calendar():
    rules = oar3(CALENDAR).at(int(datetime(2026, 11, 20, 9, tzinfo=PARIS).timestamp())).rules
    assert rules.rules[0].limits.resources == 10


def test_where_no_period_applies_the_plain_rules_hold():
    wanted = {"periodical": [["* mon * *", "monday"]], "monday": {}, "quotas": {}}
    assert at(oar3(wanted), "2026-11-24 12:00") == "quotas"


def test_without_plain_rules_nothing_is_limited_where_no_period_applies():
    wanted = {"periodical": [["* mon * *", "monday"]], "monday": {"*,*,*,*": [1, -1, -1]}}
    quotas = oar3(wanted)
    date = int(datetime(2026, 11, 24, 12, tzinfo=PARIS).timestamp())
    assert quotas.at(date).rules.applying(Someone()) == ()


def test_the_word_default_fills_the_gaps_even_when_it_comes_first():
    wanted = {"periodical": [["default", "other"], ["* mon * *", "monday"]], "monday": {}, "other": {}}
    assert [at(oar3(wanted), f"2026-11-{day} 12:00") for day in (23, 24)] == ["monday", "other"]


def test_plain_rules_hold_always_when_there_is_no_calendar():
    assert oar3({"quotas": {}, "periodical": []}).calendar is None


PLAIN = {"quotas": {"*,*,*,*": [1, -1, -1]}}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"quotas": {},\n "x": {},}', "quotas.json:2: no JSON: "),
        ("[]", "expected an object"),
        ('{\n"quotas": 3}', "quotas.json:2: quotas: expected an object of rules"),
        (
            {"quotas": {"*,*,*": [1, 1, 1]}},
            'quotas.json:3: quotas: rule "*,*,*": expected "queue,project,type,user"',
        ),
        ({"quotas": {"*,*,*,*": [1, 1]}}, "expected three limits [resources, jobs, resource-hours]"),
        ({"quotas": {"*,*,*,*": 1}}, "expected three limits"),
        ({"quotas": {"*,*,*,*": [1, "x", 1]}}, 'rule "*,*,*,*": jobs: expected a number'),
        ({"quotas": {"*,*,*,*": [1, 1, True]}}, "resource-hours: expected a number"),
        ({"quotas": {"*,*,*,*": ["nan", 1, 1]}}, "resources: expected a number"),
        ({"quotas": {"*,*,*,*": [-5, 1, 1]}}, "-1 for no limit"),
        ({"quotas": {"*,*,/,*": [1, 1, 1]}}, '"/" is not possible for the type'),
        ({"job_types": "yop"}, "quotas.json:2: job_types: expected a list"),
        ({"periodicals": []}, 'only "job_types", "periodical" and "oneshot" are something else'),
        ({**PLAIN, "periodical": {}}, "periodical: expected a list"),
        ({**PLAIN, "periodical": [["* * * *"]]}, "periodical 1: expected [period, rules, description]"),
        ({**PLAIN, "periodical": [["* mon * *", "day"]]}, 'no rules "day" in the file, only: "quotas"'),
        ({**PLAIN, "periodical": [["* mon 3 *", "quotas"]]}, 'expected hours, days, "*", "*"'),
        ({**PLAIN, "periodical": [["* lundi * *", "quotas"]]}, 'periodical 1: days "lundi": expected'),
        ({**PLAIN, "periodical": [["8-19 * * *", "quotas"]]}, 'hours "8-19": expected'),
        ({**PLAIN, "periodical": [["25:00-26:00 * * *", "quotas"]]}, 'hours "25:00-26:00": expected'),
        ({**PLAIN, "periodical": [["24:00-02:00 * * *", "quotas"]]}, 'hours "24:00-02:00": expected'),
        ({**PLAIN, "periodical": [["08:00-08:00 * * *", "quotas"]]}, 'write "*" for the whole day'),
        (
            {**PLAIN, "oneshot": [["2026-07-23", "quotas"]]},
            "oneshot 1: expected [begin, end, rules, description]",
        ),
        (
            {**PLAIN, "oneshot": [["soon", "2026-07-23 00:00", "quotas"]]},
            'expected a date such as "2026-07-23 19:30"',
        ),
        ({**PLAIN, "oneshot": [["2026-07-23", "2026-07-23 00:00", "quotas"]]}, "is not after the begin"),
    ],
)
def test_a_bad_json_file_is_refused_with_what_would_be_right(content, problem):
    with pytest.raises(BadQuotas) as caught:
        oar3(content)
    assert problem in str(caught.value)
    assert "quotas.json" in str(caught.value)


# our TOML


def test_a_toml_rule_is_for_all_together_for_each_or_for_those_named():
    quotas = toml("""
        [[rules]]
        jobs = 500

        [[rules]]
        name = "fair use"
        per = ["user", "queue"]
        resources = "50%"
        hours = 1.5

        [[rules]]
        project = "alpha"
        type = "deploy"
        user = ["john", "mary"]
        resources = "all"
        jobs = "none"
    """)
    assert limits(quotas) == {
        "*,*,*,*": (None, 500, None),
        "/,*,*,/": (50, None, 5400),
        "*,alpha,deploy,john": (100, None, None),
        "*,alpha,deploy,mary": (100, None, None),
    }
    assert quotas.plain.choice is Choice.EVERY
    assert str(quotas.plain.rules[1]) == "fair use (/,*,*,/)"


def test_a_toml_file_may_choose_one_rule_and_which_types_count():
    quotas = toml('choice = "one"\njob_types = ["yop"]\n[[rules]]\njobs = 1\n')
    assert (quotas.plain.choice, quotas.plain.job_types) == (Choice.ONE, ("yop",))


def test_a_toml_calendar_has_days_hours_and_dates():
    quotas = toml("""
        [[rules]]
        jobs = 1

        [[weekly]]
        days = "mon-fri"
        hours = "08:00-19:00"
        use = "day"

        [[weekly]]
        days = "sat,sun"
        use = "weekend"

        [[once]]
        begin = 2026-11-20 12:00:00
        end = "2026-11-20 13:00"
        use = "lunch"

        [[once]]
        begin = 2026-12-24
        end = 2026-12-26
        use = "weekend"

        [[sets.day]]
        jobs = 2
        [[sets.weekend]]
        jobs = 3
        [[sets.lunch]]
        jobs = 4
    """)
    dates = {
        "2026-11-20 07:59": "rules",
        "2026-11-20 08:00": "day",
        "2026-11-20 12:59:59": "lunch",
        "2026-11-20 13:00": "day",
        "2026-11-20 19:00": "rules",
        "2026-11-21 00:00": "weekend",
        "2026-12-23 23:59:59": "rules",
        "2026-12-24 00:00": "weekend",
        "2026-12-26 12:00": "weekend",
    }
    assert {date: at(quotas, date) for date in dates} == dates


RULE = "[[rules]]\njobs = 1\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a = = 1", "quotas.toml:1: no TOML"),
        ('choice = "two"', 'quotas.toml:1: choice: expected "every" or "one", not "two"'),
        ("rule = 1", 'the file: unknown key "rule", expected one of choice'),
        ("job_types = 3", "job_types: expected a name or a list of names"),
        ("rules = 3", "rules: expected tables that begin with [[rules]]"),
        ("rules = [3]", "rules 1: expected a table"),
        ("sets = 3", "[[sets.<name>]]"),
        (RULE + RULE, 'quotas.toml:3: rules 2: another rule above is for the same jobs ("*,*,*,*")'),
        ("[[rules]]\n", "quotas.toml:1: rules 1: expected a limit"),
        ("[[rules]]\nusers = 'a'\njobs = 1", 'rules 1: unknown key "users"'),
        ("[[rules]]\njobs = 'many'", "rules 1: jobs: expected a number"),
        ("[[rules]]\nname = 3\njobs = 1", "rules 1: name: expected a text"),
        ("[[rules]]\nper = 'type'\njobs = 1", "per: expected some of queue, project, user"),
        ("[[rules]]\nper = 'user'\nuser = 'a'\njobs = 1", "leave one out"),
        ("[[rules]]\nuser = 3\njobs = 1", "rules 1: user: expected a name or a list of names"),
        ("[[rules]]\ntype = '/'\njobs = 1", '"/" is not possible for the type'),
        ("[[weekly]]\ndays = 'mon'", 'quotas.toml:1: weekly 1: "use" is missing'),
        ("[[weekly]]\ndays = 'mon'\nuse = 'x'", 'weekly 1: there are no rules "x" in the file, only: none'),
        ("[[weekly]]\ndays = 1\nuse = 'x'", "weekly 1: days: expected a text"),
        ("[[once]]\nbegin = 2026-01-01\nuse = 'x'", 'once 1: "end" is missing'),
        ("[[once]]\nbegin = 1\nend = 2\nuse = 'x'\n[[sets.x]]\njobs = 1", "expected a date such as"),
    ],
)
def test_a_bad_toml_file_is_refused_with_what_would_be_right(text, problem):
    with pytest.raises(BadQuotas) as caught:
        toml(text)
    assert problem in str(caught.value)
    assert "quotas.toml" in str(caught.value)


def test_a_bad_file_is_an_error_of_the_configuration():
    with pytest.raises(ConfigurationError):
        toml("rule = 1")


@pytest.mark.parametrize("file", ["scheduler_quotas.conf", "quotas.json", "quotas.toml"])
def test_the_examples_that_come_with_oar_can_be_read(file):
    assert read_quotas((ETC / file).read_text(), file, 100, PARIS).plain.rules


@pytest.mark.parametrize(("language", "file"), [("toml", "x.toml"), ("json", "x.json"), ("perl", "x.conf")])
def test_what_the_page_on_quotas_shows_can_be_read(language, file):
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    quotas = read_quotas("\n".join(blocks), file, 100, PARIS)
    assert quotas.plain.rules
    assert (quotas.calendar is None) == (language == "perl")
