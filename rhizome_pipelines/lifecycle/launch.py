"""What is known of a run before it exists."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from rhizome_pipelines.lifecycle.stage_names import StageName


@dataclass(frozen=True)
class LaunchRequest:
    """A run to be launched for an attempt that has taken its job."""

    job_id: UUID
    attempt: int
    user_id: UUID
    document_id: UUID
    title: str
    stages: Sequence[StageName]
    run_id: str | None = None
    """The id that the attempt is bound to; None where Dagster's daemon chooses one."""

    @property
    def key(self) -> str:
        """Names the attempt: a run is never launched twice for it."""
        return f"{self.job_id}:{self.attempt}"
