"""Nodes that are really shut down when they are idle, and really started for the jobs that need them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from oar.dev.bed import Bed
from oar.dev.choice import BEDS, possible_beds
from tests.acceptance.site import Site, new_site

FOR_EVER = "2147483646"
KEYS = {
    "ENERGY_SAVING_INTERNAL": "yes",
    "ENERGY_SAVING_WINDOW_TIME": "0",
    "ENERGY_SAVING_NODE_MANAGER_WAKEUP_TIMEOUT": "8",
    "SCHEDULER_NODE_MANAGER_IDLE_TIME": "2",
    "SCHEDULER_NODE_MANAGER_SLEEP_TIME": "2",
    "SCHEDULER_NODE_MANAGER_WAKEUP_TIME": "4",
    "SCHEDULER_NODE_MANAGER_HALT_TIME": "1",
}
PRESS = """#!/bin/sh
# Presses the button VERB of each node named, and waits until the power supply has done it.
while read -r node; do
    touch "FOLDER/VERB.$node"
    while [ -e "FOLDER/VERB.$node" ]; do sleep 0.05; done
done
"""


class Power:
    """The power supply of the nodes: stops and starts them when their buttons are pressed.

    A node that has started says so, as its boot script does. Buttons of ``broken`` nodes do nothing, those
    of ``stuck`` ones nothing until they are not stuck any more.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broken: set[str] = set()
        self.stuck: set[str] = set()
        self.pressed: list[str] = []
        self.trouble: list[Exception] = []
        self._over = threading.Event()

    def command(self, verb: str) -> str:
        """Write the command that presses a button; returns its path."""
        file = self.folder / verb
        file.write_text(PRESS.replace("VERB", verb).replace("FOLDER", str(self.folder)))
        file.chmod(0o755)
        return str(file)

    @contextmanager
    def on(self, site: Site) -> Iterator[None]:
        """Serve the buttons."""
        thread = threading.Thread(target=self._serve, args=(site,))
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
            assert self.trouble == []

    def _serve(self, site: Site) -> None:
        while not self._over.wait(0.05):
            for button in sorted(self.folder.glob("*.node?")):
                verb, _, node = button.name.partition(".")
                if node not in self.stuck:
                    try:
                        self._press(site, verb, node)
                    except Exception as error:  # noqa: BLE001 - the test that reads it fails with it
                        self.trouble.append(error)
                    button.unlink()

    def _press(self, site: Site, verb: str, node: str) -> None:
        self.pressed.append(f"{verb} {node}")
        if verb == "sleep":
            site.cluster.stop_node(node)
        elif node not in self.broken:
            site.cluster.start_node(node)
            site.output("oarnodesetting", "-h", node, "-s", "Alive", user="root")


@contextmanager
def saving_site(bed: type[Bed]) -> Iterator[tuple[Site, Power]]:
    """A cluster that saves energy, and its power supply."""
    with new_site(bed, **KEYS) as site:
        # The commands lie in the cluster's folder, which its server sees, wherever it runs.
        folder = site.cluster.directory / "power"
        folder.mkdir()
        folder.chmod(0o777)
        power = Power(folder)
        with site.cluster.bed.configuration_file.open("a") as conf:
            conf.write(f'ENERGY_SAVING_NODE_MANAGER_SLEEP_CMD="{power.command("sleep")}"\n')
            conf.write(f'ENERGY_SAVING_NODE_MANAGER_WAKE_UP_CMD="{power.command("wake")}"\n')
        site.cluster.stop_server()
        site.start_server()
        with power.on(site):
            yield site, power


@pytest.fixture
def saving() -> Iterator[tuple[Site, Power]]:
    with saving_site(possible_beds(lambda _words: None)[0]) as both:
        yield both


def let_sleep(site: Site, *nodes: str) -> None:
    """Let nodes sleep when nobody needs them, and wait until they do."""
    for node in nodes:
        site.output("oarnodesetting", "-h", node, "-p", f"available_upto={FOR_EVER}", user="root")
    for node in nodes:
        site.until(f"{node} sleeps", lambda node=node: node not in site.cluster.bed.living_nodes())
        site.until(f"{node} is Absent", lambda node=node: site.node_states(node) == {"Absent"})


def on(*nodes: str) -> tuple[str, ...]:
    """Ask for a whole node among these."""
    names = ", ".join(f"'{node}'" for node in nodes)
    return ("-l", "nodes=1", "-p", f"network_address IN ({names})")


def until_over(site: Site) -> None:
    """Wait until no order to a node is open."""
    sql = "SELECT 1 FROM event_logs WHERE type IN ('HALT_NODE', 'WAKEUP_NODE') AND to_check = 'YES'"
    site.until("all orders are carried out", lambda: not site.rows(sql))


def test_an_idle_node_is_put_to_sleep_and_woken_for_a_job(kind: str) -> None:
    with saving_site(BEDS[kind]) as (site, power):
        assert "energy saving: on, node by node" in site.log
        let_sleep(site, "node2")
        assert "    3: Absent (standby)" in site.output("oarnodes", "-s", "node2")
        assert sorted(site.cluster.bed.living_nodes()) == ["node1", "node3"]
        job = site.submit(*on("node2"), "cat $OAR_NODEFILE | uniq")
        site.until_terminated(job)
        assert site.read(f"OAR.{job}.stdout") == "node2\n"
        assert power.pressed[:2] == ["sleep node2", "wake node2"]
        site.until("node2 sleeps again", lambda: power.pressed[2:] == ["sleep node2"])
        until_over(site)


def test_a_node_that_does_not_come_back_is_suspected_and_the_job_goes_elsewhere(
    saving: tuple[Site, Power],
) -> None:
    site, power = saving
    let_sleep(site, "node2", "node3")
    power.broken.add("node2")
    job = site.submit(*on("node2", "node3"), "cat $OAR_NODEFILE | uniq")
    site.until("node2 is Suspected", lambda: site.node_states("node2") == {"Suspected"})
    site.until_terminated(job)
    assert site.read(f"OAR.{job}.stdout") == "node3\n"
    assert "not Alive 8 s after it was woken up" in site.output(
        "oarnodes", "-e", "2000-01-01 00:00:00", "node2"
    )


def test_a_node_is_woken_though_the_server_is_killed_meanwhile(saving: tuple[Site, Power]) -> None:
    site, power = saving
    let_sleep(site, "node3")
    power.stuck.add("node3")
    job = site.submit(*on("node3"), "true")
    site.until("the button is pressed", (power.folder / "wake.node3").exists)
    site.kill_server()
    site.start_server()
    assert site.job(job).state == "Waiting"
    power.stuck.clear()
    site.until_terminated(job)
    assert site.nodes_of(job) == {"node3"}


def test_a_job_that_starts_on_nodes_that_sleep_wakes_none_and_the_others_never_slept(
    saving: tuple[Site, Power],
) -> None:
    site, power = saving
    let_sleep(site, "node1")
    until_over(site)
    job = site.submit("-t", "noop=standby", *on("node1"))
    site.until_state(job, "Running")
    assert site.nodes_of(job) == {"node1"}
    assert power.pressed == ["sleep node1"]
