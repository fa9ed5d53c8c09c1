"""Chooses what an embedded cluster lies on: the best bed that this machine and account allow."""

import os
from collections.abc import Callable

from oar.dev.bed import Bed, BedFailed
from oar.dev.local import LocalBed
from oar.dev.loopback import LoopbackBed, sshd_missing
from oar.dev.namespaces import NamespacesBed, namespaces_missing

VARIABLE = "OAR_DEV_BED"

BEDS: dict[str, type[Bed]] = {bed.kind: bed for bed in (NamespacesBed, LoopbackBed, LocalBed)}
"""Every kind of bed, the best first."""

_OBSTACLES: dict[str, Callable[[], str | None]] = {
    NamespacesBed.kind: namespaces_missing,
    LoopbackBed.kind: sshd_missing,
    LocalBed.kind: lambda: None,
}


def possible_beds(say: Callable[[str], None]) -> list[type[Bed]]:
    """Return the beds to try, in order; says why a better one is left out.

    The variable OAR_DEV_BED leaves only the one it names; raises `BedFailed` when that cannot be.
    """
    wanted = os.environ.get(VARIABLE)
    if wanted:
        return [_wanted_bed(wanted)]
    possible = []
    for kind, bed in BEDS.items():
        obstacle = _OBSTACLES[kind]()
        if obstacle is None:
            possible.append(bed)
        elif kind != NamespacesBed.kind or os.geteuid() == 0:
            say(f"no {kind} bed: {obstacle}")
    return possible


def _wanted_bed(kind: str) -> type[Bed]:
    if kind not in BEDS:
        raise BedFailed(f'{VARIABLE}="{kind}": there is no such bed; choose one of {", ".join(BEDS)}')
    if obstacle := _OBSTACLES[kind]():
        raise BedFailed(f"{VARIABLE}={kind} cannot be had: {obstacle}")
    return BEDS[kind]
