"""What a move asks for once it is committed. Every effect may be carried out twice without harm."""

from enum import Enum


class Effect(Enum):
    """One thing to do outside the database; the value is the word that the documentation uses."""

    LAUNCH = "launch the job"
    SIGNAL_OAREXEC = "send SIGTERM to oarexec"
    FREEZE_NODES = "freeze the job on its nodes"
    THAW_NODES = "thaw the job on its nodes"
    CLEAN_NODES = "clean the nodes"
    FREE_JOBS = "kill the jobs on it"
    HEAL_NODE = "offer it to the healing program"
    TELL_CLIENT = "tell the waiting client"
    TELL_USER = "notify the user"
    WAKE_SCHEDULER = "wake the scheduler"
