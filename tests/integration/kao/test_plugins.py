"""Plugins in rounds on a database: orders of resources, and jobs that ask to be placed by one."""

from sqlalchemy import select

from oar.db.tables_jobs import JobRow
from oar.db.tables_resources import AssignmentRow
from oar.kao.metascheduler import Metascheduler
from oar.settings import SchedulerSettings

PACK = SchedulerSettings(check_plans=True, resource_order_plugin="pack")


def test_a_small_job_goes_where_another_runs_already(site):
    packed = Metascheduler(site.engine, site.metascheduler.reader, PACK)
    site.submit("{network_address='node2'}/resource_id=1,walltime=1")
    packed.run()
    site.submit("resource_id=1,walltime=1")
    packed.run()
    with site.engine.connect() as connection:
        given = connection.scalars(select(AssignmentRow.resources)).all()
    assert sorted(map(str, given)) == ["3", "4"]


def test_the_platform_is_kept_while_the_order_stays(site):
    packed = Metascheduler(site.engine, site.metascheduler.reader, PACK)
    packed.run()
    before = packed.kept.platform
    packed.run()
    assert packed.kept.platform is before


def test_a_job_that_asks_for_neighbours_gets_them(site):
    (job_id,) = site.submit("resource_id=3,walltime=1", types=("find=contiguous_sorted",))
    assert site.metascheduler.run().to_launch == (job_id,)


def test_a_job_that_asks_for_an_unknown_plugin_is_told(site):
    (job_id,) = site.submit("resource_id=3,walltime=1", types=("find=foo",))
    (other,) = site.submit("resource_id=3,walltime=1")
    assert site.metascheduler.run().to_launch == (other,)
    told = site.column(job_id, JobRow.scheduler_info)
    assert told.startswith("find=foo: there is no such matching plugin; there are begin")
