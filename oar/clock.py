"""The two clocks: the machine's for waiting, the database's for every date that is stored."""

import time


class SystemClock:
    """Seconds since the epoch, as whole numbers, from this machine."""

    def now(self) -> int:
        """Say what time it is, in epoch seconds."""
        return int(time.time())
