"""How many attempts may still begin."""

from collections import Counter
from uuid import UUID

from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.jobs import Job


class Room:
    """Room for attempts, in all and for each user, as it is when this is made."""

    def __init__(self, services: Services) -> None:
        self._settings = services.settings
        self._attempts = AttemptRepository(services.database)
        self._by_user = Counter(JobRepository(services.database).in_flight().by_user)

    def for_one_of(self, user_id: UUID) -> bool:
        """Whether one more of this user may begin."""
        return (
            self._by_user.total() < self._settings.max_in_flight
            and self._by_user[user_id] < self._settings.max_in_flight_per_user
        )

    def beside(self, job: Job) -> bool:
        """Whether no other job is at work on the same document: they share its checkpoints."""
        return job.entity_id is None or not self._attempts.others_at_work(job.entity_id, job.id)

    def take(self, user_id: UUID) -> None:
        """One more of this user has begun."""
        self._by_user[user_id] += 1
