"""A round from reading to writing, with what is kept between rounds."""

import gc
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import Engine

from oar.config import DEFAULT_FILE
from oar.core.energy import NO_ENERGY_SAVING, EnergyRules
from oar.core.states import JobState
from oar.db.engine import open_engine, open_reader
from oar.db.locks import take_round
from oar.errors import OarError
from oar.kamelot import Rules
from oar.kamelot.plugins import Plugins
from oar.kao.apply import Applied, apply
from oar.kao.clock import steady_date
from oar.kao.external.queues import ForeignSchedulers
from oar.kao.extra import ExtraStep
from oar.kao.extra.step import SiteStep, load_step
from oar.kao.load import Kept, OrderAhead, load_world
from oar.kao.model import Decisions, SiteChoices, World
from oar.kao.order import Orders
from oar.kao.order_source import OrderSource
from oar.kao.plugins import ResourceOrder, load_plugins, resource_order
from oar.kao.prelude import prepare
from oar.kao.queue_plan import queue_groups
from oar.kao.quota_source import QuotaSource
from oar.kao.round import run_round
from oar.kao.round_keeper import RoundKeeper
from oar.kao.stretches import Stop, decide_in_stretches, foreign_groups
from oar.kao.tokens import count_tokens, wanted_tokens
from oar.kao.turn_state import NO_TURNS, Turns
from oar.settings import SchedulerSettings, Settings, WalltimeSettings

log = logging.getLogger(__name__)

LEAST_BESTEFFORT_S = 300
"""Besteffort jobs fill holes of the plan that are no shorter than this, whatever their walltime."""


