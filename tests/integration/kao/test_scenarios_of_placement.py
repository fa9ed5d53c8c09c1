"""The placement scenarios of the specification that need a database, by number."""

import pytest
from sqlalchemy import update

from oar.config import DEFAULT_FILE, build_settings, parse
from oar.db.properties import add_property
from oar.db.resources import add_resource
from oar.db.tables_jobs import JobRow
from oar.db.tables_resources import ResourceRow
from oar.kao.metascheduler import Metascheduler
from tests.integration.databases import Database
from tests.integration.kao.site import Site, make_site

MINUTE = "walltime=0:1:0"


def test_p4_of_five_jobs_on_two_of_five_resources_two_start_and_three_are_planned(database: Database) -> None:
    site = make_site(database, 5)
    jobs = [site.job(f"resource_id=2,{MINUTE}") for _ in range(5)]
    site.metascheduler.run()
    assert list(site.states().values()) == ["toLaunch"] * 2 + ["Waiting"] * 3
    first = site.starts()[jobs[0]]
    assert [site.starts()[one] - first for one in jobs] == [0, 0, 120, 120, 240]


def test_p5_a_job_on_four_of_five_resources_starts(five: Site) -> None:
    job = five.job(f"resource_id=4,{MINUTE}")
    assert five.metascheduler.run().to_launch == (job,)


def test_p6_a_job_whose_alternatives_both_do_not_fit_beside_another_waits(five: Site) -> None:
    five.job(f"resource_id=3,{MINUTE}")
    job = five.job(f"resource_id=4,{MINUTE}", "resource_id=3,walltime=0:1:10")
    five.metascheduler.run()
    assert five.states()[job] == "Waiting"
    assert len(set(five.starts().values())) == 2


def test_p7_a_job_starts_with_the_alternative_that_fits_beside_another(five: Site) -> None:
    five.job(f"resource_id=3,{MINUTE}")
    job = five.job(f"resource_id=4,{MINUTE}", "resource_id=2,walltime=0:1:10")
    five.metascheduler.run()
    assert (five.states()[job], five.held(job)) == ("toLaunch", "4-5")
    assert five.column(job, JobRow.message) == "R=2,W=0:1:10,J=B"


def on(node: str, in_braces: bool) -> tuple[str, str]:
    """Spell a request for two resources of a node: the request, and the job's own condition."""
    condition = f"network_address='{node}'"
    if in_braces:
        return f"{{{condition}}}/resource_id=2,{MINUTE}", ""
    return f"resource_id=2,{MINUTE}", condition


@pytest.mark.parametrize("in_braces", [True, False])
@pytest.mark.parametrize(("second", "together"), [("node1", False), ("node2", True)])
def test_p8_two_jobs_of_one_node_start_one_after_the_other(
    five: Site, in_braces: bool, second: str, together: bool
) -> None:
    for node in ("node1", second):
        request, properties = on(node, in_braces)
        five.job(request, properties=properties)
    five.metascheduler.run()
    assert (len(set(five.starts().values())) == 1) is together


def test_p8_a_job_whose_condition_and_filter_contradict_is_never_placed(five: Site) -> None:
    job = five.job(on("node1", in_braces=True)[0], properties="network_address='node2'")
    five.metascheduler.run()
    assert (five.states(), five.plan()) == ({job: "Waiting"}, {})


def test_p9_a_job_that_needs_an_absent_resource_waits(database: Database) -> None:
    site = make_site(database, 6)
    with site.engine.begin() as connection:
        connection.execute(update(ResourceRow).where(ResourceRow.resource_id == 6).values(state="Absent"))
    job = site.job(f"resource_id=6,{MINUTE}")
    site.metascheduler.run()
    assert site.states() == {job: "Waiting"}
    assert site.column(job, JobRow.scheduler_info) == "asks for 6 resource_id, 5 are usable now"


def test_p10_ordinary_jobs_get_no_token(database: Database) -> None:
    site = make_site(database, 9)
    with site.engine.begin() as connection:
        add_property(connection, "token", text=True)
        for _ in range(2):
            add_resource(connection, "", {"type": "token"}, now=1000)
    jobs = [site.job("{type = 'default'}/resource_id=2,walltime=0:1:0") for _ in range(5)]
    site.metascheduler.run()
    assert [site.held(one) for one in jobs[:4]] == ["1-2", "3-4", "5-6", "7-8"]
    assert site.plan()[jobs[4]][1] == "1-2"


@pytest.mark.parametrize(("bound", "placed"), [("2", 2), ("0", 5), ("-1", 5), ("abc", 5), ("", 5), (None, 5)])
def test_p11_so_many_jobs_of_a_group_of_queues_are_placed_as_the_bound_says(
    five: Site, bound: str | None, placed: int
) -> None:
    for _ in range(5):
        five.job(f"resource_id=4,{MINUTE}")
    line = "" if bound is None else f'MAX_JOB_PER_QUEUES_GROUP_SCHEDULING_ROUND="{bound}"'
    entries, _ = parse(line, DEFAULT_FILE)
    settings = build_settings(entries, DEFAULT_FILE).scheduler
    Metascheduler(five.engine, five.metascheduler.reader, settings).run()
    assert len(five.starts()) == placed


def test_p13_one_round_plans_every_job_of_a_heavy_load(five: Site) -> None:
    """More than 42 jobs of all forms, arrays and alternatives among them, many times what fits at once."""
    forms = (
        ("resource_id=1,walltime=0:10:0",),
        ("network_address=1,walltime=0:30:0",),
        ("network_address=2/resource_id=1,walltime=1:0:0",),
        ("resource_id=5,walltime=0:1:0",),
        ("network_address=3,walltime=2:0:0", "resource_id=2,walltime=0:20:0"),
        ("resource_id=ALL,walltime=0:5:0",),
    )
    for _ in range(3):
        for form in forms:
            five.submit(*form, commands=("true",) * 3)
    five.metascheduler.run()
    assert len(five.starts()) == 54
