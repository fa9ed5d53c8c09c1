"""The order ``simple_priority``: each job says its priority itself, by its type ``priority=<number>``."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from oar.core.job import WaitingJob
from oar.kao.order.facts import OrderFacts

WAITING_TIME_WEIGHT = "waiting_time_weight"


class BadConfig(Exception):
    """A configuration that the order does not understand."""


def simple_priority(
    jobs: Sequence[WaitingJob], facts: OrderFacts, config: Mapping[str, Any]
) -> list[WaitingJob]:
    """Sort jobs by falling priority; one without the type, or whose value is no number, has 0.

    ``waiting_time_weight`` in ``config`` is what a second of waiting adds to the priority. Raises BadConfig.
    """
    weight = _weight(config)
    return sorted(jobs, key=lambda job: -(_priority(job) + weight * max(0, facts.now - job.submission_time)))


def _weight(config: Mapping[str, Any]) -> float:
    if unknown := config.keys() - {WAITING_TIME_WEIGHT}:
        raise BadConfig(f"unknown key {min(unknown)}, known is {WAITING_TIME_WEIGHT}")
    weight = config.get(WAITING_TIME_WEIGHT, 0.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not math.isfinite(weight):
        raise BadConfig(f"{WAITING_TIME_WEIGHT}: {weight}: expected a number")
    return weight


def _priority(job: WaitingJob) -> float:
    try:
        priority = float(job.types.get("priority", "0"))
    except ValueError:
        return 0.0
    return priority if math.isfinite(priority) else 0.0
