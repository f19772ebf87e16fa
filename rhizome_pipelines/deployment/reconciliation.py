"""The sensor's work without the sensor: read what needs attention, decide, carry out."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, assert_never
from uuid import UUID

from rhizome_pipelines.checkpoints.objects import StorageUnavailableError
from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.documents import DocumentRepository
from rhizome_pipelines.database.guarded import GuardedJob, OwnershipLostError
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.errors import InvalidInputError, TransientError
from rhizome_pipelines.lifecycle.jobs import (
    Attempt,
    AttemptOutcome,
    AttemptTrigger,
    Job,
    JobStatus,
    JobType,
)
from rhizome_pipelines.lifecycle.reconcile import (
    EndAttempt,
    Fail,
    Launch,
    Pause,
    Rescue,
    RunState,
    Situation,
    Wait,
    reconcile,
)
from rhizome_pipelines.lifecycle.stage_names import DOCUMENT_STAGES, StageName

log = logging.getLogger(__name__)

LOOK_AT = 200
"""Pending rows that one look considers; the rest wait for the next."""


class Runs(Protocol):
    """What became of the runs of attempts."""

    def states(self, attempts: Iterable[Attempt]) -> Mapping[tuple[UUID, int], RunState]:
        """State of each attempt's run, keyed by (job id, number)."""


@dataclass(frozen=True)
class LaunchRequest:
    """A run to be launched for an attempt that has taken its job."""

    job_id: UUID
    attempt: int
    user_id: UUID
    document_id: UUID
    title: str
    stages: Sequence[StageName]


@dataclass
class Reconciler:
    """One look at all jobs that need attention; several may look at once without harm."""

    services: Services
    runs: Runs
    did: Counter[str] = field(default_factory=Counter)

    def look(self) -> Sequence[LaunchRequest]:
        """Decide about every job that needs it; what has to be launched is returned."""
        jobs = JobRepository(self.services.database)
        needing = jobs.needing_attention(LOOK_AT)
        states = self.runs.states(
            attempt for _, attempt in needing if attempt is not None and attempt.alive
        )
        now = jobs.now()
        bound = _Bound(self.services)
        launches = []
        for job, attempt in needing:
            try:
                situation = Situation(
                    job, attempt, _state(attempt, states), self._deaths(job, attempt), now
                )
                launch = self._carry_out(situation, bound)
            except OwnershipLostError:
                self.did["changed meanwhile"] += 1
            except StorageUnavailableError as fault:
                self._put_off(job, fault)
            except TransientError as fault:
                # The database is away: what has been launched must be told before it is back.
                self._put_off(job, fault)
                break
            except Exception:
                # One row that nobody can decide about must not hold up all others.
                self.did["faults"] += 1
                log.exception("Job %s could not be decided about.", job.id)
            else:
                launches += [launch] if launch is not None else []
        return launches

    def summary(self) -> str:
        """What was done, for a person."""
        told = ", ".join(f"{count} {what}" for what, count in sorted(self.did.items()))
        return told or "nothing to do"

    def _put_off(self, job: Job, fault: TransientError) -> None:
        self.did["put off"] += 1
        log.warning("Job %s is looked at again later: %s", job.id, fault.message)

    def _deaths(self, job: Job, attempt: Attempt | None) -> int:
        if job.status is not JobStatus.PROCESSING or attempt is None or attempt.number < 2:
            return 0
        return AttemptRepository(self.services.database).deaths_in_place(job.id)

    def _carry_out(self, at: Situation, bound: "_Bound") -> LaunchRequest | None:
        action = reconcile(at)
        self.did[type(action).__name__.lower()] += 1
        jobs = JobRepository(self.services.database)
        number = at.attempt.number if at.attempt is not None else 0
        match action:
            case Launch():
                return self._launch(at.job, action.trigger, bound)
            case EndAttempt():
                AttemptRepository(self.services.database).end(at.job.id, number, action.outcome)
            case Rescue():
                jobs.release(at.job.id, number, AttemptOutcome.LOST, action.reason)
            case Pause():
                jobs.pause(at.job.id, number, action.reason)
            case Fail():
                guard = GuardedJob(self.services.database, at.job.id, number)
                guard.fail(action.error_type, action.message, None)
            case Wait():
                pass
            case _:
                assert_never(action)
        return None

    def _launch(self, job: Job, trigger: AttemptTrigger, bound: "_Bound") -> LaunchRequest | None:
        if not bound.has_room(job.user_id):
            return None
        try:
            document_id, stages = self._what_to_run(job)
        except InvalidInputError as refusal:
            JobRepository(self.services.database).reject(job.id, refusal.message)
            return None
        if trigger is AttemptTrigger.RESTART:
            # Before the attempt exists: should this fail, the wish is still there.
            self._discard_checkpoints(job.user_id, document_id)
        attempt = AttemptRepository(self.services.database).begin(job.id, trigger)
        if attempt is None:
            return None
        bound.take(job.user_id)
        title = str(job.metadata.get("title") or document_id)
        return LaunchRequest(job.id, attempt.number, job.user_id, document_id, title, stages)

    def _what_to_run(self, job: Job) -> tuple[UUID, Sequence[StageName]]:
        """The document and the stages; InvalidInputError for a job that cannot be begun."""
        job_type = JobType.parse(job.job_type)
        if job_type is None:
            raise InvalidInputError(
                f"There is no job type {job.job_type[:60]!r}; this version offers "
                f"{JobType.PROCESS_DOCUMENT}."
            )
        if job_type is not JobType.PROCESS_DOCUMENT:
            raise InvalidInputError(f"Jobs of the type {job_type} are not offered by this version.")
        document_id = _document_id(job)
        if DocumentRepository(self.services.database).get(job.user_id, document_id) is None:
            raise InvalidInputError(
                f"There is no document {document_id} of this user; add the document first."
            )
        without_connections = job.input_data.get("detectConnections") is False
        stages = DOCUMENT_STAGES[:-1] if without_connections else DOCUMENT_STAGES
        return document_id, stages

    def _discard_checkpoints(self, user_id: UUID, document_id: UUID) -> None:
        document = DocumentRepository(self.services.database).get(user_id, document_id)
        if document is not None:
            self.services.checkpoints(document).discard_all()


class _Bound:
    """How many attempts may still begin, in all and for each user."""

    def __init__(self, services: Services) -> None:
        flying = JobRepository(services.database).in_flight()
        self._settings = services.settings
        self._total = flying.total
        self._by_user = Counter(flying.by_user)

    def has_room(self, user_id: UUID) -> bool:
        return (
            self._total < self._settings.max_in_flight
            and self._by_user[user_id] < self._settings.max_in_flight_per_user
        )

    def take(self, user_id: UUID) -> None:
        self._total += 1
        self._by_user[user_id] += 1


def _state(attempt: Attempt | None, states: Mapping[tuple[UUID, int], RunState]) -> RunState:
    if attempt is None:
        return RunState.UNKNOWN
    return states.get((attempt.job_id, attempt.number), RunState.UNKNOWN)


def _document_id(job: Job) -> UUID:
    named = job.entity_id or job.input_data.get("document_id")
    try:
        return named if isinstance(named, UUID) else UUID(str(named))
    except ValueError:
        raise InvalidInputError(
            "The job names no document: input_data.document_id must be a document's id."
        ) from None
