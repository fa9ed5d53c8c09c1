"""Numbers of jobs and arrays as people type them."""

import re

_ID = re.compile(r"0*([1-9]\d{0,9})", re.ASCII)
LARGEST_ID = 2**31 - 1


def read_job_id(text: str) -> int | None:
    """Read the number of a job or an array; None when no job can ever have it."""
    found = _ID.fullmatch(text)
    number = int(found[1]) if found else 0
    return number if 0 < number <= LARGEST_ID else None
