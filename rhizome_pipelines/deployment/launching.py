"""What an attempt is to be of: its document, its stages, and where it goes on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.documents import DocumentRepository
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.chain import checkpoint_chain
from rhizome_pipelines.deployment.review import take_over_edit
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.jobs import AttemptTrigger, Job, JobType
from rhizome_pipelines.lifecycle.launch import ParentRun, steps_to_walk
from rhizome_pipelines.lifecycle.stage_names import DOCUMENT_STAGES, StageName


class Parents(Protocol):
    """The runs that a new one may go on from."""

    def parent(self, run_ids: Sequence[str], stages: Sequence[StageName]) -> ParentRun | None:
        """The first of the runs that is on record, if its steps are these stages; else None."""


@dataclass(frozen=True)
class PlannedAttempt:
    """An attempt before it exists; `steps` are those of the stages that it walks."""

    document_id: UUID
    title: str
    stages: Sequence[StageName]
    steps: Sequence[StageName]
    parent: ParentRun | None = None


def plan_attempt(
    services: Services, runs: Parents, job: Job, trigger: AttemptTrigger
) -> PlannedAttempt:
    """Decide where the job's next attempt begins; a restart discards its checkpoints first.

    An attempt that follows another is the re-execution of its run, from the first stage that is
    not done and valid. Raises InvalidInputError for a job that cannot be begun at all,
    PermanentError where going on would destroy a person's edit, TransientError.
    """
    document = _document(services, job)
    stages = job_stages(job)
    title = str(job.metadata.get("title") or document.id)
    if trigger is AttemptTrigger.RESTART:
        services.checkpoints(document).discard_all()
    if trigger in (AttemptTrigger.RESTART, AttemptTrigger.START):
        return PlannedAttempt(document.id, title, stages, stages)
    take_over_edit(services.checkpoints(document), job, JobRepository(services.database).now())
    attempts = AttemptRepository(services.database).list_for_job(job.id)
    run_ids = [one.run_id for one in reversed(attempts) if one.run_id is not None]
    parent = runs.parent(run_ids, stages) if run_ids else None
    broken = None
    if parent is not None and parent.done:
        broken = checkpoint_chain(services, job, document, stages).broken
    steps = steps_to_walk(stages, parent, broken)
    return PlannedAttempt(document.id, title, stages, steps, parent)


def job_stages(job: Job) -> Sequence[StageName]:
    """All stages that the job asks for."""
    without_connections = job.input_data.get("detectConnections") is False
    return DOCUMENT_STAGES[:-1] if without_connections else DOCUMENT_STAGES


def _document(services: Services, job: Job) -> Document:
    job_type = JobType.parse(job.job_type)
    if job_type is None:
        raise InvalidInputError(
            f"There is no job type {job.job_type[:60]!r}; this version offers "
            f"{JobType.PROCESS_DOCUMENT}."
        )
    if job_type is not JobType.PROCESS_DOCUMENT:
        raise InvalidInputError(f"Jobs of the type {job_type} are not offered by this version.")
    document_id = _document_id(job)
    document = DocumentRepository(services.database).get(job.user_id, document_id)
    if document is None:
        raise InvalidInputError(
            f"There is no document {document_id} of this user; add the document first."
        )
    return document


def _document_id(job: Job) -> UUID:
    named = job.entity_id or job.input_data.get("document_id")
    try:
        return named if isinstance(named, UUID) else UUID(str(named))
    except ValueError:
        raise InvalidInputError(
            "The job names no document: input_data.document_id must be a document's id."
        ) from None
