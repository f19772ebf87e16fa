"""Jobs and attempts: the words of `background_jobs` and of the attempts side table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from rhizome_pipelines.lifecycle.errors import ErrorType


class JobType(StrEnum):
    """`background_jobs.job_type`."""

    PROCESS_DOCUMENT = "process_document"
    IMPORT_DOCUMENT = "import_document"
    EXPORT_DOCUMENTS = "export_documents"
    REPROCESS_CONNECTIONS = "reprocess_connections"
    DETECT_CONNECTIONS = "detect_connections"
    OBSIDIAN_EXPORT = "obsidian_export"
    OBSIDIAN_SYNC = "obsidian_sync"
    READWISE_IMPORT = "readwise_import"

    @classmethod
    def parse(cls, text: str) -> "JobType | None":
        """Read either spelling (`detect-connections`, `detect_connections`); None if unknown."""
        try:
            return cls(text.strip().lower().replace("-", "_"))
        except ValueError:
            return None


class JobStatus(StrEnum):
    """`background_jobs.status`."""

    PENDING = "pending"
    PROCESSING = "processing"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AttemptTrigger(StrEnum):
    """Why an attempt was made."""

    START = "start"
    RESUME = "resume"
    RETRY = "retry"
    RESTART = "restart"
    RESCUE = "rescue"
    UI = "ui"


class AttemptOutcome(StrEnum):
    """How an attempt ended; None in the table while it is alive."""

    COMPLETED = "completed"
    FAILED = "failed"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    SHUTDOWN = "shutdown"
    LOST = "lost"
    SUPERSEDED = "superseded"


@dataclass(frozen=True)
class JobDisplay:
    """How a job type is shown to a person, everywhere."""

    name: str
    icon: str


DISPLAY: Mapping[JobType, JobDisplay] = {
    JobType.PROCESS_DOCUMENT: JobDisplay("Process document", "⚡"),
    JobType.IMPORT_DOCUMENT: JobDisplay("Import", "📥"),
    JobType.EXPORT_DOCUMENTS: JobDisplay("Export", "📦"),
    JobType.REPROCESS_CONNECTIONS: JobDisplay("Reprocess connections", "🔁"),
    JobType.DETECT_CONNECTIONS: JobDisplay("Detect connections", "🔗"),
    JobType.OBSIDIAN_EXPORT: JobDisplay("Obsidian export", "💡"),
    JobType.OBSIDIAN_SYNC: JobDisplay("Obsidian sync", "🔄"),
    JobType.READWISE_IMPORT: JobDisplay("Readwise import", "📖"),
}


@dataclass(frozen=True)
class CheckpointPointer:
    """The newest part or stage file that a resume would use, as the row records it.

    `hash` is the first 16 hex digits of the SHA-256 of the exact stored bytes.
    """

    stage: str
    path: str
    hash: str


@dataclass(frozen=True)
class Job:
    """One row of `background_jobs`."""

    id: UUID
    user_id: UUID
    job_type: str
    status: JobStatus
    created_at: datetime
    updated_at: datetime
    entity_type: str | None = None
    entity_id: UUID | None = None
    progress: Mapping[str, Any] = field(default_factory=dict)
    input_data: Mapping[str, Any] = field(default_factory=dict)
    input_is_object: bool = True
    """False if the client has written something else there; then `input_data` is empty."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    output_data: Mapping[str, Any] = field(default_factory=dict)
    retry_count: int = 0
    max_retries: int = 3
    next_retry_at: datetime | None = None
    error_type: ErrorType | None = None
    error_message: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    paused_at: datetime | None = None
    pause_reason: str | None = None
    resume_count: int = 0
    checkpoint: CheckpointPointer | None = None
    status_before: JobStatus | None = None
    status_changed_at: datetime | None = None
    waits_for: str | None = None
    """A provider (a host's name) that fails everybody; the job waits until it is tried again."""

    @property
    def review_asked(self) -> bool:
        """Whether the job has paused itself for a review that nobody has gone on from yet."""
        return self.progress.get("review") == "asked"

    @property
    def wants_review(self) -> bool:
        """Whether the job is to pause itself after extraction, and has not done so yet."""
        return self.input_data.get("reviewBeforeChunking") is True and "review" not in self.progress


@dataclass(frozen=True)
class Attempt:
    """One Dagster run made for a job; `number` counts from 1 and is the fence of its writes."""

    job_id: UUID
    number: int
    trigger: AttemptTrigger
    created_at: datetime
    run_id: str | None = None
    started_at: datetime | None = None
    heartbeat_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: AttemptOutcome | None = None
    error: str | None = None
    resumed_from: str | None = None
    checkpoint: CheckpointPointer | None = None

    @property
    def alive(self) -> bool:
        """Not yet recorded as ended (its process may nevertheless be dead: see the heartbeat)."""
        return self.ended_at is None
