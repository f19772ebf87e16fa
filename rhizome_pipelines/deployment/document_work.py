"""The work on one document: all of its stages, or its connections alone."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.checkpoints.store import CheckpointStore
from rhizome_pipelines.database.documents import DocumentRepository
from rhizome_pipelines.database.guarded import Fence
from rhizome_pipelines.deployment.document_stages import StageContext, open_stage
from rhizome_pipelines.deployment.finals import job_output, keep_finals, with_earlier
from rhizome_pipelines.deployment.records import record_stage
from rhizome_pipelines.deployment.selected_chunks import selected_chunks
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.deployment.stage_checks import StageCheck, check_stage
from rhizome_pipelines.deployment.work import Results
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.jobs import Job, JobType
from rhizome_pipelines.lifecycle.stage_names import DOCUMENT_STAGES, JOB_STAGES, StageName
from rhizome_pipelines.stages.stage import Stage


@dataclass(frozen=True)
class DocumentWork:
    """See `Work`."""

    services: Services
    job: Job
    job_type: JobType
    document: Document

    @property
    def title(self) -> str:
        """The document's, or what the client calls it."""
        return str(self.job.metadata.get("title") or self.document.known_title or self.document.id)

    @property
    def partition(self) -> UUID | None:
        """The document."""
        return self.document.id

    @property
    def stages(self) -> Sequence[StageName]:
        """All, but for connections that the client does not want."""
        stages = JOB_STAGES[self.job_type]
        if (
            self.job_type is JobType.PROCESS_DOCUMENT
            and self.job.input_data.get("detectConnections") is False
        ):
            return stages[:-1]
        return stages

    @cached_property
    def checkpoints(self) -> CheckpointStore:
        """Those under the document's prefix."""
        return self.services.checkpoints(self.document)

    def open_stage(
        self, name: StageName, upstream: StageCheckpoint | None, fence: Fence, began: datetime
    ) -> AbstractContextManager[Stage]:
        """See `Work`. What comes before the job's first stage, an earlier job has left."""
        refuse_if_gone(self.services, self.job)
        if upstream is None and name is not DOCUMENT_STAGES[0]:
            before = DOCUMENT_STAGES[DOCUMENT_STAGES.index(name) - 1]
            upstream = self.checkpoints.load_final(before.value)
        context = StageContext(
            self.services, self.document, self.job, self.checkpoints, fence, began
        )
        return open_stage(name, context, upstream)

    def check(self, name: StageName, checkpoint: StageCheckpoint) -> Sequence[StageCheck]:
        """See `Work`."""
        return check_stage(self.services, self.document, name, checkpoint)

    def record(self, name: StageName, checkpoint: StageCheckpoint) -> None:
        """See `Work`."""
        record_stage(self.services, self.document, name, checkpoint)

    def finish(self, made: Results, seconds: Mapping[StageName, float]) -> dict[str, Any]:
        """Write the manifest. What this run did not walk, an earlier one has left."""
        results = with_earlier(self.checkpoints, made)
        keep_finals(self.checkpoints, self.document, results, seconds)
        return job_output(self._document_now(), results)

    def tidy(self) -> None:
        """Nothing but the checkpoints, which go with every job's."""
        return

    def _document_now(self) -> Document:
        """The row as the stages have left it, with the title that was found."""
        document = DocumentRepository(self.services.database).get(
            self.document.user_id, self.document.id
        )
        if document is None:
            raise deleted_meanwhile(self.document.id)
        return document


def document_work(services: Services, job: Job, job_type: JobType) -> DocumentWork:
    """The work of a job about a document.

    Raises InvalidInputError if there is no such document, or not the chunks that are named.
    """
    document = document_of(services, job)
    if job_type is JobType.DETECT_CONNECTIONS:
        selected_chunks(services, document, job.input_data)
    return DocumentWork(services, job, job_type, document)


def document_of(services: Services, job: Job) -> Document:
    """The document that the job is about. Raises InvalidInputError if there is no such document."""
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


def refuse_if_gone(services: Services, job: Job) -> None:
    """Raise InvalidInputError if the document that a job at work is about has been deleted.

    Whatever else went wrong then is a consequence of that.
    """
    if JobType.parse(job.job_type) not in _ABOUT_A_DOCUMENT or job.entity_id is None:
        return
    if DocumentRepository(services.database).get(job.user_id, job.entity_id) is None:
        raise deleted_meanwhile(job.entity_id)


def deleted_meanwhile(document_id: UUID) -> InvalidInputError:
    """What is told of a document that was there when its job began."""
    return InvalidInputError(
        f"There is no document {document_id} of this user any more: it was deleted while its job "
        "was at work. Nothing is tried again."
    )


_ABOUT_A_DOCUMENT = frozenset(
    {JobType.PROCESS_DOCUMENT, JobType.DETECT_CONNECTIONS, JobType.REPROCESS_CONNECTIONS}
)
