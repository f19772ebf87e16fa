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
from rhizome_pipelines.database.guarded import Fence
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.exporting import archive_stage, export_output
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.deployment.stage_checks import StageCheck
from rhizome_pipelines.deployment.work import Results
from rhizome_pipelines.lifecycle.jobs import DISPLAY, Job, JobType
from rhizome_pipelines.lifecycle.stage_names import JOB_STAGES, StageName
from rhizome_pipelines.stages.stage import Stage
from rhizome_pipelines.transfer.inputs import ExportInput


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


OPS_WORKS: Mapping[JobType, Callable[[Services, Job], OpsWork]] = {
    JobType.EXPORT_DOCUMENTS: ExportWork.of,
}
"""How the work of a job is made. Raises InvalidInputError for an input that cannot be used."""
