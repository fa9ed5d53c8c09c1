"""What the server says about energy saving when it starts."""

import pytest

from oar.almighty.energy.words import doubts, effective
from oar.setting_kinds import Patience
from oar.settings import EnergySettings

SLEEP, WAKE = ("/etc/oar/shut_down_nodes.sh",), ("/etc/oar/wake_up_nodes.sh",)
BOTH = EnergySettings(sleep_command=SLEEP, wake_command=WAKE)


def test_without_a_command_energy_saving_is_off():
    assert effective(EnergySettings()).startswith("energy saving: off")
    assert list(doubts(EnergySettings())) == []


def test_with_commands_it_is_told_what_they_do():
    assert effective(BOTH) == (
        "energy saving: on, all nodes at once; halts nodes idle for 600 s with /etc/oar/shut_down_nodes.sh; "
        "wakes nodes within 600 s with /etc/oar/wake_up_nodes.sh"
    )
    assert list(doubts(BOTH)) == []


def test_the_internal_module_has_commands_of_its_own():
    settings = EnergySettings(internal=True, internal_sleep_command=SLEEP, internal_wake_command=WAKE)
    assert effective(settings).startswith("energy saving: on, node by node")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (EnergySettings(internal=True), "neither ENERGY_SAVING_NODE_MANAGER_SLEEP_CMD"),
        (EnergySettings(internal=True, sleep_command=SLEEP), 'ENERGY_SAVING_INTERNAL is "yes", and'),
        (EnergySettings(internal_sleep_command=SLEEP), 'ENERGY_SAVING_INTERNAL is "no", and SCHEDULER'),
        (EnergySettings(sleep_command=SLEEP), "stay so"),
        (EnergySettings(wake_command=WAKE, wakeup_timeout=Patience(((1, 60),))), "before they are expected"),
    ],
)
def test_settings_that_do_not_fit_together_are_told(settings: EnergySettings, said: str):
    (doubt,) = doubts(settings)
    assert said in doubt
