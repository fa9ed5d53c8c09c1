"""The extra step: a plugin of the site that is asked before the jobs of each group of queues are planned.

It is a function that gets a :class:`StepView` and returns :class:`Changes` or None.
"""

from oar.kao.extra.view import BadChanges, Changes, ExtraStep, StepView

__all__ = ["BadChanges", "Changes", "ExtraStep", "StepView"]
