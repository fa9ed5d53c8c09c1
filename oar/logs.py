"""Sets up logging; entry points call it once, nobody else does."""

import logging
import sys

from oar.errors import ConfigurationError
from oar.settings import ServerSettings

_LEVELS = {1: logging.ERROR, 2: logging.INFO, 3: logging.DEBUG}
_FORMAT = "%(asctime)s.%(msecs)03d %(levelname)-7s %(program)s %(message)s"


def set_up_logs(settings: ServerSettings, program: str) -> None:
    """Send every log line to ``LOG_FILE``; ``program`` names the process in each line.

    A line about a job begins with ``job <id>:`` so that one job can be followed with grep.
    Raises ConfigurationError when the file cannot be opened.
    """
    handler: logging.Handler
    if settings.log_file == ":stderr:":
        handler = logging.StreamHandler(sys.stderr)
    else:
        try:
            # Reopened when logrotate moves the file away.
            from logging.handlers import WatchedFileHandler  # noqa: PLC0415 - only servers need it

            handler = WatchedFileHandler(settings.log_file, encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f'LOG_FILE="{settings.log_file}": {error.strerror}') from None
    handler.setFormatter(logging.Formatter(_FORMAT, "%Y-%m-%dT%H:%M:%S", defaults={"program": program}))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[settings.log_level])
