"""What the server says about energy saving when it starts. Pure."""

from collections.abc import Iterator

from oar.settings import EnergySettings


def effective(settings: EnergySettings) -> str:
    """Say in one line what is done with idle nodes."""
    if not (settings.halts_with or settings.wakes_with):
        return "energy saving: off, no command to put nodes to sleep or to wake them"
    halts, wakes = " ".join(settings.halts_with), " ".join(settings.wakes_with)
    how = "node by node" if settings.internal and not settings.all_at_once else "all nodes at once"
    return (
        f"energy saving: on, {how}; "
        + (f"halts nodes idle for {settings.idle_s} s with {halts}; " if halts else "halts no nodes; ")
        + (f"wakes nodes within {settings.wakeup_s} s with {wakes}" if wakes else "wakes no nodes")
    )


def doubts(settings: EnergySettings) -> Iterator[str]:
    """Say what was probably meant otherwise."""
    prefix = "ENERGY_SAVING" if settings.internal else "SCHEDULER"
    sleep, wake = f"{prefix}_NODE_MANAGER_SLEEP_CMD", f"{prefix}_NODE_MANAGER_WAKE_UP_CMD"
    unused = settings.sleep_command or settings.wake_command
    if not settings.internal:
        unused = settings.internal_sleep_command or settings.internal_wake_command
    if unused and not (settings.halts_with or settings.wakes_with):
        word = "yes" if settings.internal else "no"
        yield f'ENERGY_SAVING_INTERNAL is "{word}", and {sleep} and {wake} are not set: no node sleeps'
    elif settings.internal and not (settings.halts_with or settings.wakes_with):
        yield f'ENERGY_SAVING_INTERNAL is "yes", but neither {sleep} nor {wake} is set: no node sleeps'
    if settings.halts_with and not settings.wakes_with:
        yield f"{sleep} is set without {wake}: nodes that are put to sleep stay so"
    if settings.wakes_with and settings.wakeup_timeout.for_nodes(1) < settings.wakeup_s:
        yield (
            "ENERGY_SAVING_NODE_MANAGER_WAKEUP_TIMEOUT is shorter than SCHEDULER_NODE_MANAGER_WAKEUP_TIME: "
            "nodes are Suspected before they are expected"
        )
