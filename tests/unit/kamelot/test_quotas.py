"""Quotas where jobs are placed: the specification's scenarios by number, and what lies between them."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from oar.core.job import Assignment, NoRoom, WaitingJob
from oar.kamelot import (
    Gantt,
    Occupation,
    Platform,
    Reason,
    ReasonKind,
    Rules,
    occupation_of_planned,
)
from oar.kamelot.plugins import Plugins
from oar.kamelot.plugins.assign import default, one_time_find
from oar.kamelot.plugins.find import local
from oar.kamelot.quotas import Key, Ledger, Quotas
from tests.unit.kamelot.build import (
    NO_MARGIN,
    job,
    moldable,
    nodes_of_8,
    place_checked,
    place_checked_at,
    resource,
    resources_of,
)
from tests.unit.kamelot.quota_site import (
    granted,
    ledger,
    place_of,
    places,
    plan,
    planned,
    reserve,
    reserves,
    starts,
    wants,
)
from tests.unit.kamelot.quotas.build import rules

EACH_USER = "*,*,*,/"


def test_q2_without_rules_a_job_is_placed_as_ever() -> None:
    assert places(ledger({}), [wants(5, "toto", "node=2", 60)]) == [(0, "1-16")]


def test_q3_a_user_who_may_have_one_resource_gets_no_nodes() -> None:
    assert places(ledger({EACH_USER: [1, -1, -1]}), [wants(5, "toto", "node=2", 60)]) == [None]


def test_q3_a_user_who_may_have_16_resources_gets_two_nodes() -> None:
    assert places(ledger({EACH_USER: [16, -1, -1]}), [wants(5, "toto", "node=2", 60)]) == [(0, "1-16")]


def test_q4_each_job_waits_until_the_quota_of_its_user_or_project_frees() -> None:
    quotas = ledger({EACH_USER: [16, -1, -1], "*,yop,*,*": [-1, 1, -1]})
    there = [planned(0, 19, "9-24", "toto"), planned(0, 49, "1-8", "lulu", "yop")]
    jobs = [wants(5, "toto", "node=1", 10), wants(6, "lulu", "node=1", 60, "yop")]
    assert places(quotas, jobs, there) == [(20, "9-16"), (50, "1-8")]


def test_q5_a_job_does_not_begin_before_a_later_one_of_its_user_that_it_would_meet() -> None:
    jobs = [wants(5, "toto", "node=1", 200), wants(6, "lulu", "node=1", 100)]
    quotas = ledger({EACH_USER: [8, -1, -1]})
    assert places(quotas, jobs, [planned(50, 149, "17-24", "toto")]) == [(150, "1-8"), (0, "1-8")]


def test_q6_rules_for_some_users_leave_others_alone() -> None:
    quotas = ledger({"*,*,*,toto": [1, -1, -1], "*,*,*,john": [150, -1, -1]})
    jobs = [wants(5, "toto", "node=2", 60), wants(6, "tutu", "node=2", 60)]
    assert places(quotas, jobs) == [None, (0, "1-16")]


def test_q7_two_jobs_of_a_user_who_may_have_one_run_one_after_the_other() -> None:
    quotas = ledger({"*,*,besteffort,*": [-1, -1, -1], "*,*,*,yop": [-1, 1, -1]}, job_types=["besteffort"])
    jobs = [wants(5, "yop", "node=1", 50), wants(6, "yop", "node=1", 50)]
    assert starts(places(quotas, jobs)) == [0, 50]


def test_q8_two_jobs_of_a_type_that_one_may_have_run_one_after_the_other() -> None:
    quotas = ledger({"*,*,yop,*": [-1, 1, -1]}, job_types=["yop"])
    jobs = [wants(n, user, "node=1", 50, yop="") for n, user in ((5, "toto"), (6, "lulu"))]
    assert starts(places(quotas, jobs)) == [0, 50]


def test_q10_jobs_of_a_user_who_may_have_one_wait_for_the_end_of_the_accepted_reservation() -> None:
    minute = Rules(security_time_s=60)
    accepted = occupation_of_planned(granted(4, 100, 60, "1-4"), minute, job=wants(4, "toto", "node=1", 60))
    jobs = [wants(5, "toto", "node=1", 100), wants(6, "toto", "node=1", 200)]
    made = plan(ledger({EACH_USER: [-1, 1, -1]}), jobs, [accepted], rules=minute)
    assert [place_of(one) for one in made.outcomes.values()] == [(100 + 120, "1-8"), (100 + 280, "1-8")]


def test_q11_a_reservation_of_more_than_all_together_may_have_is_refused() -> None:
    refused = reserve(ledger({"*,*,*,*": [1, -1, -1]}), reserves(5, "toto", "resource_id=4", 60), 100)
    assert refused == NoRoom(
        refused.job_id,
        "quotas do not let it start: the quota *,*,*,* allows all jobs together 1 resources; "
        "with this job it would be 4",
    )


@pytest.mark.parametrize(("limit", "place"), [(63, None), (64, (0, "1-64"))])
def test_q12_the_resources_of_whole_nodes_are_counted(limit: int, place: tuple[int, str] | None) -> None:
    nodes = [f"{first}-{first + 31}" for first in range(1, 257, 32)]
    made = plan(
        ledger({EACH_USER: [limit, -1, -1]}, all_resources=256),
        [wants(5, "toto", "node=2", 60)],
        platform=Platform(resources_of(256, node=nodes), {}),
    )
    assert [place_of(one) for one in made.outcomes.values()] == [place]


def test_a_reservation_within_the_quotas_is_granted_at_its_date() -> None:
    assert place_of(reserve(ledger({EACH_USER: [8, -1, -1]}), reserves(5, "toto", "node=1", 60), 100)) == (
        100,
        "1-8",
    )


def test_a_reservation_that_would_meet_a_job_of_its_user_is_refused_and_a_later_one_granted() -> None:
    quotas = ledger({EACH_USER: [8, -1, -1]})
    gantt = Gantt(nodes_of_8(), [planned(0, 149, "1-8", "toto")], 0, quotas=quotas)
    wanted = reserves(5, "toto", "node=1", 60)
    assert place_of(place_checked_at(gantt, wanted, 149, NO_MARGIN)) is None
    assert place_of(place_checked_at(gantt, wanted, 150, NO_MARGIN)) == (150, "1-8")


def test_inner_jobs_are_limited_and_their_container_is_not() -> None:
    box = wants(5, "toto", "node=4", 100, container="")
    inner = [wants(n, "toto", "node=1", 20, inner="5") for n in (6, 7)]
    quotas = ledger({EACH_USER: [8, -1, -1]})
    assert places(quotas, [box, *inner]) == [(0, "1-32"), (0, "1-8"), (20, "1-8")]


def test_an_inner_job_that_a_quota_keeps_until_its_container_ends_is_told_so() -> None:
    box, inner = wants(5, "lulu", "node=4", 100, container=""), wants(6, "toto", "node=1", 20, inner="5")
    made = plan(ledger({EACH_USER: [8, -1, -1]}), [box, inner], [planned(0, 199, "", "toto")])
    assert isinstance(made.outcomes[inner.job_id], Assignment)
    made = plan(ledger({EACH_USER: [-1, 1, -1]}), [box, inner], [planned(0, 199, "", "toto")])
    assert made.explain(inner).kind is ReasonKind.QUOTA


def test_besteffort_jobs_count_for_no_other_job() -> None:
    running = replace(planned(0, 99, "1-8", "toto"), besteffort=True)
    jobs = [wants(5, "toto", "node=1", 50), wants(6, "toto", "node=1", 50, besteffort="")]
    assert starts(places(ledger({EACH_USER: [8, -1, -1]}), jobs, [running])) == [0, 100]


def test_the_moldable_that_quotas_let_end_first_wins() -> None:
    two = replace(
        wants(5, "toto", "node=2", 60), moldables=(moldable(50, "node=2", 60), moldable(51, "node=1", 80))
    )
    made = plan(ledger({EACH_USER: [16, -1, -1]}), [two], [planned(0, 29, "17-24", "toto")])
    assert [(one.moldable_id, one.start_time) for one in made.outcomes.values()] == [(51, 0)]  # type: ignore[union-attr]


def test_the_resources_of_a_place_are_counted_where_places_differ() -> None:
    platform = Platform(resources_of(12, node=("1-8", "9-12")), {})
    jobs = [wants(5, "toto", "node=1", 60)]
    busy_until_20 = planned(0, 19, "1-8", "lulu")
    quotas = ledger({EACH_USER: [4, -1, -1]})
    made = plan(quotas, jobs, [busy_until_20], platform=platform)
    assert [place_of(one) for one in made.outcomes.values()] == [(0, "9-12")]
    made = plan(ledger({EACH_USER: [4, -1, -1]}), jobs, platform=platform)
    assert [place_of(one) for one in made.outcomes.values()] == [None]


def test_a_later_slot_is_tried_where_places_differ_and_the_first_one_is_too_large() -> None:
    platform = Platform(resources_of(12, node=("1-8", "9-12")), {})
    taken_later = planned(30, 500, "1-8", "lulu")
    made = plan(
        ledger({EACH_USER: [4, -1, -1]}),
        [wants(5, "toto", "node=1", 30)],
        [taken_later],
        platform=platform,
    )
    assert [place_of(one) for one in made.outcomes.values()] == [(30, "9-12")]


def test_resources_of_other_types_than_default_count_nothing() -> None:
    tokens = [replace(resource(n, {"node": "store"}), type="token") for n in range(1, 5)]
    made = plan(
        ledger({EACH_USER: [1, -1, -1]}),
        [wants(5, "toto", "resource_id=4", 60)],
        platform=Platform(tokens, {}),
    )
    assert [place_of(one) for one in made.outcomes.values()] == [(0, "1-4")]


def test_a_job_of_any_walltime_gets_the_longest_that_its_quota_allows() -> None:
    long = replace(
        wants(5, "toto", "node=1", 0),
        moldables=(replace(moldable(50, "node=1", 100), least_walltime_s=10),),
    )
    made = plan(ledger({EACH_USER: [8, -1, -1]}), [long], [planned(60, 99, "17-24", "toto")])
    (outcome,) = made.outcomes.values()
    assert (outcome.start_time, outcome.walltime_s) == (0, 60)  # type: ignore[union-attr]


def test_jobs_of_queues_that_are_not_limited_count_all_the_same() -> None:
    quotas = Quotas(rules({EACH_USER: [8]}))
    book = Ledger(quotas, 0, queues={"default"})
    free = [replace(wants(n, "toto", "node=1", 50), queue="admin") for n in (5, 6)]
    assert starts(places(book, [*free, wants(7, "toto", "node=1", 50)])) == [0, 0, 50]


def test_a_copy_of_a_gantt_is_charged_apart() -> None:
    gantt = Gantt(nodes_of_8(), (), 0, quotas=ledger({EACH_USER: [8, -1, -1]}))
    wanted = wants(5, "toto", "node=1", 50)
    place_checked(gantt.copy(), [wanted], NO_MARGIN)
    assert place_of(place_checked(gantt, [wanted], NO_MARGIN)[wanted.job_id]) == (0, "1-8")


def reason(quotas: Ledger, jobs: Sequence[WaitingJob], running: Sequence[Occupation] = ()) -> Reason:
    return plan(quotas, jobs, running).explain(jobs[-1])


def test_the_quota_is_named_that_a_job_waits_for() -> None:
    told = reason(
        ledger({EACH_USER: [8, -1, -1]}),
        [wants(5, "toto", "node=1", 50)],
        [planned(0, 99, "17-24", "toto")],
    )
    assert told.words(lambda date: f"at {date}") == (
        "starts at 100 when quotas let it: the quota *,*,*,/ allows user toto 8 resources; "
        "with this job it would be 16"
    )
    assert told.quota is not None
    assert told.quota.message() == ("quota_exceeded:Gantt_quotas->{*}->{*}->{*}->{/}=[16,-,-]>[8,-1,-1]")


def test_the_quota_is_named_that_a_job_can_never_keep_to() -> None:
    told = reason(ledger({EACH_USER: [16, -1, -1]}), [wants(5, "toto", "node=4", 50)])
    assert told.words() == (
        "quotas do not let it start: the quota *,*,*,/ allows user toto 16 resources; "
        "with this job it would be 32"
    )


def test_the_resources_are_named_when_they_hold_back_longer_than_the_quota() -> None:
    there = [planned(0, 49, "1-8", "toto"), planned(0, 99, "9-32", "lulu")]
    told = reason(ledger({EACH_USER: [16, -1, -1]}), [wants(5, "toto", "node=2", 50)], there)
    assert told.kind is ReasonKind.RESOURCES


def test_the_quota_is_named_when_it_holds_back_longer_than_the_resources() -> None:
    there = [planned(0, 99, "1-8", "toto"), planned(0, 49, "9-32", "lulu")]
    told = reason(ledger({EACH_USER: [16, -1, -1]}), [wants(5, "toto", "node=2", 50)], there)
    assert (told.kind, told.until) == (ReasonKind.QUOTA, 100)
    assert told.quota is not None
    assert told.quota.counter == Key(user="toto")


def test_the_quota_is_named_when_it_holds_back_beyond_the_deadline() -> None:
    late = wants(5, "toto", "node=1", 50, deadline="1970-01-01 00:02:00")
    told = reason(ledger({EACH_USER: [8, -1, -1]}), [late], [planned(0, 99, "17-24", "toto")])
    assert told.kind is ReasonKind.QUOTA


def test_a_job_that_asks_for_too_much_is_told_so_whatever_quotas_say() -> None:
    told = reason(ledger({EACH_USER: [8, -1, -1]}), [wants(5, "toto", "node=5", 50)])
    assert told.kind is ReasonKind.NEVER


def test_a_job_without_quotas_is_explained_as_ever() -> None:
    assert plan(ledger({}), [job(5, ("node=1", 60))]).explain(job(5, ("node=1", 60))).words() == "starts now"


SHIPPED = Rules(
    security_time_s=0,
    plugins=Plugins(find={"local": local}, assign={"one_time_find": one_time_find, "first": default}),
)


@pytest.mark.parametrize("types", [{"find": "local"}, {"assign": "first"}])
def test_a_job_that_a_plugin_places_waits_for_the_quota_as_others_do(types: dict[str, str]) -> None:
    wanted = wants(5, "toto", "node=1", 50, **types)
    there = [planned(0, 99, "17-24", "toto")]
    made = plan(ledger({EACH_USER: [8, -1, -1]}), [wanted], there, rules=SHIPPED)
    assert place_of(made.outcomes[wanted.job_id]) == (100, "1-8")
    assert made.explain(wanted).kind is ReasonKind.QUOTA


def test_a_plugin_that_looks_once_finds_nothing_while_the_quota_is_used_up() -> None:
    wanted = wants(5, "toto", "node=1", 50, assign="one_time_find")
    there = [planned(0, 99, "17-24", "toto")]
    made = plan(ledger({EACH_USER: [8, -1, -1]}), [wanted], there, rules=SHIPPED)
    assert place_of(made.outcomes[wanted.job_id]) is None


def test_a_planned_besteffort_job_is_charged_its_whole_walltime_as_work() -> None:
    one_hour_of_8 = ledger({EACH_USER: [-1, -1, 8]})
    jobs = [wants(number, "toto", "node=1", 2400, besteffort="") for number in (5, 6)]
    assert starts(places(one_hour_of_8, jobs)) == [0, 1200]


def test_a_planned_besteffort_job_takes_its_resources_for_five_minutes() -> None:
    jobs = [wants(number, "toto", "node=4", 2400, besteffort="") for number in (5, 6)]
    assert starts(places(ledger({EACH_USER: [32, -1, -1]}), jobs)) == [0, 300]
