"""What the commands of administrators share."""

from oar.cli.app import Context
from oar.errors import OarError

NOT_ADMINISTRATOR = 8


class NotAdministrator(OarError):
    """Somebody else than an administrator asked for a change of the installation."""

    exit_code = NOT_ADMINISTRATOR

    def __init__(self) -> None:
        super().__init__("you must be oar or root")


def require_admin(context: Context) -> None:
    """Let only administrators pass; raises NotAdministrator."""
    if not context.caller.is_admin:
        raise NotAdministrator
