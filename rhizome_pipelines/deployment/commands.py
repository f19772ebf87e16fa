"""A person's commands to jobs: one implementation for the command line and for the panel."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.database.wishes import grant
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.jobs import Job
from rhizome_pipelines.lifecycle.wishes import Refused, Wish, refusal

WISHED_BY_A_PERSON = "paused by a person"
LOOK_SECONDS = 0.1
TRIES = 3
"""A job that changes again and again while it is asked is told as it was last."""


@dataclass(frozen=True)
class Granted:
    """The wish is on record; `stopping`: an attempt is still alive that has yet to notice."""

    job: Job
    stopping: bool


@dataclass(frozen=True)
class Answer:
    """What became of a wish for one job."""

    job_id: UUID
    result: Granted | Refused

    @property
    def granted(self) -> bool:
        """Whether the wish is on record."""
        return isinstance(self.result, Granted)


def command(
    services: Services,
    wish: Wish,
    job_ids: Sequence[UUID],
    user_id: UUID | None,
    *,
    reason: str | None = None,
) -> Sequence[Answer]:
    """Ask this of each of the jobs, each on its own; those of other users are not there.

    `user_id` of None is the operator: anybody's jobs. `reason` is why a job is paused. Raises
    TransientError when the database is away; what has been granted until then stays so.
    """
    return [Answer(one, _ask(services, wish, one, user_id, reason)) for one in job_ids]


def _ask(
    services: Services, wish: Wish, job_id: UUID, user_id: UUID | None, reason: str | None
) -> Granted | Refused:
    jobs = JobRepository(services.database)
    for _ in range(TRIES):
        granted = grant(services.database, wish, job_id, user_id, reason or WISHED_BY_A_PERSON)
        if granted is not None:
            return Granted(granted, is_attempt_alive(services, job_id))
        job = jobs.get(job_id, user_id=user_id)
        if job is None:
            return Refused(f"There is no job {job_id} of this user; see `rhizome jobs list`.")
        refused = refusal(wish, job.status, str(job_id))
        if refused is not None:
            return refused
    return Refused(f"Job {job_id} keeps changing; ask again.")


def is_attempt_alive(services: Services, job_id: UUID) -> bool:
    """Whether an attempt of the job is not recorded as ended, also of a deleted one."""
    attempts = AttemptRepository(services.database).list_for_job(job_id)
    return any(attempt.alive for attempt in attempts)


def wait_until_stopped(
    services: Services,
    job_ids: Sequence[UUID],
    seconds: float,
    *,
    told: Callable[[int], None] = lambda left: None,
) -> Sequence[UUID]:
    """Wait until no attempt of the jobs is alive; those that still have one when time is up.

    `told` is called with the number of jobs that are waited for, now and then.
    """
    deadline = time.monotonic() + seconds
    alive = [*job_ids]
    while True:
        alive = [job_id for job_id in alive if is_attempt_alive(services, job_id)]
        told(len(alive))
        if not alive or time.monotonic() >= deadline:
            return alive
        time.sleep(LOOK_SECONDS)
