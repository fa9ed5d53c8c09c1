"""Let many small sites live through rounds, and tell which rounds break a law.

python -m tests.unit.kao.properties.run --lives 20000 --seed 1 --processes 2
"""

import argparse
import sys
import time
from multiprocessing import Pool

from tests.unit.kao.properties.laws import broken_laws
from tests.unit.kao.properties.life import Life

ROUNDS = 6
"""So many rounds each site lives through."""
ENOUGH = 10


def first_problem(seed: int) -> str:
    """Let a site live, until a round of it breaks a law: tells what is wrong, "" if nothing is."""
    life = Life(seed)
    for number in range(ROUNDS):
        try:
            decisions, found = broken_laws(life)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong belongs to the case
            return f"life {seed}, round {number}: {type(error).__name__}: {error}"
        if found:
            return f"life {seed}, round {number}: " + "\n    ".join(found)
        life.obey(decisions)
        life.pass_time()
    return ""


def main() -> int:
    """Let as many sites live as asked for and print the first that break a law."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--lives", type=int, default=2000, help="how many sites")
    parser.add_argument("--seed", type=int, default=0, help="number of the first")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    begin, wrong, done = time.monotonic(), 0, 0
    with Pool(options.processes) as pool:
        seeds = range(options.seed, options.seed + options.lives)
        for found in pool.imap(first_problem, seeds, chunksize=20):
            done += 1
            if found:
                wrong += 1
                sys.stdout.write(f"{found}\n")
                sys.stdout.flush()
            if wrong == ENOUGH:
                break
    words = f"{done} lives of {ROUNDS} rounds in {time.monotonic() - begin:.0f} s, {wrong} wrong\n"
    sys.stdout.write(words)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
