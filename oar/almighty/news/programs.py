"""Runs the program that a user has named, as that user, on the host where the job was submitted."""

import json
from collections.abc import Sequence

from oar.almighty.means import Means
from oar.almighty.node_programs import describe
from oar.db.notices import Notice
from oar.remote.argv import END_OF_SOURCE, argument_loader_argv, is_node_name
from oar.remote.bundle import bundle
from oar.remote.session import pack

WORD = "OAR_NOTIFY"
MARGIN_S = 5.0


async def run_for_user(means: Means, notice: Notice, argv: Sequence[str]) -> str:
    """Run the program; say why that did not go well, "" when it did."""
    if not is_node_name(notice.host):
        return "where the job was submitted is not known"
    timeout_s = means.settings.nodes.ssh_timeout_s
    orders = json.dumps({"user": notice.user, "argv": list(argv), "timeout_s": timeout_s})
    program = pack(f"{bundle('run_as')}{END_OF_SOURCE}{orders}")
    answer = await means.remote.run_command(
        notice.host, argument_loader_argv(WORD, program), b"", timeout_s + MARGIN_S
    )
    return "" if answer.good else describe(answer)
