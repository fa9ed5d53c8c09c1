"""What must hold for every plan, checked from ids and ProcSets: nothing here knows how a plan is made."""

from oar.kamelot.checking.invariants import check

__all__ = ["check"]
