"""Jobs placed by plugins: when these are asked, what they are told, and what becomes of their answers."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from procset import ProcSet

from oar.core.job import MoldableId, WaitingJob
from oar.kamelot import Gantt, Platform, Rules
from oar.kamelot.compiled import CompiledMoldable
from oar.kamelot.placement import Place
from oar.kamelot.plugins import BadArguments, Candidates, Choice, Openings, Plugins
from oar.kamelot.plugins.placed import Bounds, FirstAllowed
from oar.kamelot.reasons.reason import Reason
from tests.unit.kamelot.build import ids, job, nodes_of_8, taken
from tests.unit.kamelot.plugins.placing import SHIPPED, place, search_for, wants, with_assign, with_find

NOW = Bounds(0)


def told(one: WaitingJob, plugins: Plugins, bounds: Bounds = NOW) -> str:
    """Tell why a job has no place beside 1 to 8, taken until 9."""
    found = search_for(Gantt(nodes_of_8(), [taken(0, 9, "1-8")], 0), one, plugins, bounds)
    assert isinstance(found, Reason)
    return found.words()


def chosen_at(one: WaitingJob, plugins: Plugins, bounds: Bounds = NOW) -> tuple[int, int, str]:
    """Tell moldable, start and resources of a job beside 1 to 8, taken until 9."""
    platform = nodes_of_8()
    found = search_for(Gantt(platform, [taken(0, 9, "1-8")], 0), one, plugins, bounds)
    assert not isinstance(found, Reason), found.words()
    return found[0].moldable.moldable_id, found[1].start, str(platform.procset(found[1].resources))


def finds(answer: object) -> Plugins:
    return with_find(lambda _candidates: answer)


FIND = wants(1, "node=1", 60, find="site")
ASSIGN = wants(1, "node=1", 60, assign="site")


def test_a_job_that_asks_for_an_unknown_matching_plugin_is_told_which_there_are() -> None:
    names = ", ".join(sorted(SHIPPED.find))
    assert told(wants(1, "node=1", 60, find="foo"), SHIPPED) == (
        f"find=foo: there is no such matching plugin; there are {names}"
    )


def test_a_job_that_asks_for_an_unknown_search_plugin_is_told_which_there_are() -> None:
    assert told(wants(1, "node=1", 60, assign="foo:1"), SHIPPED) == (
        "assign=foo:1: there is no such search plugin; there are default, one_time_find, one_time_find_mld"
    )


def test_a_job_that_asks_for_a_plugin_where_there_are_none_is_told_so() -> None:
    assert told(FIND, Plugins()) == "find=site: there is no such matching plugin; there are none"


def test_a_job_that_asks_for_a_plugin_that_could_not_be_loaded_is_told_why() -> None:
    plugins = Plugins(broken={"find=site": "site:f: ImportError: no numpy"})
    assert told(FIND, plugins) == (
        "find=site: this matching plugin could not be loaded: site:f: ImportError: no numpy"
    )


@pytest.mark.parametrize("problem", [ZeroDivisionError("by zero"), SystemExit("by zero")])
def test_a_plugin_that_raises_costs_its_job_the_place(problem: BaseException) -> None:
    def raises(_question: object) -> None:
        raise problem

    name = type(problem).__name__
    assert told(FIND, with_find(raises)) == f"find=site: the plugin failed: {name}: by zero"
    assert told(ASSIGN, with_assign(raises)) == f"assign=site: the plugin failed: {name}: by zero"


def test_a_plugin_can_say_that_its_arguments_are_wrong() -> None:
    def raises(candidates: Candidates) -> None:
        raise BadArguments(f"{len(candidates.arguments.words)} words are too many")

    assert told(wants(1, "node=1", 60, find="site:a:b"), with_find(raises)) == (
        "find=site:a:b: 2 words are too many"
    )


def test_what_is_told_is_one_line_and_not_too_long() -> None:
    text = told(FIND, finds("x\n" * 500))
    assert "\n" not in text
    assert len(text) < 350


@pytest.mark.parametrize("answer", [[9, 10], {9}, "9-16", 9])
def test_a_matching_plugin_must_give_a_procset(answer: object) -> None:
    assert told(FIND, finds(answer)) == f"find=site: the plugin gave {answer!r}, which is no ProcSet"


@pytest.mark.parametrize("resources", ["7-10", "31-40"])
def test_a_matching_plugin_must_choose_what_is_free(resources: str) -> None:
    wrong = str(ids(resources) - ids("9-32"))
    assert told(FIND, finds(ids(resources))) == (
        f"find=site: the plugin chose what the job cannot have then: resources {wrong}"
    )


@pytest.mark.parametrize("nothing", [None, ProcSet()])
def test_a_matching_plugin_that_never_finds_anything_is_said_to(nothing: ProcSet | None) -> None:
    assert told(FIND, finds(nothing)) == "find=site: finds no place for it"


def test_where_the_request_is_too_large_for_the_platform_that_is_told_too() -> None:
    assert told(wants(1, "node=5", 60, find="contiguous"), SHIPPED) == (
        "find=contiguous: finds no place for it (asks for 5 node, 4 are there)"
    )


def test_a_broken_plugin_harms_nobody_else() -> None:
    jobs = [wants(1, "node=1", 60, find="foo"), wants(2, "node=1", 60, find="local")]
    assert place(nodes_of_8(), jobs)[1] == (0, "1-8")


def recorded(found: list[object], ask: Callable[[Candidates], object]) -> Plugins:
    def plugin(candidates: Candidates) -> None:
        found.append(ask(candidates))

    return with_find(plugin)


def test_every_window_is_asked_about_even_when_the_answers_make_no_sense() -> None:
    found: list[object] = []
    told(FIND, recorded(found, lambda candidates: str(candidates.groups[0].free)))
    assert found == ["9-32", "1-32"]


def test_a_matching_plugin_is_not_asked_the_same_twice() -> None:
    found: list[object] = []
    gantt = Gantt(nodes_of_8(), [taken(0, 9, "1-8"), taken(100, 109, "9"), taken(200, 209, "9")], 0)
    search_for(gantt, FIND, recorded(found, lambda candidates: str(candidates.groups[0].free)))
    assert found == ["9-32", "1-32", "1-8 10-32"]


def test_only_the_first_slot_is_the_beginning() -> None:
    found: list[object] = []
    told(FIND, recorded(found, lambda candidates: candidates.beginning))
    assert found == [True, False]


def test_a_matching_plugin_reads_its_arguments() -> None:
    found: list[object] = []
    one = wants(1, "node=1", 60, find="site:near:rack=2")
    told(one, recorded(found, lambda candidates: candidates.arguments))
    assert (found[0].words, dict(found[0].named)) == (("near",), {"rack": "2"})  # type: ignore[attr-defined]


def test_candidates_are_usable_and_match_the_filters_of_job_and_group() -> None:
    platform = nodes_of_8({"big": "9-32", "new": "1-20"}, suspected="12")
    found: list[object] = []
    one = job(1, ("{new}/node=1", 60), properties="big", types={"find": "site"})
    search_for(Gantt(platform, (), 0), one, recorded(found, lambda c: str(c.groups[0].free)))
    assert found == ["9-11 13-20"]


def test_candidates_know_the_blocks_of_any_property() -> None:
    found: list[object] = []
    told(FIND, recorded(found, lambda c: [str(block) for block in c.groups[0].blocks("switch")]))
    assert found[0] == ["1-16", "17-32"]


def test_candidates_tell_the_scheduling_order() -> None:
    resources = nodes_of_8().resources
    platform = Platform(resources[::-1], {})
    found: list[object] = []
    search_for(
        Gantt(platform, (), 0), FIND, recorded(found, lambda c: (c.in_order(ids("3-5")), c.rank(ids("3-5"))))
    )
    assert found == [([5, 4, 3], 27)]


def test_the_moldable_that_finishes_first_wins_with_a_matching_plugin_too() -> None:
    one = job(1, ("node=1", 90), ("node=4", 70), ("node=1", 80), types={"find": "contiguous"})
    assert chosen_at(one, SHIPPED) == (11, 10, "1-32")


def test_a_job_is_placed_where_other_limits_than_resources_allow_it() -> None:
    def allowed(_wanted: CompiledMoldable, place: Place) -> int:
        return max(place.start, 25)

    gantt = Gantt(nodes_of_8(), [taken(30, 99, "1-8")], 0)
    found = search_for(gantt, wants(1, "node=1", 5, find="contiguous"), allowed=allowed)
    assert not isinstance(found, Reason)
    assert (found[1].start, found[1].resources) == (25, nodes_of_8().mask(ids("1-8")))


def test_a_search_plugin_may_not_go_beyond_other_limits_than_resources() -> None:
    gantt = Gantt(nodes_of_8(), (), 0)
    plugins = with_assign(lambda _openings: Choice(MoldableId(10), 0, ids("1-8")))
    found = search_for(gantt, ASSIGN, plugins, allowed=lambda _wanted, _place: 25)
    assert isinstance(found, Reason)
    assert found.words() == "assign=site: the plugin chose a place that quotas do not allow"


def test_a_job_inside_a_container_is_placed_there() -> None:
    jobs = [
        wants(1, "switch=1", 100, find="contiguous", container="box"),
        wants(2, "node=1", 50, find="contiguous", inner="box"),
        wants(3, "node=2", 50, find="contiguous", inner="box"),
    ]
    assert place(nodes_of_8(), jobs) == [(0, "1-16"), (0, "1-8"), (50, "1-16")]


def test_jobs_that_share_are_placed_on_the_same_resources() -> None:
    jobs = [wants(n, "node=4", 60, find="contiguous", timesharing="*,*") for n in (1, 2)]
    assert place(nodes_of_8(), jobs) == [(0, "1-32"), (0, "1-32")]


def test_a_search_plugin_chooses_moldable_date_and_resources() -> None:
    one = job(1, ("node=4", 60), ("node=2", 90), types={"assign": "site"})
    plugins = with_assign(lambda _openings: Choice(MoldableId(11), 25, ids("5-12")))
    assert chosen_at(one, plugins) == (11, 25, "5-12")


def test_a_search_plugin_sees_the_slots_of_the_plan() -> None:
    found: list[tuple[int, int, str]] = []

    def plugin(openings: Openings) -> None:
        found.extend((slot.begin, slot.end, str(slot.free)) for slot in openings.slots())

    told(ASSIGN, with_assign(plugin), Bounds(3))
    assert found == [(3, 9, "9-32"), (10, 2**31 - 1, "1-32")]


def test_a_search_plugin_can_match_as_the_job_asks_for_it() -> None:
    def plugin(openings: Openings) -> Choice | None:
        option = openings.options[0]
        resources = SHIPPED.find["contiguous"](openings.candidates(option, 20))
        return resources and Choice(option.moldable.moldable_id, 20, resources)

    assert chosen_at(ASSIGN, with_assign(plugin)) == (10, 20, "1-8")


def test_a_search_plugin_searches_with_the_matching_plugin_of_the_job() -> None:
    one = wants(1, "resource_id=20", 60, find="contiguous", assign="one_time_find")
    assert chosen_at(one, SHIPPED) == (10, 0, "9-28")


def test_one_time_find_does_not_wait() -> None:
    assert told(wants(1, "node=4", 60, assign="one_time_find"), SHIPPED) == (
        "assign=one_time_find: finds no place for it"
    )


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Choice(MoldableId(99), 0, ids("9-16")), "chose moldable 99, which is not one of the job"),
        (Choice(MoldableId(10), 3, ids("9-16")), "chose a start 2 s too early"),
        (Choice(MoldableId(10), 41, ids("9-16")), "chose a start 1 s too late"),
        (Choice(MoldableId(10), 5, ids("1-8")), "chose what the job cannot have then: resources 1-8"),
        (Choice(MoldableId(10), 5, ProcSet()), "chose no resources"),
        (Choice(MoldableId(10), 5, [9]), "gave [9], which is no ProcSet"),  # type: ignore[arg-type]
        (Choice(MoldableId(10), 5.5, ids("9")), "chose the start 5.5, which is no whole number of seconds"),  # type: ignore[arg-type]
        ((10, 5, "9-16"), "gave (10, 5, '9-16'), which is no Choice"),
    ],
)
def test_a_search_plugin_must_give_a_place_that_the_job_can_have(answer: object, problem: str) -> None:
    text = told(ASSIGN, with_assign(lambda _openings: answer), Bounds(5, deadline=100))
    assert text == f"assign=site: the plugin {problem}"


def test_security_time_belongs_to_the_place_that_is_checked() -> None:
    gantt = Gantt(nodes_of_8(), [taken(65, 99, "1-8")], 0)
    plugins = with_assign(lambda _openings: Choice(MoldableId(10), 0, ids("1-8")))
    assert not isinstance(search_for(gantt, ASSIGN, plugins, rules=Rules(security_time_s=5)), Reason)
    assert isinstance(search_for(gantt, ASSIGN, plugins, rules=Rules(security_time_s=6)), Reason)


def test_a_job_that_only_may_start_at_one_date_starts_then_or_not_at_all() -> None:
    """What a reservation needs."""
    assert chosen_at(wants(1, "node=4", 60, find="contiguous"), SHIPPED, Bounds(50, 50))[1] == 50
    assert told(wants(1, "node=4", 60, find="contiguous"), SHIPPED, Bounds(5, 5))


def ranging(least_s: int, most_s: int, **types: str) -> WaitingJob:
    """A job of any walltime between the two."""
    one = wants(1, "node=1", most_s, **types)
    return replace(one, moldables=(replace(one.moldables[0], least_walltime_s=least_s),))


def walltime_of(
    one: WaitingJob, bounds: Bounds = NOW, allowed: FirstAllowed | None = None
) -> tuple[int, int]:
    """Tell walltime and duration beside 1 to 8, taken until 9, and 9 to 16, taken from 50 on."""
    gantt = Gantt(nodes_of_8(), [taken(0, 9, "1-8"), taken(50, 99, "9-32")], 0)
    found = search_for(gantt, one, SHIPPED, bounds, rules=Rules(5, 25), allowed=allowed)
    assert not isinstance(found, Reason)
    assert found[1].start == 0
    return found[0].moldable.walltime_s, found[0].duration


def test_a_job_of_any_walltime_gets_the_longest_for_which_its_resources_stay_free() -> None:
    assert walltime_of(ranging(20, 100, find="contiguous")) == (45, 50)


def test_a_job_of_any_walltime_gets_no_more_than_it_asks_for() -> None:
    assert walltime_of(ranging(20, 30, find="contiguous")) == (30, 35)


def test_a_job_of_any_walltime_is_over_by_its_deadline() -> None:
    assert walltime_of(ranging(20, 100, find="contiguous"), Bounds(0, deadline=33)) == (33, 38)


def test_a_job_of_any_walltime_gets_what_quotas_leave() -> None:
    def allowed(wanted: CompiledMoldable, place: Place) -> int:
        return place.start if wanted.moldable.walltime_s <= 40 else 1000

    assert walltime_of(ranging(20, 100, find="contiguous"), allowed=allowed) == (40, 45)


def test_a_besteffort_job_of_any_walltime_gets_the_longest() -> None:
    assert walltime_of(ranging(20, 100, find="contiguous", besteffort="")) == (100, 25)
