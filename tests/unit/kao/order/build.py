"""Jobs and facts of the tests of orders, in a line each."""

from dataclasses import replace

from oar.core.fair_share import PastUse
from oar.kamelot import Platform
from oar.kao.model import QueueView
from oar.kao.order import OrderFacts
from oar.testing import make_resources, make_waiting

NOW = 1_000_000
DEFAULT = QueueView("default", 2, True)


def job(job_id, *requests, user="alice", project="default", submitted=NOW, queue="default", types=None):
    return replace(
        make_waiting(job_id, *requests, queue=queue, types=types),
        user=user,
        project=project,
        submission_time=submitted,
    )


def facts(past=PastUse(), queues=(DEFAULT,), resources=None):  # noqa: B008 - frozen and empty
    return OrderFacts(NOW, Platform(resources or make_resources(), {}), queues, past)


def ids(jobs):
    return [one.job_id for one in jobs]
