"""``oarsub --dry-run``: what would become of a submission, without making it."""

import socket
from collections.abc import Sequence

from oar.cli.app import Context, fail
from oar.cli.forecast_view import EstimateView
from oar.cli.output import write
from oar.cli.why import open_foresight
from oar.submit.admission import Draft
from oar.submit.submit import rehearse

NO_DATE = 3
"""The exit code when the jobs would be registered and nobody can say when they would start."""
REFUSED_RESERVATION = 10


def show_estimate(context: Context, draft: Draft, said: Sequence[str]) -> None:
    """Show when the jobs of an admitted submission would start; raises what the submission would raise.

    Ends with a code when no start is known. ``said`` is what the rules said.
    """
    new = rehearse(context.reader, draft, socket.gethostname())
    estimate = open_foresight(context).estimate(new)
    reserved = new.reserved_from is not None
    write(EstimateView(estimate, new.queue, len(new.commands), new.hold, reserved, tuple(said)))
    if estimate.chosen.start is None:
        fail(REFUSED_RESERVATION if reserved else NO_DATE)
