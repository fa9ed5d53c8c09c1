"""The search plugins that OAR comes with."""

from oar.kamelot.plugins.openings import Choice, Openings


def default(openings: Openings) -> Choice | None:
    """Search as kamelot does: the moldable that frees its resources first, of equal ones the first given."""
    return _finishes_first(openings, None)


def one_time_find(openings: Openings) -> Choice | None:
    """Look once: the job starts at the earliest date it may, or has no place in this round."""
    return _finishes_first(openings, openings.earliest)


def _finishes_first(openings: Openings, last: int | None) -> Choice | None:
    """Find the choice that ends first, of those that start at ``last`` at the latest."""
    best: Choice | None = None
    before: int | None = None
    for option in openings.options:
        latest = option.latest if last is None else last
        if before is not None:
            latest = min(latest, before - option.duration_s - 1)
        choice = openings.search(option, latest=latest)
        if choice is not None:
            best, before = choice, choice.start + option.duration_s
    return best
