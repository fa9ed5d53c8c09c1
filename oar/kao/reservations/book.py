"""The reservations of a round, from the world as it was read to one in which their places are fixed. Pure."""

from dataclasses import dataclass, replace

from oar.core.job import Assignment, JobId, Told, WaitingJob
from oar.kamelot import Occupation, Rules, occupation_of_planned
from oar.kao.model import Incident, SiteChoices, World
from oar.kao.reservations.answer import Answers, answer
from oar.kao.reservations.settle import Settled, settle
from oar.kao.standing import occupations_of


@dataclass(frozen=True, slots=True)
class Booked:
    """What became of the reservations.

    ``world`` has the places of all of them as fixed. ``found`` is taken by running jobs and by reservations
    that had a place before, ``added`` by those that have one since now.
    """

    world: World
    settled: Settled
    answers: Answers
    found: list[Occupation]
    added: list[Occupation]

    @property
    def taken(self) -> list[Occupation]:
        """All that is taken before any waiting job is planned."""
        return [*self.found, *self.added]

    @property
    def places(self) -> dict[JobId, Assignment]:
        """The place of each reservation, as it is to be stored."""
        return {place.job_id: place for place, _ in (*self.settled.places, *self.answers.places)}

    @property
    def judged(self) -> list[WaitingJob]:
        """The jobs that have a place since now, as they were judged."""
        return [job for _, job in self.answers.places]

    @property
    def told(self) -> dict[JobId, Told]:
        """What reservations shall tell, where that changed."""
        return self.settled.told | self.answers.told

    @property
    def expired(self) -> dict[JobId, str]:
        """The last message of those that will never run."""
        return self.settled.expired | self.answers.expired

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """What happened."""
        return self.settled.incidents + self.answers.incidents


def book(world: World, rules: Rules, choices: SiteChoices) -> Booked:
    """Settle the reservations that have a place, then answer those that have none."""
    settled = settle(world, choices)
    world = replace(world, fixed=(*world.fixed, *settled.places))
    found = occupations_of(world, rules, choices)
    answers = answer(world, found, rules, choices)
    added = [occupation_of_planned(place, rules, job=job) for place, job in answers.places]
    world = replace(world, fixed=(*world.fixed, *answers.places))
    return Booked(world, settled, answers, found, added)
