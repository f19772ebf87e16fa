"""What a job does: its stages, and what their ends mean beyond their checkpoints."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.checkpoints.store import CheckpointStore
from rhizome_pipelines.database.guarded import Fence
from rhizome_pipelines.deployment.stage_checks import StageCheck
from rhizome_pipelines.lifecycle.jobs import JobType
from rhizome_pipelines.lifecycle.stage_names import StageName
from rhizome_pipelines.stages.stage import Stage

Results = Mapping[StageName, StageCheckpoint]
"""Verified results of stages."""


class Work(Protocol):
    """The work of one job, whatever its type; made anew for each attempt."""

    @property
    def job_type(self) -> JobType:
        """The job's."""

    @property
    def title(self) -> str:
        """What the job is about, for a person."""

    @property
    def partition(self) -> UUID | None:
        """The document whose partition the job's assets work on; None if its stages are ops."""

    @property
    def stages(self) -> Sequence[StageName]:
        """All that the job asks for, in order."""

    @property
    def checkpoints(self) -> CheckpointStore:
        """Where they are kept."""

    def open_stage(
        self, name: StageName, upstream: StageCheckpoint | None, fence: Fence, began: datetime
    ) -> AbstractContextManager[Stage]:
        """Build a stage; what it holds open is closed with the context.

        `fence`: in whose name rows are written. `began`: when the job first began. Raises
        InvalidInputError and PermanentError for what the stage cannot be built from.
        """

    def check(self, name: StageName, checkpoint: StageCheckpoint) -> Sequence[StageCheck]:
        """Look at what a finished stage has left."""

    def record(self, name: StageName, checkpoint: StageCheckpoint) -> None:
        """A stage is finished: keep the rows true that it is about. May be done again."""

    def finish(self, made: Results, seconds: Mapping[StageName, float]) -> dict[str, Any]:
        """All stages are finished: leave what lasts; `output_data` of the job.

        `made` are the results of the stages that this run has walked, `seconds` what each took.
        May be done again.
        """

    def tidy(self) -> None:
        """The job is completed, and that is on record: remove what only it has needed."""
