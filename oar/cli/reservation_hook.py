"""The program of a site that is told on the frontend how a reservation was answered."""

import subprocess

from oar.errors import OarError

TIMEOUT_S = 60.0


class HookFailed(OarError):
    """The program did not agree, could not be run, or took too long; the reservation stays as it is."""

    exit_code = 1

    def __init__(self, program: str, why: str) -> None:
        super().__init__(f"ADVANCE_RESERVATION_VALIDATION_HOOK_EXEC_FILE: {program} {why}")


def tell_site(program: str, job_id: int, *, granted: bool, timeout_s: float = TIMEOUT_S) -> None:
    """Run the program, if any, with the job and 1, or 0 when it was refused; raises :class:`HookFailed`."""
    if not program:
        return
    try:
        done = subprocess.run(
            [program, str(job_id), str(int(granted))],
            stdin=subprocess.DEVNULL,  # what is typed is not meant for it
            timeout=timeout_s,
            check=False,
        )
    except OSError as error:
        raise HookFailed(program, f"cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise HookFailed(program, f"did not end within {timeout_s:g} s") from None
    if done.returncode:
        raise HookFailed(program, f"ended with {done.returncode} for job {job_id}")
