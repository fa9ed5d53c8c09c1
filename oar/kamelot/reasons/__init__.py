"""Why a job does not start now, or at any date one asks for: read from the plan, on request.

``reason.py`` has the value and its words, ``explain.py`` what held a job back in the round, ``obstacle.py``
what prevents a start at a date.
"""
