"""The grammar of resource requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oar.core.job import ALL, BEST, HALF, Alternative, Group, Level, Request
from oar.core.request import ONE_RESOURCE, RequestSyntax, format_groups, format_request, parse_request
from oar.errors import ExitCode


def parse(text: str, default: Request | None = None) -> tuple[Request, int | None]:
    asked = parse_request(text, "network_address", default or ONE_RESOURCE)
    assert asked.least_walltime_s is None
    return asked.request, asked.walltime_s


def one_group(condition: str, **levels: int) -> Request:
    return Request((Group(condition, tuple(Level(name, count) for name, count in levels.items())),))


def test_a_path_is_read_from_the_outermost_level_in() -> None:
    assert parse("/host=2/cpu=1/core=3") == (one_group("", host=2, cpu=1, core=3), None)


def test_the_first_slash_may_be_left_out() -> None:
    assert parse("host=2/cpu=1") == parse("/host=2/cpu=1")


def test_nodes_stands_for_the_property_of_the_configuration() -> None:
    assert parse("nodes=4,walltime=2:00:00") == (one_group("", network_address=4), 7200)


def test_hours_alone_are_a_walltime() -> None:
    assert parse("core=12,walltime=2")[1] == 7200


def test_two_walltimes_are_the_least_and_the_most() -> None:
    expected = Alternative(one_group("", network_address=2), 14400, least_walltime_s=5400)
    assert parse_request("nodes=2,walltime=1:30-4:0:0", "network_address") == expected


def test_blanks_around_the_two_walltimes_do_not_count() -> None:
    found = parse_request("walltime = 1:30 - 4 ", "network_address")
    assert (found.least_walltime_s, found.walltime_s) == (5400, 14400)


def test_two_equal_walltimes_are_one() -> None:
    assert parse("core=1,walltime=2-2:0:0")[1] == 7200


def test_blanks_around_the_pieces_do_not_count() -> None:
    assert parse(" { a = 1 } / host = 2 / core = 1 , walltime = 1:30 ") == parse(
        "{a = 1}/host=2/core=1,walltime=1:30"
    )


def test_groups_are_joined_by_a_plus() -> None:
    request, walltime = parse("{mem > 64}/host=1+{mem < 48}/host=3,walltime=1")
    assert request.groups == (Group("mem > 64", (Level("host", 1),)), Group("mem < 48", (Level("host", 3),)))
    assert walltime == 3600


def test_groups_are_joined_by_a_comma_too() -> None:
    assert parse("host=1,gpu=1,walltime=1") == parse("host=1+gpu=1,walltime=1")


def test_commas_pluses_and_slashes_inside_a_filter_belong_to_it() -> None:
    condition = "host in ('a','b') and mem/2 + 1 > 3"
    assert parse(f"{{{condition}}}/host=1") == (one_group(condition, host=1), None)


def test_a_brace_inside_an_sql_string_does_not_close_the_filter() -> None:
    assert parse("{name = 'a}b'}/host=1") == (one_group("name = 'a}b'", host=1), None)


@pytest.mark.parametrize("condition", ["name = E'a\\'}b'", "name = $$a}b$$", '"odd}name" = 1'])
def test_nor_does_a_brace_in_any_other_string_of_sql(condition: str) -> None:
    assert parse(f"{{{condition}}}/host=1") == (one_group(condition, host=1), None)


@pytest.mark.parametrize(
    ("word", "count"), [("ALL", ALL), ("BEST", BEST), ("BESTHALF", HALF), ("HALF_BEST", HALF)]
)
def test_words_may_stand_for_a_count(word: str, count: int) -> None:
    assert parse(f"nodes={word}") == (one_group("", network_address=count), None)


def test_a_walltime_alone_takes_the_default_request() -> None:
    assert parse("walltime=4", one_group("", core=2)) == (one_group("", core=2), 14400)


def test_a_filter_alone_takes_the_levels_of_the_default_request() -> None:
    assert parse("{mem > 64}", one_group("", core=2)) == (one_group("mem > 64", core=2), None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "resource request '': nothing stands where a level should"),
        ("nodes", "'nodes'"),
        ("nodes=", "'nodes='"),
        ("nodes=two", "'nodes=two'"),
        ("nodes=0", "'nodes=0': the count is at least 1"),
        ("nodes=-1", "'nodes=-1'"),
        ("nodes=1.5", "'nodes=1.5'"),
        ("nodes=4294967296", "'nodes=4294967296'"),
        ("/nodes=1//core=1", "resource request '/nodes=1//core=1': nothing stands where a level should"),
        ("nodes=1/", "nothing stands where a level should"),
        ("nodes=1++core=1", "nothing stands where a level should"),
        ("nodes=1,walltime=", "walltime: duration ''"),
        ("nodes=1,walltime=1h", "duration '1h'"),
        ("nodes=1,walltime=0", "longer than 0"),
        ("nodes=1,walltime=4-1", "'walltime=4-1': the least walltime comes first, then the most, as in 1-4"),
        ("nodes=1,walltime=-1", "walltime '-1' is not understood; write one, or least-most as in 1:0-4:30"),
        ("nodes=1,walltime=1-", "walltime '1-' is not understood; write one, or least-most as in 1:0-4:30"),
        ("nodes=1,walltime=1-2-3", "walltime '1-2-3' is not understood; write one, or least-most"),
        ("nodes=1,walltime=0-4", "'walltime=0-4' leaves no time at all; a walltime is longer than 0"),
        ("nodes=1,walltime=1-4h", "walltime: duration '4h' is not understood"),
        ("walltime=1,nodes=1", "'walltime=1': the walltime comes once, at the end"),
        ("nodes=1/walltime=1", "the walltime comes once"),
        ("core=1/core=2", "'core' twice"),
        ("nodes=1/network_address=2", "'network_address' twice"),
        ("{mem > 64/host=1", "'{' is never closed"),
        ("{a = 'x}/host=1", "or a quote in it is not"),
        ("{a=1}{b=1}/host=1", "'{b=1}'"),
        ("{}", "nothing stands where a level should"),
        ("host;drop=1", "'host;drop=1'"),
    ],
)
def test_what_is_not_understood_is_named(text: str, told: str) -> None:
    with pytest.raises(RequestSyntax) as caught:
        parse(text)
    assert told in str(caught.value)


def test_a_request_that_is_not_understood_ends_the_command_as_in_oar_2() -> None:
    assert RequestSyntax.exit_code == ExitCode.BAD_RESOURCE_REQUEST == 18


def test_a_request_is_shown_as_oar_2_shows_it() -> None:
    request, walltime = parse("{type = 'default'}nodes=ALL/core=2+gpu=BESTHALF,walltime=1:30")
    assert walltime is not None
    expected = "-l \"{type = 'default'}/network_address=ALL/core=2+/gpu=BESTHALF,walltime=1:30:0\""
    assert format_request(request, walltime) == expected


def test_a_request_with_two_walltimes_is_shown_as_it_is_asked_for() -> None:
    assert format_request(one_group("", core=2), 14400, 5400) == '-l "/core=2,walltime=1:30:0-4:0:0"'


filters = st.sampled_from(["", "mem > 64", "a = 'x}y'", "c in ('1','2') or d + 1 = 2"])
counts = st.one_of(st.integers(min_value=1, max_value=10_000), st.sampled_from([ALL, BEST, HALF]))
paths = st.dictionaries(st.sampled_from(["host", "cpu", "core", "gpu_2"]), counts, min_size=1)
groups = st.builds(
    lambda condition, path: Group(condition, tuple(Level(name, count) for name, count in path.items())),
    filters,
    paths,
)


@given(st.lists(groups, min_size=1, max_size=3))
def test_a_request_that_was_spelled_reads_back_as_itself(some: list[Group]) -> None:
    request = Request(tuple(some))
    assert parse(format_groups(request)) == (request, None)


@given(st.text(alphabet="{}'/=+,walltime=12nodescore \"ALL:-", max_size=30))
def test_no_text_at_all_gets_past_the_grammar_with_another_error(text: str) -> None:
    try:
        asked = parse_request(text, "network_address")
    except RequestSyntax:
        return
    assert all(group.levels for group in asked.request.groups)
    assert asked.walltime_s is None or asked.walltime_s > (asked.least_walltime_s or 0)
