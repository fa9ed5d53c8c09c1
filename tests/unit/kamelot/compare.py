"""Compare kamelot with the slow, obvious scheduler on many random worlds.

python -m tests.unit.kamelot.compare --cases 1000000 --seed 1 --processes 2
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from multiprocessing import Pool

from oar.core.job import Assignment, JobId, Outcome
from oar.kamelot import Gantt, Plan, Platform, check, fits, place_all, place_at, schedule
from oar.kamelot.quotas import Calendar, Choice, Ledger, Period, Quotas, RuleSet
from tests.unit.kamelot.as_code import as_code
from tests.unit.kamelot.quotas.build import rules
from tests.unit.kamelot.reference import Answer, reference_fits, reference_schedule
from tests.unit.kamelot.shrink import shrink
from tests.unit.kamelot.slow_quotas import SlowQuotas
from tests.unit.kamelot.world import NOW, Limit, World, clashes
from tests.unit.kamelot.worlds import world_of

CHUNK = 500
"""Cases that are done at a time; at the first that is wrong, the rest of its chunk is left out."""
PROGRESS = 50_000
ENOUGH = 10
RAISES = "kamelot or the reference raises"


def difference(world: World) -> str:
    """Tell in what the plan of kamelot differs from the one that the rules give, or what is wrong with it."""
    platform = Platform(world.resources, world.filters)
    if world.again:
        other_rules = replace(world.rules, energy_saving=not world.rules.energy_saving)
        schedule(platform, world.running[::2], world.jobs[::-2], NOW - 7, other_rules, ends=world.ends)
    plan = plan_of(world, platform)
    expected = expected_of(world)
    for job_id, right in expected.items():
        given = answer(plan.outcomes[job_id])
        if given != right:
            return f"job {job_id}: kamelot gives {words(given)}, the rules give {words(right)}"
    return flaw(world, platform, plan) or wrong_fit(world, platform)


def expected_of(world: World) -> dict[JobId, Answer]:
    """Give the answers of the slow scheduler."""
    quotas = quotas_of(world)
    changes = frozenset(date for one in world.exceptions for date in (one.begin, one.end))
    latest_end = NOW + world.window_s if world.exceptions else 2**31 - 1
    return reference_schedule(
        world.resources,
        world.filters,
        world.running,
        world.jobs,
        now=NOW,
        rules=world.rules,
        ends=world.ends,
        cut=world.cut,
        reservation=world.reservation,
        quotas=None if quotas is None else SlowQuotas(quotas, changes, latest_end),
    )


def quotas_of(world: World) -> Quotas | None:
    """Make the quotas of a world; None where there are none."""
    choice = Choice.ONE if world.one_rule else Choice.EVERY

    def rule_set(limits: Sequence[Limit]) -> RuleSet:
        texts = {limit.key: (limit.resources, limit.jobs, limit.work_s) for limit in limits}
        return rules(texts, choice)

    if not world.exceptions:
        return Quotas(rule_set(world.quotas)) if world.quotas else None
    plain = rule_set(world.quotas)
    once = [Period(one.begin, one.end, rule_set(one.quotas)) for one in world.exceptions]
    return Quotas(plain, Calendar([], once, plain, UTC))


def ledger_of(world: World) -> Ledger | None:
    quotas = quotas_of(world)
    return None if quotas is None else Ledger(quotas, NOW, world.window_s)


def plan_of(world: World, platform: Platform) -> Plan:
    """Plan as a round does, or in one call where there is but one queue and no reservation."""
    if not world.cut and world.reservation is None:
        return schedule(
            platform, world.running, world.jobs, NOW, world.rules, ends=world.ends, quotas=ledger_of(world)
        )
    gantt = Gantt(
        platform, [one for one in world.running if not one.besteffort], NOW, world.ends, ledger_of(world)
    )
    outcomes: dict[JobId, Outcome] = {}
    for queue in (world.jobs[: world.cut], world.jobs[world.cut :]):
        ordinary = [job for job in queue if "besteffort" not in job.types]
        place_all(gantt.copy(), ordinary[1:], world.rules)
        outcomes |= place_all(gantt, ordinary, world.rules)
    gantt.occupy([one for one in world.running if one.besteffort])
    for queue in (world.jobs[: world.cut], world.jobs[world.cut :]):
        outcomes |= place_all(gantt, [job for job in queue if "besteffort" in job.types], world.rules)
    if world.reservation is not None:
        asked = world.reservation
        outcomes[asked.job_id] = place_at(gantt, asked, asked.start_time, world.rules)
    return Plan(outcomes, gantt)


def answer(outcome: Outcome) -> Answer:
    if isinstance(outcome, Assignment):
        return outcome.moldable_id, outcome.start_time, outcome.walltime_s, str(outcome.resources)
    return None


def words(answer: Answer) -> str:
    if answer is None:
        return "no place"
    moldable, start, walltime, resources = answer
    return f"moldable {moldable} at {start} for {walltime} s on {resources}"


def flaw(world: World, platform: Platform, plan: Plan) -> str:
    """Tell what no plan may have; where the occupations clash, it is not the plan that is to blame."""
    for job in world.all_jobs:
        text = plan.explain(job).words()
        if not text or "could not be planned" in text:
            return f"job {job.job_id}: explained as '{text}'"
    if clashes(world):
        return ""
    wrong = check(platform, world.running, world.all_jobs, plan.outcomes, now=NOW, rules=world.rules)
    return "; ".join(wrong)


def problem(world: World) -> str:
    """Tell what is wrong with the plan of kamelot, "" when nothing is; errors are told too."""
    try:
        return difference(world)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong belongs to the case
        return f"{RAISES} {type(error).__name__}: {error}"


def wrong_fit(world: World, platform: Platform) -> str:
    """Tell whether kamelot is wrong about whether the first job can ever run."""
    for job in world.jobs[:1]:
        reason = fits(platform, job)
        if (reason is None) is not reference_fits(world.resources, world.filters, world.rules, job):
            return f"job {job.job_id} fits or not, but kamelot says: {reason}"
    return ""


def first_problem(seeds: range) -> tuple[int, str] | None:
    """Compare case after case, until one is wrong: which one, and what is wrong with it."""
    for seed in seeds:
        found = problem(world_of(seed))
        if found:
            return seed, found
    return None


def report(seed: int, found: str) -> str:
    """Tell all that is needed to look into a case: what is wrong, how to repeat it, and a small example."""
    raises = found.startswith(RAISES)

    def fails(world: World) -> bool:
        told = problem(world)
        return bool(told) and told.startswith(RAISES) is raises

    small = shrink(world_of(seed), fails)
    return (
        f"case {seed}: {found}\n"
        f"again: python -m tests.unit.kamelot.compare --seed {seed} --cases 1\n"
        f"small: {problem(small)}\n"
        f"world = {as_code(small)}\n"
    )


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Compare as many cases as asked for and print the first that is wrong in each chunk."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cases", type=int, default=20_000, help="how many worlds")
    parser.add_argument("--seed", type=int, default=0, help="number of the first world")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    end = options.seed + options.cases
    chunks = [range(first, min(first + CHUNK, end)) for first in range(options.seed, end, CHUNK)]
    begin, done, wrong = time.monotonic(), 0, 0
    with Pool(options.processes) as pool:
        for chunk, found in zip(chunks, pool.imap(first_problem, chunks), strict=True):
            done += len(chunk)
            if found is not None:
                wrong += 1
                tell(report(*found))
            if done % PROGRESS == 0 or done == options.cases:
                tell(f"{done} cases in {time.monotonic() - begin:.0f} s, {wrong} wrong")
            if wrong == ENOUGH:
                return 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
