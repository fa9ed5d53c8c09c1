"""What holds a job, and what would let it start sooner: asked of the plan that the next round would make.

``turn.py`` makes the plan up to the turn of a job, ``changes.py`` are the changes worth trying, ``trials.py``
tries them, ``forecast.py`` puts the answer together. Pure, and nothing that is asked here is ever written.
"""

from oar.kao.whatif.changes import Advice, Change, ChangeKind, relaxations
from oar.kao.whatif.forecast import (
    Cause,
    Forecast,
    Prospect,
    as_stored,
    forecast,
    prospects,
    reservations,
    without_conditions,
)
from oar.kao.whatif.turn import Practice, Turn, last_in_turn

__all__ = [
    "Advice",
    "Cause",
    "Change",
    "ChangeKind",
    "Forecast",
    "Practice",
    "Prospect",
    "Turn",
    "as_stored",
    "forecast",
    "last_in_turn",
    "prospects",
    "relaxations",
    "reservations",
    "without_conditions",
]
