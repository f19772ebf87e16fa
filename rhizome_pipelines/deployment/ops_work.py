"""The work of jobs whose stages are ops: they keep their checkpoints under their own id."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.checkpoints.store import CheckpointStore
from rhizome_pipelines.connections.reprocessing import ReprocessWish, reprocess_output
from rhizome_pipelines.database.annotations import annotations_kept
from rhizome_pipelines.database.guarded import Fence
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.document_stages import StageContext
from rhizome_pipelines.deployment.document_work import document_of
from rhizome_pipelines.deployment.exporting import archive_stage, export_output
from rhizome_pipelines.deployment.importing import (
    ImportContext,
    discard_upload,
    import_output,
    open_import_stage,
)
from rhizome_pipelines.deployment.reprocessing import open_detection
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.deployment.stage_checks import StageCheck
from rhizome_pipelines.deployment.work import Results
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.jobs import DISPLAY, Job, JobType
from rhizome_pipelines.lifecycle.stage_names import JOB_STAGES, StageName
from rhizome_pipelines.stages.stage import Stage
from rhizome_pipelines.transfer.inputs import ExportInput, ImportInput


@dataclass(frozen=True)
class OpsWork(ABC):
    """See `Work`."""

    services: Services
    job: Job
    job_type: JobType

    @property
    def title(self) -> str:
        """What the client calls it."""
        return str(self.job.metadata.get("title") or DISPLAY[self.job_type].name)

    @property
    def partition(self) -> UUID | None:
        """None: ops have no partitions."""
        return None

    @property
    def stages(self) -> Sequence[StageName]:
        """All of the job type's."""
        return JOB_STAGES[self.job_type]

    @cached_property
    def checkpoints(self) -> CheckpointStore:
        """Those under the job's own id."""
        return self.services.job_checkpoints(self.job.user_id, self.job.id)

    @abstractmethod
    def open_stage(
        self, name: StageName, upstream: StageCheckpoint | None, fence: Fence, began: datetime
    ) -> AbstractContextManager[Stage]:
        """See `Work`."""

    def check(self, name: StageName, checkpoint: StageCheckpoint) -> Sequence[StageCheck]:
        """None beside those that the stages make themselves."""
        return ()

    def record(self, name: StageName, checkpoint: StageCheckpoint) -> None:
        """Nothing: what these jobs change, their stages' ends change."""
        return

    @abstractmethod
    def finish(self, made: Results, seconds: Mapping[StageName, float]) -> dict[str, Any]:
        """See `Work`."""

    def tidy(self) -> None:
        """Nothing but the checkpoints, which go with every job's."""
        return


@dataclass(frozen=True)
class ExportWork(OpsWork):
    """Documents into one archive."""

    wanted: ExportInput

    @classmethod
    def of(cls, services: Services, job: Job) -> "ExportWork":
        """Raises InvalidInputError for an input that cannot be used."""
        return cls(services, job, JobType.EXPORT_DOCUMENTS, ExportInput.read(job.input_data))

    @property
    def title(self) -> str:
        """What the client calls it, or how many documents there are."""
        count = len(self.wanted.document_ids)
        many = f"{count:,} document{'' if count == 1 else 's'}"
        return str(self.job.metadata.get("title") or many)

    @contextmanager
    def open_stage(
        self, name: StageName, upstream: StageCheckpoint | None, fence: Fence, began: datetime
    ) -> Iterator[Stage]:
        """See `Work`."""
        yield archive_stage(self.services, self.job)

    def finish(self, made: Results, seconds: Mapping[StageName, float]) -> dict[str, Any]:
        """The archive is there already; a link to it."""
        now = JobRepository(self.services.database).now()
        return export_output(self.services, self.job, made[StageName.ARCHIVE].facts, now)


@dataclass(frozen=True)
class ImportWork(OpsWork):
    """Documents out of an archive, or a `chunks.json`, into the library."""

    wanted: ImportInput

    @classmethod
    def of(cls, services: Services, job: Job) -> "ImportWork":
        """Raises InvalidInputError for an input that cannot be used."""
        return cls(services, job, JobType.IMPORT_DOCUMENT, ImportInput.read(job.input_data))

    def open_stage(
        self, name: StageName, upstream: StageCheckpoint | None, fence: Fence, began: datetime
    ) -> AbstractContextManager[Stage]:
        """See `Work`."""
        context = ImportContext(self.services, self.job, fence, annotations_kept)
        return open_import_stage(name, context, upstream)

    def finish(self, made: Results, seconds: Mapping[StageName, float]) -> dict[str, Any]:
        """What was imported is there already; what became of each document is told."""
        now = JobRepository(self.services.database).now()
        took = now - (self.job.started_at or now)
        facts = made[StageName.FILES].facts
        return import_output(self.job, facts, took.total_seconds() * 1000)

    def tidy(self) -> None:
        """What was uploaded only to be imported goes."""
        discard_upload(self.services, self.job)


@dataclass(frozen=True)
class ReprocessWork(OpsWork):
    """A document's connections anew, by mode."""

    document: Document

    @classmethod
    def of(cls, services: Services, job: Job) -> "ReprocessWork":
        """Raises InvalidInputError for an input that cannot be used, or an unknown document."""
        ReprocessWish.read(job.input_data)
        document = document_of(services, job)
        return cls(services, job, JobType.REPROCESS_CONNECTIONS, document)

    @property
    def title(self) -> str:
        """The document's, or what the client calls it."""
        named = self.job.metadata.get("title") or self.document.known_title
        return str(named or self.document.id)

    @contextmanager
    def open_stage(
        self, name: StageName, upstream: StageCheckpoint | None, fence: Fence, began: datetime
    ) -> Iterator[Stage]:
        """See `Work`. The vectors are those that the document's own job has left."""
        finals = self.services.checkpoints(self.document)
        context = StageContext(self.services, self.document, self.job, finals, fence, began)
        with open_detection(context, finals.load_final(StageName.EMBEDDINGS.value)) as stage:
            yield stage

    def finish(self, made: Results, seconds: Mapping[StageName, float]) -> dict[str, Any]:
        """The connections are there already; what has changed is told."""
        now = JobRepository(self.services.database).now()
        took = now - (self.job.started_at or now)
        facts = made[StageName.DETECTION].facts
        return reprocess_output(facts, round(took.total_seconds() * 1000))


OPS_WORKS: Mapping[JobType, Callable[[Services, Job], OpsWork]] = {
    JobType.REPROCESS_CONNECTIONS: ReprocessWork.of,
    JobType.EXPORT_DOCUMENTS: ExportWork.of,
    JobType.IMPORT_DOCUMENT: ImportWork.of,
}
"""How the work of a job is made. Raises InvalidInputError for an input that cannot be used."""
