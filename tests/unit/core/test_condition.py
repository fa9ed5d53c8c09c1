import pytest

from oar.core.condition import BadFilter, check_condition, conjuncts


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "mem > 64",
        "host = 'a;b' AND (cpu = 1 OR cpu = 2)",
        "host = 'it''s (one) -- name'",
        "host = E'a\\'b;'",
        "\"host\" LIKE 'node%'",
        "host = $$a;b$$ OR host = $x$(;$x$",
        "host ~ '^node[0-9]+$'",
        "mem - -1 > 2",
    ],
)
def test_one_condition_is_accepted(condition):
    check_condition(condition)


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("1); DROP TABLE jobs; --", "')' closes nothing"),
        ("mem > 1; DROP TABLE jobs", "';' is not allowed"),
        ("mem > 1 -- and more", "comments"),
        ("mem > 1 /* and more */", "comments"),
        ("host = 'node", "' is opened and not closed"),
        ('"host = 1', '" is opened and not closed'),
        ("host = $$node", "$$ is opened and not closed"),
        ("(mem > 1", "'(' is opened and not closed"),
        ("mem > 1) OR (1 = 1", "')' closes nothing"),
        ("host = 'a\\'; DROP TABLE jobs; --'", "';' is not allowed"),
        ("host = E'a\\\\'; DROP TABLE jobs; --'", "';' is not allowed"),
        ("host = e'\\' OR 1 = 1", "' is opened and not closed"),
        ("a$$;$$ = 1", "';' is not allowed"),
        ("a$e'\\'; DROP TABLE jobs; --'", "';' is not allowed"),
        ("\u20ace'\\'; DROP TABLE jobs; --'", "';' is not allowed"),
        ("$1$; DROP TABLE jobs; $1$", "';' is not allowed"),
    ],
)
def test_more_or_less_than_one_condition_is_refused(condition, reason):
    with pytest.raises(BadFilter) as refusal:
        check_condition(condition)
    assert reason in str(refusal.value)


def test_a_refusal_is_one_line_that_shows_the_condition():
    with pytest.raises(BadFilter) as refusal:
        check_condition("mem >\n 1;")
    assert str(refusal.value).startswith('bad condition "mem > 1;": ')
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("condition", "parts"),
    [
        ("", ()),
        ("a=1", ("a=1",)),
        ("(a=1) AND drain='NO'", ("a=1", "drain='NO'")),
        ("((a=1 and b=2)) AND (c > 1 or d < 2)", ("a=1", "b=2", "c > 1 or d < 2")),
        ("(a=1) or (b=2)", ("(a=1) or (b=2)",)),
        ("a between 1 and 3 and b=2", ("a between 1 and 3 and b=2",)),
        ("a like '%(AND' and b=1", ("a like '%(AND'", "b=1")),
    ],
)
def test_a_condition_is_taken_apart_where_and_joins_it_as_a_whole(condition, parts):
    assert conjuncts(condition) == parts
