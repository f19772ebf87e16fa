"""From the decision that a job begins to its launched run."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID, uuid4

from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.circuits import Circuits
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.job_input import offered_type
from rhizome_pipelines.deployment.launching import Parents, plan_attempt
from rhizome_pipelines.deployment.presence import is_stopping
from rhizome_pipelines.deployment.room import Room
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.actions import RunState
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PermanentError
from rhizome_pipelines.lifecycle.jobs import Attempt, AttemptOutcome, AttemptTrigger, Job
from rhizome_pipelines.lifecycle.launch import LaunchRequest

log = logging.getLogger(__name__)

LAUNCH_FAULTS = 3
"""So many runs could not be launched, and a tick tries no more."""


class Runs(Parents, Protocol):
    """The runs of attempts."""

    @property
    def can_launch(self) -> bool:
        """Whether `launch` works; if not, launch requests are handed on."""

    def prepare(self) -> None:
        """Make ready what launching needs. Never raises."""

    def states(self, attempts: Iterable[Attempt]) -> Mapping[tuple[UUID, int], RunState]:
        """State of each attempt's run, keyed by (job id, number)."""

    def launch(self, request: LaunchRequest) -> None:
        """Create and launch the run that the attempt is bound to. Raises whatever prevents it."""

    def abandon(self, run_id: str) -> None:
        """See to it that a run which was created and not yet launched never is."""

    def terminate(self, attempt: Attempt) -> None:
        """Have the attempt's run end now; nothing if it is over."""


@dataclass
class AttemptLauncher:
    """Launches what a tick's looks decide to begin. `did` counts what came of it, for a person."""

    services: Services
    runs: Runs
    did: Counter[str]
    not_launched: dict[UUID, str] = field(default_factory=dict)
    """Jobs whose run could not be launched, and why: they wait for the next tick."""

    def launch(self, job: Job, trigger: AttemptTrigger, room: Room) -> LaunchRequest | None:
        """Begin the job's next attempt, if there is room for it and its provider may be tried.

        The request is returned where somebody else has to launch it. A job whose input or document
        cannot be used is failed with the reason; for what its row alone tells, it need not wait.
        """
        try:
            offered_type(job)
            if not self._may_launch(job, room):
                return None
            planned = plan_attempt(self.services, self.runs, job, trigger)
        except (InvalidInputError, PermanentError) as refusal:
            JobRepository(self.services.database).reject(
                job.id, refusal.message, refusal.error_type
            )
            self.did["rejected"] += 1
            return None
        # Bound before there is a run: whatever dies in between, nobody else takes its place.
        run_id = str(uuid4()) if self.runs.can_launch else None
        attempt = AttemptRepository(self.services.database).begin(job.id, trigger, run_id)
        if attempt is None:
            return None
        room.take(job.user_id)
        self.did["launched"] += 1
        request = LaunchRequest(
            job.id,
            planned.work.job_type,
            attempt.number,
            job.user_id,
            planned.work.partition,
            planned.work.title,
            planned.work.stages,
            planned.steps,
            planned.parent,
            run_id,
        )
        if run_id is None:
            return request
        self._launch_now(request, run_id)
        return None

    def _may_launch(self, job: Job, room: Room) -> bool:
        return (
            room.for_one_of(job.user_id)
            and room.beside(job)
            and job.id not in self.not_launched
            and len(self.not_launched) < LAUNCH_FAULTS
            and not is_stopping(self.services.settings.home)
            and self._provider_may_be_tried(job)
        )

    def _provider_may_be_tried(self, job: Job) -> bool:
        """The last question before a launch: a yes may be the one chance given to all who wait."""
        if job.waits_for is None or Circuits(self.services.database).may_try(job.waits_for, job.id):
            return True
        self.did["waiting for a provider"] += 1
        return False

    def _launch_now(self, request: LaunchRequest, run_id: str) -> None:
        """Launch the run, or give the job back: that it could not be is no fault of the job."""
        try:
            self.runs.launch(request)
        except Exception as fault:
            self.not_launched[request.job_id] = f"{type(fault).__name__}: {fault}"
            log.exception("The run of job %s could not be launched.", request.job_id)
            with suppress(Exception):
                self.runs.abandon(run_id)
            JobRepository(self.services.database).release(
                request.job_id,
                request.attempt,
                AttemptOutcome.SHUTDOWN,
                "The run could not be launched; the job is begun again.",
            )
