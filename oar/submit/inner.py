"""Whether the container that a job asks for is there."""

from collections.abc import Sequence

from sqlalchemy import Connection

from oar.db.containers import read_containers
from oar.submit.admission import AdmissionRefused


def require_container(connection: Connection, types: Sequence[str]) -> None:
    """Refuse an inner job (AdmissionRefused) unless a container of its name or job id has not ended."""
    wanted = [one.partition("=")[2] for one in types if one.startswith("inner=")]
    if not wanted:
        return
    spaces = {one.space for one in read_containers(connection)}
    for space in wanted:
        if space not in spaces:
            raise AdmissionRefused(
                "[ADMISSION RULE] Error: inner job is requesting an invalid container id: "
                f"no container '{space}' waits or runs"
            )
