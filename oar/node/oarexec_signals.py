"""The signals by which the server talks to oarexec, and those it passes on."""

import signal

KILLS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
FROM_SERVER = {*KILLS, signal.SIGUSR1, signal.SIGUSR2, signal.SIGURG, signal.SIGHUP}
HANDLED = FROM_SERVER | {signal.SIGCHLD}
"""What is held back, and taken one at a time."""


def signal_number(name: str) -> int:
    """Read a signal's name or number; 0 when there is no such signal."""
    if name.isdigit():
        return int(name) if 0 < int(name) < signal.NSIG else 0
    found = getattr(signal, "SIG" + name.upper().replace("SIG", "", 1), None)
    return int(found) if isinstance(found, signal.Signals) else 0
