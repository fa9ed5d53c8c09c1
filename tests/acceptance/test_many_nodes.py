"""A job over many nodes: one TakTuk tree reaches them all, and nodes that hang keep nobody for long."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from oar.dev.bed import Shape
from oar.dev.loopback import LoopbackBed, find_program
from tests.acceptance.site import Site, new_site

pytestmark = pytest.mark.bed("loopback")

NODES = 64
HANGING = ("node7", "node31", "node64")
SSH_TIMEOUT_S = 60
CONNECTION_TIMEOUT_S = 20
PATIENCE_S = 3.0 * SSH_TIMEOUT_S + 60
"""Beyond the bounds of OAR itself: twice SSH_TIMEOUT_S for a tree, and once for those that it has lost."""

COUNTING_TAKTUK = """#!/bin/sh
echo called >> "$0.calls"
exec {taktuk} "$@"
"""
"""The true TakTuk, whose calls are counted."""


@contextmanager
def counting_taktuk() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="oar-taktuk-") as folder:
        Path(folder).chmod(0o755)
        program = Path(folder) / "taktuk"
        program.write_text(COUNTING_TAKTUK.format(taktuk=find_program("taktuk")))
        program.chmod(0o755)
        yield program


def trees(taktuk: Path) -> int:
    """Count the trees that were made so far."""
    calls = taktuk.with_name("taktuk.calls")
    return len(calls.read_text().splitlines()) if calls.exists() else 0


@pytest.fixture(scope="module")
def taktuk() -> Iterator[Path]:
    with counting_taktuk() as program:
        yield program


@pytest.fixture(scope="module")
def many(taktuk: Path) -> Iterator[Site]:
    keys = {
        "TAKTUK_CMD": f"{taktuk} -t {CONNECTION_TIMEOUT_S} -s",
        "OAR_SSH_CONNECTION_TIMEOUT": str(SSH_TIMEOUT_S),
    }
    with new_site(LoopbackBed, Shape(nodes=NODES, cpus=1, cores=1), **keys) as site:
        yield site


def test_a_job_on_many_nodes_starts_with_one_tree_and_hanging_nodes_do_not_hold_its_end(
    many: Site, taktuk: Path
) -> None:
    bed = many.cluster.bed
    assert isinstance(bed, LoopbackBed)
    job = many.submit("-l", f"nodes={NODES}", "wc -l < $OAR_NODEFILE; while [ ! -e go ]; do sleep 0.1; done")
    many.until_state(job, "Running", within_s=PATIENCE_S)
    assert trees(taktuk) == 1
    for node in HANGING:
        bed.hang_node(node)
    try:
        many.write("go", "")
        many.until_terminated(job, within_s=PATIENCE_S)
    finally:
        for node in HANGING:
            bed.wake_node(node)
    assert trees(taktuk) == 2
    assert many.read(f"OAR.{job}.stdout").split() == [str(NODES)]
    assert many.nodes_of_events(job) == set(HANGING)
    suspected = many.rows("SELECT network_address FROM resources WHERE state = 'Suspected'")
    assert {row[0] for row in suspected} == set(HANGING)
