"""Whether the container that a job asks for is there, and by which name."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from oar.db.containers import read_containers
from oar.submit.admission import AdmissionRefused

_INNER = "inner="


def with_container(
    connection: Connection, types: Sequence[str], *, reserves: bool = False
) -> tuple[str, ...]:
    """Let ``inner=`` name its container as the container does; refuse (AdmissionRefused) one that has ended.

    A container with a name may be asked for by its job id too, as in OAR 2. A job that ``reserves`` needs a
    container that is a reservation: no other has a place for sure.
    """
    if not any(one.startswith(_INNER) for one in types):
        return tuple(types)
    containers = read_containers(connection)
    by_job_id = {str(one.job_id): one.space for one in containers}
    spaces = by_job_id | {one.space: one.space for one in containers}
    settled = tuple(_settled(one, spaces) for one in types)
    reserved = {f"{_INNER}{one.space}" for one in containers if one.reserved}
    if reserves and not reserved.issuperset(one for one in settled if one.startswith(_INNER)):
        raise AdmissionRefused(
            "[ADMISSION RULE] Error: an advance-reservation inner job requires the container to be an "
            "advance reservation as well."
        )
    return settled


def _settled(word: str, spaces: Mapping[str, str]) -> str:
    if not word.startswith(_INNER):
        return word
    wanted = word.removeprefix(_INNER)
    if wanted not in spaces:
        raise AdmissionRefused(
            "[ADMISSION RULE] Error: inner job is requesting an invalid container id: "
            f"no container '{wanted}' waits or runs"
        )
    return f"{_INNER}{spaces[wanted]}"