@dataclass(slots=True)
class Metascheduler:
    """Runs rounds on a database; ``reader`` is the account that may only read."""

    engine: Engine
    reader: Engine
    settings: SchedulerSettings
    kept: Kept = field(default_factory=Kept)
    order: OrderSource = field(default_factory=OrderSource)
    quotas: QuotaSource = field(default_factory=QuotaSource)
    plugins: Plugins = field(default_factory=load_plugins)
    walltimes: WalltimeSettings = field(default_factory=WalltimeSettings)
    oar_conf: Path = DEFAULT_FILE
    energy: EnergyRules = NO_ENERGY_SAVING
    records: RoundKeeper = field(default_factory=RoundKeeper)
    step: ExtraStep | None = None
    turns: Turns = NO_TURNS
    last_date: int = 0
    reorder: ResourceOrder | None = field(init=False)

    def __post_init__(self) -> None:
        """Look up what the settings name once; the log says when there is no such plugin."""
        self.reorder = resource_order(self.plugins, self.settings.resource_order_plugin)
        self.step = self.step or load_step(self.settings.extra_step)

    @classmethod
    def of(cls, settings: Settings, oar_conf: Path = DEFAULT_FILE) -> "Metascheduler":
        """Make the one that the settings from ``oar_conf`` describe; it connects when it is first used."""
        return cls(
            open_engine(settings.database),
            open_reader(settings.database),
            settings.scheduler,
            order=OrderSource(settings.order),
            quotas=QuotaSource(settings.quotas, oar_conf),
            walltimes=settings.walltime,
            oar_conf=oar_conf,
            energy=EnergyRules.of(settings.energy),
        )

    @property
    def rules(self) -> Rules:
        """The rules of placement of all rounds."""
        return replace(rules_of(self.settings, self.plugins), energy_saving=self.energy.can_wake)

    def run(self) -> Applied:
        """Read the world, decide, write; raises RoundUnderWay, and what the database raises.

        Then it has written nothing.
        """
        with collector_at_rest(), self.engine.begin() as connection:
            if not take_round(connection):
                raise RoundUnderWay()
            return self._run()

    def _run(self) -> Applied:
        begin = time.perf_counter()
        world, orders = self.look((JobState.TO_ACK_RESERVATION,))
        world = self._at_steady_date(world)
        rules = self.rules
        world = prepare(self.engine, world, rules, self.walltimes)
        read = time.perf_counter()
        world = replace(world, turns=self.turns, tokens=self.tokens(wanted_tokens(world)))
        world, decisions = self._decide_with_stops(world, orders, rules)
        decided = time.perf_counter()
        with self.engine.begin() as connection:
            applied = apply(connection, world, decisions)
            self.records.keep(
                connection,
                world,
                decisions,
                applied,
                kept=self.settings.rounds_kept,
                phases=(begin, read, decided),
            )
        self.turns = world.turns.after(decisions.took)
        log.info(
            "round: %d waiting, %d placed, %d launched; read %.0f ms, decided %.0f ms, wrote %.0f ms%s",
            len(world.waiting),
            len(decisions.plan),
            len(decisions.launches),
            (read - begin) * 1000,
            (decided - read) * 1000,
            (time.perf_counter() - decided) * 1000,
            f"; bad file of quotas: {self.quotas.problem}" if self.quotas.problem else "",
        )
        return applied

    def _at_steady_date(self, world: World) -> World:
        """Keep rounds from going back in time; the log tells once of a clock that does."""
        now, problem = steady_date(world, self.last_date)
        if problem and world.now < self.last_date:
            log.error("%s", problem)
        self.last_date = now
        return world if now == world.now else replace(world, now=now)

    def _decide_with_stops(self, world: World, orders: Orders, rules: Rules) -> tuple[World, Decisions]:
        """Run a round with a stop wherever others have a say; the world's plan is what is stored then."""
        foreign = ForeignSchedulers(self.engine, rules, self.oar_conf, self.settings)
        stops: dict[str, list[Stop]] = {}
        if self.step is not None and world.waiting:
            site = SiteStep(self.step, self.reader, self.settings.extra_step_config, self.energy.conditions)
            stops = {group[0].name: [site.change] for group in queue_groups(world.queues)}
        for (queue,) in foreign_groups(world):
            stops.setdefault(queue.name, []).append(foreign.plan_queue)
        world, decisions = decide_in_stretches(world, lambda part: self.decide(part, orders), stops)
        return (world if foreign.stored is None else replace(world, plan=foreign.stored)), decisions

    def tokens(self, names: Iterable[str]) -> Mapping[str, int | None]:
        """Ask the scripts of the site how many tokens there are; never inside a transaction."""
        return count_tokens(names, self.settings.token_scripts, self.settings.filter_timeout_s)

    def look(self, apart: Sequence[JobState] = ()) -> tuple[World, Orders]:
        """Read the world, with jobs of the states ``apart``, and how its jobs are to be ordered."""
        orders = self.order.orders()
        order = self.settings.resource_order
        world = load_world(
            self.engine,
            self.reader,
            order,
            self.kept,
            apart,
            orders=orders,
            reorder=self.reorder,
            quotas=self.quotas,
            ahead=OrderAhead(self.settings.reservation_order, self.settings.reservation_order_after_s),
            energy=self.energy,
        )
        return world, orders

    def decide(self, world: World, orders: Orders) -> Decisions:
        """Run a round as the settings say; raises FlawedPlan."""
        decisions = run_round(
            world,
            self.rules,
            replace(choices_of(self.settings), energy=self.energy),
            orders=orders,
            jobs_per_group=self.settings.jobs_per_round,
            check_plan=self.settings.check_plans,
        )
        for complaint in decisions.complaints:
            log.error("%s", complaint)
        for flaw in decisions.flaws:
            log.error("plan refused: %s", flaw)
        if decisions.flaws:
            raise FlawedPlan(decisions.flaws)
        return decisions


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Let Python look for unreachable cycles afterwards: a round makes very many values, and all are in use.

    To look at them again and again takes a quarter of a large round.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def rules_of(settings: SchedulerSettings, plugins: Plugins) -> Rules:
    """Give the rules of placement that the settings say.

    A besteffort job is planned for longer than the time for which others evict: it must not be started only
    to be told to leave.
    """
    evict_before_s = max(settings.evict_before_s, settings.security_time_s)
    return Rules(
        security_time_s=settings.security_time_s,
        besteffort_duration_s=max(LEAST_BESTEFFORT_S, evict_before_s + 1),
        plugins=plugins,
    )


def choices_of(settings: SchedulerSettings) -> SiteChoices:
    """Give what the settings say beside the rules of placement."""
    return SiteChoices(
        freed_types=frozenset(settings.freed_types),
        dependencies_need_success=settings.dependencies_need_success,
        evict_before_s=settings.evict_before_s,
        reservation_patience_s=settings.reservation_patience_s,
        near_s=settings.reservation_order_after_s,
    )


class RoundUnderWay(OarError):
    """Somebody else plans on this database."""

    def __init__(self) -> None:
        super().__init__(
            "another round is under way on this database: that of another oar-server, "
            "or the last one of a server that was killed"
        )


class FlawedPlan(Exception):
    """A plan that breaks an invariant; it was not written."""

    def __init__(self, flaws: tuple[str, ...]) -> None:
        super().__init__(f"the plan has {len(flaws)} flaws, the first: {flaws[0]}")
        self.flaws = flaws
