"""The one line of ``jobs.message``, in OAR 2's format, which tools read."""

from collections.abc import Sequence

from oar.core.durations import format_duration

LONGEST = 255
"""The width of the column."""

_SILENT_QUEUES = frozenset({"default", "besteffort"})


def job_message(
    *,
    resources: int,
    walltime_s: int,
    kind: str = "B",
    name: str = "",
    queue: str = "default",
    project: str = "default",
    types: Sequence[str] = (),
    comment: str = "",
) -> str:
    """Spell ``R=4,W=2:0:0,J=B,N=name,Q=queue,P=project,T=type|type (comment)``.

    ``kind`` is B for a batch job, I for an interactive one, R for an advance reservation. The queues
    default and besteffort and the project default are not worth saying. Cut at the width of the column.
    """
    words = [f"R={resources}", f"W={format_duration(walltime_s)}", f"J={kind}"]
    if name:
        words.append(f"N={name}")
    if queue not in _SILENT_QUEUES:
        words.append(f"Q={queue}")
    if project != "default":
        words.append(f"P={project}")
    if types:
        words.append(f"T={'|'.join(types)}")
    text = ",".join(words)
    return (f"{text} ({comment})" if comment else text)[:LONGEST]
