"""The date of a round, when the clock of the database was set back. Pure."""

from oar.kao.model import World

SMALL_STEP_S = 60
"""A clock that is set back by no more is waited for; OAR 2 does so too."""


def steady_date(world: World, last: int) -> tuple[int, str]:
    """Give the date of a round, and in words what is wrong with the clock, "" if nothing is.

    No round goes back before the one before it, which was at ``last``, nor before a job that holds resources
    got them: for a small step, time stands still. After a greater one the clock is believed.
    """
    reference = max((last, *(job.start_time for job in world.running)))
    back_s = reference - world.now
    if back_s <= 0:
        return world.now, ""
    if back_s <= SMALL_STEP_S:
        return reference, f"the clock of the database went back by {back_s} s; rounds wait for it"
    return world.now, (
        f"the clock of the database went back by {back_s} s: dates of jobs lie in the future; "
        "set it right, and let it be kept so"
    )
