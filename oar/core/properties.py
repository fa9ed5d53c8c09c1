"""The columns of a resource that the server keeps for itself."""

SERVER_PROPERTIES = frozenset(
    {
        "resource_id",
        "state",
        "state_num",
        "next_state",
        "finaud_decision",
        "next_finaud_decision",
        "last_job_date",
        "suspended_jobs",
        "expiry_date",
        "scheduler_priority",
    }
)
"""What no person sets, and no command and no job shows as a property (the same list as OAR's)."""
