"""Queues whose jobs are planned by another program, with the protocol of OAR 2.

``program`` starts it and reads what it says, ``shown`` says what it finds in the plan, ``answer`` makes sense
of what it left there, ``fit`` fits that into the plan of the round; ``queues`` does all that for a queue.
"""
