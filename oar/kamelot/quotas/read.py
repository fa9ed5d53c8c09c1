"""From the text of a file of quotas to the quotas, whatever kind of file it is."""

from collections.abc import Iterable
from datetime import tzinfo
from enum import Enum
from pathlib import PurePath

from oar.core.job import Resource
from oar.core.states import NodeState
from oar.kamelot.counted import DEFAULT_TYPE
from oar.kamelot.quotas.amounts import Source
from oar.kamelot.quotas.calendar import Quotas
from oar.kamelot.quotas.oar2_file import read_oar2_quotas
from oar.kamelot.quotas.oar3_file import read_oar3_quotas
from oar.kamelot.quotas.toml_file import read_toml_quotas

OAR2_FILE = "scheduler_quotas.conf"
"""The file that OAR 2 reads, beside ``oar.conf``."""


class FileKind(Enum):
    """The kinds of file: OAR 2's Perl, OAR 3's JSON, our TOML."""

    PERL = ".conf"
    JSON = ".json"
    TOML = ".toml"


NOT_DEAD = "default_not_dead"


def file_to_read(named: str, oar_conf: str) -> str:
    """Tell which file holds the quotas: the one named or, for "", OAR 2's; both beside ``oar.conf``."""
    return str(PurePath(oar_conf).parent / (named or OAR2_FILE))


def count_all(resources: Iterable[Resource], mode: str = NOT_DEAD) -> int:
    """Tell how many resources ``ALL`` means: those of type default that are not Dead.

    In any other mode than that, only those that are Alive or Absent.
    """
    states = set(NodeState) - {NodeState.DEAD} if mode == NOT_DEAD else {NodeState.ALIVE, NodeState.ABSENT}
    return sum(one.type == DEFAULT_TYPE and one.state in states for one in resources)


def kind_of(file: str) -> FileKind:
    """Tell the kind of a file by the end of its name: ``.json``, ``.toml``, and Perl for any other."""
    suffix = PurePath(file).suffix.lower()
    return FileKind(suffix) if suffix in {FileKind.JSON.value, FileKind.TOML.value} else FileKind.PERL


def read_quotas(text: str, file: str, all_resources: int, zone: tzinfo) -> Quotas:
    """Read the text of a file of quotas.

    ``file`` is its name, which tells its kind and is shown in errors. ``all_resources`` is the number that
    ``ALL`` means. ``zone`` is where the calendar's days and hours are those of the wall clock.

    Raises BadQuotas.
    """
    source = Source(file, text, all_resources)
    kind = kind_of(file)
    if kind is FileKind.PERL:
        return read_oar2_quotas(source)
    if kind is FileKind.JSON:
        return read_oar3_quotas(source, zone)
    return read_toml_quotas(source, zone)
