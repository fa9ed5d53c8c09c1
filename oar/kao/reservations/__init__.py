"""Advance reservations in a round: those that were granted, those that lost their place, new ones. Pure.

``book`` does it all. Granted ones come first: their places are fixed for all that follows. Then the others
are judged, before any waiting job is planned: what they take is planned around.
"""

from oar.kao.reservations.book import Booked, book
from oar.kao.reservations.settle import late_words

__all__ = ["Booked", "book", "late_words"]
