"""Runs commands in the test's process, on the test's database, as a person of the test's choice."""

from collections.abc import Mapping
from dataclasses import dataclass

from click.testing import CliRunner, Result

from oar.cli.app import Context, OarCommand
from oar.cli.caller import Caller
from oar.settings import ServerSettings, Settings
from tests.integration.databases import Database

ADMIN = Caller("oar", 0, is_admin=True)
BOB = Caller("bob", 1000, is_admin=False)
NOBODY_LISTENS = ServerSettings(hostname="127.0.0.1", message_port=1)


@dataclass(frozen=True)
class Terminal:
    """Where commands are typed; the server is down unless ``settings`` say where it is."""

    database: Database
    settings: Settings

    def run(
        self,
        command: OarCommand,
        *words: str,
        caller: Caller = ADMIN,
        stdin: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Result:
        """Run a command and give what it wrote, and its exit code."""
        context = Context(self.settings, caller, self.database.engine, self.database.reader)
        return CliRunner().invoke(command, list(words), obj=context, input=stdin, env=environment)

    def output(self, command: OarCommand, *words: str, caller: Caller = ADMIN) -> str:
        """Run a command that must work, and give its standard output."""
        result = self.run(command, *words, caller=caller)
        assert result.exit_code == 0, result.output
        return result.stdout


def open_terminal(database: Database) -> Terminal:
    """Give a terminal whose server is down."""
    return Terminal(database, Settings(database=database.settings, server=NOBODY_LISTENS))
