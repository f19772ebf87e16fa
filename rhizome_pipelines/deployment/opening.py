"""The attempt that a run works for: found, taken or adopted before its first step."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from rhizome_pipelines.database.adoption import ForeignRun
from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.guarded import GuardedJob, OwnershipLostError
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.attempt import AttemptSession
from rhizome_pipelines.deployment.chain import checkpoint_chain
from rhizome_pipelines.deployment.failure import record_failure
from rhizome_pipelines.deployment.offered import work_for
from rhizome_pipelines.deployment.review import TAKEN_OVER, take_over_edit
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.deployment.worker_memory import give_freed_memory_back
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.jobs import Attempt, AttemptTrigger, JobType
from rhizome_pipelines.lifecycle.stage_names import JOB_STAGES, StageName


@dataclass(frozen=True)
class RunIdentity:
    """What a run knows of itself at its start.

    `job_id` and `attempt` are what the launcher said; a re-execution copies them from its
    parent, so they are believed only if no other run has taken that attempt.
    """

    run_id: str
    job_type: JobType
    stages: Sequence[StageName]
    document_id: UUID | None = None
    """The partition of a run of assets."""
    input_data: Mapping[str, Any] = field(default_factory=dict)
    """What a run of ops is to do, if it is one that no row has asked for."""
    user_id: UUID | None = None
    """Whose job that is."""
    job_id: UUID | None = None
    attempt: int | None = None
    parent_run_id: str | None = None


def open_attempt(services: Services, run: RunIdentity) -> AttemptSession:
    """Take the attempt that this run is for, or refuse in a sentence before any work.

    A run that nobody asked for through a row (Dagster's UI, `dagster job execute`) gets one.
    """
    give_freed_memory_back()
    attempt = _take(services, run)
    try:
        return _open(services, run, attempt)
    except Exception as fault:
        job = JobRepository(services.database).get(attempt.job_id)
        if job is not None:
            guard = GuardedJob(services.database, attempt.job_id, attempt.number)
            with suppress(OwnershipLostError):
                record_failure(services, guard, job, fault)
        raise


def _open(services: Services, run: RunIdentity, attempt: Attempt) -> AttemptSession:
    jobs = JobRepository(services.database)
    AttemptRepository(services.database).started(attempt.job_id, attempt.number)
    job = jobs.get(attempt.job_id)
    if job is None:
        raise InvalidInputError("The job was deleted before its run began; nothing was done.")
    work = work_for(services, job)
    if work.partition != run.document_id:
        raise InvalidInputError(
            f"Job {job.id} is about the document {work.partition}, and this run is about "
            f"{run.document_id}; nothing was done."
        )
    session = AttemptSession(services, job, attempt, work, run.stages)
    try:
        _go_on(session, run)
    except BaseException:
        session.give_up()
        raise
    return session


def _go_on(session: AttemptSession, run: RunIdentity) -> None:
    """What must be seen to before the first stage of an attempt that goes on from another."""
    services, job = session.services, session.job
    if job.review_asked:
        take_over_edit(session.checkpoints, job, JobRepository(services.database).now())
        session.note(TAKEN_OVER)
    if session.attempt.trigger is AttemptTrigger.UI and run.parent_run_id is not None:
        _refuse_to_skip(session, run)


def _refuse_to_skip(session: AttemptSession, run: RunIdentity) -> None:
    """Raise if the run would skip a stage whose checkpoint is not valid any more.

    Dagster's re-execution from failure believes what the parent run has told; an attempt of the
    reconciler's has been looked at.
    """
    stages = JOB_STAGES[session.work.job_type]
    before = stages[: stages.index(run.stages[0])] if run.stages else ()
    chain = checkpoint_chain(session.work, session.job, before)
    if chain.broken is not None and chain.reasons:
        raise InvalidInputError(
            f"The checkpoint of {chain.broken}, which this run would skip, cannot be used any "
            f"more: {'; '.join(chain.reasons)}. Re-execute the run from {chain.broken} on, or let "
            f"Rhizome find where to go on: rhizome jobs retry {session.job.id}."
        )


def _take(services: Services, run: RunIdentity) -> Attempt:
    attempts = AttemptRepository(services.database)
    own = attempts.by_run(run.run_id)
    if own is not None:
        return own
    if run.job_id is not None and run.attempt is not None:
        if attempts.bind_run(run.job_id, run.attempt, run.run_id):
            bound = attempts.by_run(run.run_id)
            if bound is not None:
                return bound
        if run.parent_run_id is None:
            raise InvalidInputError(
                "The job was deleted, stopped or taken over before its run began; nothing was done."
            )
    return attempts.adopt(
        ForeignRun(
            run.run_id,
            run.job_type,
            document_id=run.document_id,
            user_id=run.user_id,
            parent_run_id=run.parent_run_id,
            input_data={**run.input_data, **_named("document_id", run.document_id)},
            metadata=_named("documentId", run.document_id),
        )
    )


def _named(name: str, document_id: UUID | None) -> dict[str, str]:
    return {} if document_id is None else {name: str(document_id)}
