"""The sensor's work without the sensor: read what needs attention, decide, carry out."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Protocol, assert_never
from uuid import UUID, uuid4

from rhizome_pipelines.checkpoints.objects import StorageUnavailableError
from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.documents import DocumentRepository
from rhizome_pipelines.database.guarded import GuardedJob, OwnershipLostError
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.presence import is_stopping
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.errors import InvalidInputError, TransientError
from rhizome_pipelines.lifecycle.jobs import (
    Attempt,
    AttemptOutcome,
    AttemptTrigger,
    Job,
    JobType,
)
from rhizome_pipelines.lifecycle.launch import LaunchRequest
from rhizome_pipelines.lifecycle.reconcile import (
    Action,
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

_DONE: Mapping[type[Action], str] = {
    EndAttempt: "ended",
    Rescue: "rescued",
    Pause: "paused",
    Fail: "failed",
}

LOOK_AT = 200
"""Pending rows that one look considers; the rest wait for the next."""


LAUNCH_FAULTS = 3
"""So many runs could not be launched, and a tick tries no more."""


class Runs(Protocol):
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


@dataclass
class Reconciler:
    """The looks of one tick at all jobs that need attention; several may look at once."""

    services: Services
    runs: Runs
    did: Counter[str] = field(default_factory=Counter)
    not_launched: dict[UUID, str] = field(default_factory=dict)
    """Jobs whose run could not be launched, and why: they wait for the next tick."""

    def look(self) -> Sequence[LaunchRequest]:
        """Decide about every job that needs it. What the daemon has to launch is returned."""
        jobs = JobRepository(self.services.database)
        # Before the rows: what waited when room was made is among those that may take it.
        bound = _Bound(self.services)
        needing = jobs.needing_attention(LOOK_AT)
        if not needing:
            return ()
        states = self.runs.states(
            attempt for _, attempt in needing if attempt is not None and attempt.alive
        )
        now = jobs.now()
        launches = []
        for job, attempt in needing:
            try:
                situation = Situation(job, attempt, _state(attempt, states), 0, now)
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
        told = [f"{count} {what}" for what, count in sorted(self.did.items())]
        told += [f"job {job} not launched: {why}" for job, why in self.not_launched.items()]
        return ", ".join(told) or "nothing to do"

    def _put_off(self, job: Job, fault: TransientError) -> None:
        self.did["put off"] += 1
        log.warning("Job %s is looked at again later: %s", job.id, fault.message)

    def _decide(self, at: Situation) -> Action:
        """How often the job's workers have died before is asked only where it matters."""
        action = reconcile(at)
        if isinstance(action, Rescue) and at.attempt is not None and at.attempt.number > 1:
            deaths = AttemptRepository(self.services.database).deaths_in_place(at.job.id)
            action = reconcile(replace(at, deaths=deaths))
        return action

    def _carry_out(self, at: Situation, bound: "_Bound") -> LaunchRequest | None:
        action = self._decide(at)
        jobs = JobRepository(self.services.database)
        number = at.attempt.number if at.attempt is not None else 0
        if isinstance(action, Launch):
            return self._launch(at.job, action.trigger, bound)
        if isinstance(action, Wait):
            return None
        self.did[_DONE[type(action)]] += 1
        if at.run is RunState.CREATED and at.attempt is not None and at.attempt.run_id is not None:
            self.runs.abandon(at.attempt.run_id)
        match action:
            case EndAttempt():
                AttemptRepository(self.services.database).end(at.job.id, number, action.outcome)
            case Rescue():
                jobs.release(at.job.id, number, AttemptOutcome.LOST, action.reason)
            case Pause():
                jobs.pause(at.job.id, number, action.reason)
            case Fail():
                guard = GuardedJob(self.services.database, at.job.id, number)
                guard.fail(action.error_type, action.message, None)
            case _:
                assert_never(action)
        return None

    def _launch(self, job: Job, trigger: AttemptTrigger, bound: "_Bound") -> LaunchRequest | None:
        if not self._may_launch(job, bound):
            return None
        try:
            document_id, stages = self._what_to_run(job)
        except InvalidInputError as refusal:
            JobRepository(self.services.database).reject(job.id, refusal.message)
            self.did["rejected"] += 1
            return None
        if trigger is AttemptTrigger.RESTART:
            # Before the attempt exists: should this fail, the wish is still there.
            self._discard_checkpoints(job.user_id, document_id)
        # Bound before there is a run: whatever dies in between, nobody else takes its place.
        run_id = str(uuid4()) if self.runs.can_launch else None
        attempt = AttemptRepository(self.services.database).begin(job.id, trigger, run_id)
        if attempt is None:
            return None
        bound.take(job.user_id)
        self.did["launched"] += 1
        title = str(job.metadata.get("title") or document_id)
        request = LaunchRequest(
            job.id, attempt.number, job.user_id, document_id, title, stages, run_id
        )
        if run_id is None:
            return request
        self._launch_now(request, run_id)
        return None

    def _may_launch(self, job: Job, bound: "_Bound") -> bool:
        return (
            bound.has_room(job.user_id)
            and job.id not in self.not_launched
            and len(self.not_launched) < LAUNCH_FAULTS
            and not is_stopping(self.services.settings.home)
        )

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
        self._settings = services.settings
        self._by_user = Counter(JobRepository(services.database).in_flight().by_user)

    def has_room(self, user_id: UUID) -> bool:
        return (
            self._by_user.total() < self._settings.max_in_flight
            and self._by_user[user_id] < self._settings.max_in_flight_per_user
        )

    def take(self, user_id: UUID) -> None:
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
