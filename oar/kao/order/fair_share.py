"""Fair share: who used less than his share comes first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from oar.core.fair_share import PastUse
from oar.core.job import JobId, WaitingJob
from oar.kao.order.facts import OrderFacts
from oar.settings import OrderSettings


@dataclass(frozen=True, slots=True)
class FairShare:
    """Jobs by rising karma: shares of the past use, less the shares that are due, weighted and added up."""

    settings: OrderSettings = field(default_factory=OrderSettings)

    @property
    def past_window_s(self) -> int:
        """The window of the settings."""
        return self.settings.window_s

    @property
    def jobs_per_user(self) -> int:
        """The bound of the settings."""
        return self.settings.jobs_per_user

    def sort(self, jobs: Sequence[WaitingJob], facts: OrderFacts) -> tuple[WaitingJob, ...]:
        """Give the jobs by rising karma."""
        karma = self.karma(jobs, facts)
        return tuple(sorted(jobs, key=lambda job: (karma[job.job_id], job.job_id)))

    def karma(self, jobs: Sequence[WaitingJob], facts: OrderFacts) -> Mapping[JobId, float]:
        """Give the karma of each job, which depends on its user and its project alone."""
        of_whom = self._karma_of({(job.user, job.project) for job in jobs}, facts.past)
        return {job.job_id: of_whom[job.user, job.project] for job in jobs}

    def _karma_of(self, whom: set[tuple[str, str]], past: PastUse) -> dict[tuple[str, str], float]:
        due_to_user = dict(self.settings.user_targets.percent)
        due_to_project = dict(self.settings.project_targets.percent)
        used, asked = past.used or 1, past.asked or 1
        karma = {}
        for user, project in whom:
            of_project = past.used_by_project.get(project, 0) / used - due_to_project.get(project, 0.0) / 100
            of_user = past.used_by_user.get(user, 0) / used - due_to_user.get(user, 0.0) / 100
            asked_by_user = past.asked_by_user.get(user, 0) / asked - due_to_user.get(user, 0.0) / 100
            karma[user, project] = (
                self.settings.project_coef * of_project
                + self.settings.user_coef * of_user
                + self.settings.user_ask_coef * asked_by_user
            )
        return karma
