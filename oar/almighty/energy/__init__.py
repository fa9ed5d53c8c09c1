"""Carries out what rounds decide about nodes that sleep and wake up."""

from oar.almighty.energy.daemon import EnergySaving

__all__ = ["EnergySaving"]
