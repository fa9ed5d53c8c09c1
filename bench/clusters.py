"""What the measurements on embedded clusters share: a cluster, and a cheap look into its database."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, create_engine

from oar.dev.cluster import Cluster, Shape
from oar.dev.postgresql import SUPERUSER


@contextmanager
def measured_cluster() -> Iterator[tuple[Cluster, Connection]]:
    """Start three nodes with two cores each; yields the cluster and a connection that sees each commit."""
    parent = Path(tempfile.mkdtemp(prefix="oar-bench-"))
    parent.chmod(0o755)
    try:
        cluster = Cluster.up(
            parent / "c", Shape(nodes=3, cpus=1, cores=2), say_aside, more={"LOG_LEVEL": "2"}
        )
        try:
            url = f"postgresql+psycopg2://{SUPERUSER}@/oar?host={cluster.database.socket_directory}"
            engine = create_engine(url, isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                yield cluster, connection
            engine.dispose()
        finally:
            cluster.down()
    finally:
        shutil.rmtree(parent)


def say_aside(words: str) -> None:
    """Tell on standard error, which is not the result."""
    print(words, file=sys.stderr)
