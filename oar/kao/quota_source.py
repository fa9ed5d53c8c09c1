"""Gives each round the quotas of the site: reads their file, again when it has changed.

A file that cannot be read never stops a round: the log says what is wrong, and the last good rules stay.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path

from oar.config import DEFAULT_FILE
from oar.core.job import Resource
from oar.errors import ConfigurationError
from oar.kamelot.quotas import Quotas, count_all, file_to_read, read_quotas
from oar.kao.model import QueueView, SiteQuotas
from oar.kao.server_zone import ServerZone
from oar.settings import QuotaSettings

log = logging.getLogger(__name__)

OAR2_POLICY = "_and_quotas"
"""What OAR 2's schedulers with quotas have in their names."""

Version = tuple[int, int, int] | None
"""What tells that a file was written to; None when it is not there."""


@dataclass(slots=True)
class QuotaSource:
    """The quotas that the settings name, if any; ``oar_conf`` is the file that the settings are from.

    ``problem`` tells what is wrong with the file, "" when nothing is.
    """

    settings: QuotaSettings = field(default_factory=QuotaSettings)
    oar_conf: Path = DEFAULT_FILE
    zone: tzinfo = field(default_factory=ServerZone)
    problem: str = ""
    _seen: tuple[Version, int] | None = None
    _text: str | None = None
    _quotas: Quotas | None = None

    def quotas(self, queues: Iterable[QueueView], resources: Iterable[Resource]) -> SiteQuotas | None:
        """Give the quotas of a round, None when there are none; logs what is wrong, once.

        Without QUOTAS="yes" they limit the jobs of queues that have one of OAR 2's schedulers with quotas.
        """
        limited = None
        if not self.settings.enabled:
            limited = frozenset(queue.name for queue in queues if OAR2_POLICY in queue.policy)
            if not limited:
                return None
        self._read(count_all(resources, self.settings.all_means))
        if self._quotas is None:
            return None
        return SiteQuotas(self._quotas, self.settings.window_s, self.settings.ahead_s, limited)

    @property
    def file(self) -> Path:
        """Name the file."""
        return Path(file_to_read(self.settings.file, str(self.oar_conf)))

    def _read(self, all_resources: int) -> None:
        seen = self._version(), all_resources
        if seen == self._seen:
            return
        self._seen = seen
        try:
            text = self.file.read_text(encoding="utf-8")
            self._quotas, self._text = self._parse(text, all_resources), text
            self.problem = ""
        except (OSError, UnicodeDecodeError, ConfigurationError) as error:
            self._complain(error)
            if self._text is not None:
                self._quotas = self._parse(self._text, all_resources)

    def _parse(self, text: str, all_resources: int) -> Quotas:
        return read_quotas(text, str(self.file), all_resources, self.zone)

    def _complain(self, error: Exception) -> None:
        """Log the problem; what was logged already is not logged again for another number of resources."""
        problem = str(error)
        if isinstance(error, OSError):
            problem = f"{self.file}: {error.strerror}; QUOTAS_CONF_FILE names the file of quotas"
        elif isinstance(error, UnicodeDecodeError):
            problem = f"{self.file}: not a text in UTF-8 (byte {error.start})"
        if problem != self.problem:
            go_on = (
                "there are no quotas until it is mended" if self._text is None else "the rules before it stay"
            )
            log.error("%s; %s", problem, go_on)
        self.problem = problem

    def _version(self) -> Version:
        try:
            state = self.file.stat()
        except OSError:
            return None
        return state.st_mtime_ns, state.st_size, state.st_ino
