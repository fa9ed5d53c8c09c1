"""How PostgreSQL's administrator is reached: over this machine's unix socket, or by a URL that is given."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from oar.errors import DatabaseUnreachable, OarError
from oar.settings import DatabaseSettings

LOCAL = {"", "localhost", "127.0.0.1", "::1"}
SOCKET_FOLDERS = (Path("/run/postgresql"), Path("/var/run/postgresql"), Path("/tmp"))  # noqa: S108


class NoAdministrator(OarError):
    """Nobody could tell how to reach PostgreSQL as its administrator."""


@contextmanager
def administrator(settings: DatabaseSettings, given: str | None, name: str) -> Iterator[URL]:
    """Give the URL of the administrator ``name``, or the one that was given, for as long as it is needed.

    Over a socket, root becomes the account that the socket belongs to, which PostgreSQL knows as its
    administrator. Raises NoAdministrator or DatabaseUnreachable.
    """
    if given:
        yield _parse(given)
        return
    socket = _socket(settings)
    url = URL.create(
        "postgresql+psycopg2", username=name, host=str(socket.parent), port=settings.port, database="postgres"
    )
    before = os.geteuid()
    if before == 0:
        os.seteuid(socket.stat().st_uid)
    try:
        yield url
    finally:
        os.seteuid(before)


def _socket(settings: DatabaseSettings) -> Path:
    folders = (Path(settings.host),) if settings.host.startswith("/") else SOCKET_FOLDERS
    if settings.host not in LOCAL and not settings.host.startswith("/"):
        raise NoAdministrator(
            f"PostgreSQL is on another machine (DB_HOSTNAME {settings.host}): say how its administrator "
            "connects with --admin-url postgresql://postgres:PASSWORD@HOST/postgres"
        )
    for folder in folders:
        socket = folder / f".s.PGSQL.{settings.port}"
        if socket.exists():
            return socket
    raise DatabaseUnreachable(
        f"no PostgreSQL listens on port {settings.port} in {', '.join(map(str, folders))}: start it, correct "
        "DB_HOSTNAME and DB_PORT in oar.conf, or use --admin-url"
    )


def _parse(given: str) -> URL:
    try:
        url = make_url(given)
    except ArgumentError:
        raise NoAdministrator(
            "--admin-url is no URL: postgresql://USER@HOST:PORT/postgres is expected"
        ) from None
    if url.get_backend_name() != "postgresql":
        raise NoAdministrator(f"--admin-url names {url.get_backend_name()}: OAR needs postgresql://...")
    return url.set(drivername="postgresql+psycopg2", database=url.database or "postgres")
