"""What holds where OAR 2's server is in charge. Pure."""

from dataclasses import replace

from oar.settings import EnergySettings, Settings, WalltimeSettings


def settings_for_oar2(settings: Settings) -> Settings:
    """Leave out what needs tables of ours or our server: records of rounds, new walltimes, energy saving."""
    return replace(
        settings,
        scheduler=replace(settings.scheduler, rounds_kept=0),
        walltime=WalltimeSettings(),
        energy=EnergySettings(),
    )
