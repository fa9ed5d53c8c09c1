"""Asks nodes whether they answer, and draws the consequences."""

from oar.almighty.finaud.daemon import Finaud

__all__ = ["Finaud"]
