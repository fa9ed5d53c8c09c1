"""Makes the orders that the configuration asks for: reads the file of weights, loads the plugin of a site.

What cannot be had never stops a round: the log says what is wrong, and jobs are planned by their id.
"""

import json
import logging
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path

from oar.errors import ConfigurationError
from oar.kao.order import CustomOrder, FairShare, Fifo, JobOrder, Multifactor, Orders
from oar.kao.order.weights import Weights, parse_weights
from oar.settings import OrderSettings

log = logging.getLogger(__name__)

PLUGINS = "oar.job_order"
"""The group of Python's entry points in which packages of a site name their orders."""


class NoOrder(ConfigurationError):
    """The order that is asked for cannot be had."""


@dataclass(slots=True)
class OrderSource:
    """Gives each round its orders; a plugin is loaded once, the file of weights again when it changed."""

    settings: OrderSettings = field(default_factory=OrderSettings)
    _custom: CustomOrder | None = None
    _weights: Weights = field(default_factory=Weights)
    _weights_of: tuple[int, int, int] | None = None

    def orders(self) -> Orders:
        """Make the orders of a round; writes to the log what is wrong."""
        share = FairShare(self.settings)
        try:
            return Orders(self._everywhere(share), share)
        except NoOrder as error:
            log.error("%s; jobs are planned by their id this time", error)
            return Orders(Fifo(), share)

    def _everywhere(self, share: FairShare) -> JobOrder | None:
        match self.settings.priority:
            case "FIFO":
                return Fifo()
            case "FAIRSHARE" | "FAIRSHARING":
                return share
            case "MULTIFACTOR":
                return Multifactor(self._read_weights(), share)
            case "CUSTOM":
                self._custom = self._custom or self._load_plugin()
                return self._custom
        return None

    def _read_weights(self) -> Weights:
        name = self.settings.priority_file
        if not name:
            raise NoOrder('JOB_PRIORITY="MULTIFACTOR": PRIORITY_CONF_FILE names no file of weights')
        try:
            state = Path(name).stat()
            version = (state.st_mtime_ns, state.st_size, state.st_ino)
            if version != self._weights_of:
                self._weights = parse_weights(Path(name).read_text(encoding="utf-8"))
                self._weights_of = version
        except OSError as error:
            raise NoOrder(f'PRIORITY_CONF_FILE="{name}": {error.strerror}') from None
        except (ConfigurationError, UnicodeDecodeError) as error:
            raise NoOrder(f'PRIORITY_CONF_FILE="{name}": {error}') from None
        return self._weights

    def _load_plugin(self) -> CustomOrder:
        name = self.settings.custom
        installed = entry_points(group=PLUGINS)
        if name not in installed.names:
            known = ", ".join(sorted(installed.names)) or "none"
            raise NoOrder(f'CUSTOM_JOB_SORTING="{name}": there is no such order; installed: {known}')
        try:
            function = installed[name].load()
            wants_past_use = bool(getattr(function, "wants_past_use", False))
        except (Exception, SystemExit) as problem:  # noqa: BLE001 - a site's code, whatever is wrong with it
            words = " ".join(f"{type(problem).__name__}: {problem}".split())
            raise NoOrder(f'CUSTOM_JOB_SORTING="{name}": it cannot be loaded, {words}') from None
        if not callable(function):
            raise NoOrder(f'CUSTOM_JOB_SORTING="{name}": it is no function')
        window_s = self.settings.window_s if wants_past_use else 0
        return CustomOrder(function, json.loads(self.settings.custom_config), window_s)
