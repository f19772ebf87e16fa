"""Rows of the tables as the dataclasses of `lifecycle`."""

from collections.abc import Mapping
from typing import Any, LiteralString
from uuid import UUID

from rhizome_pipelines.lifecycle.documents import Document, DocumentStatus, SourceType
from rhizome_pipelines.lifecycle.errors import ErrorType
from rhizome_pipelines.lifecycle.jobs import (
    Attempt,
    AttemptOutcome,
    AttemptTrigger,
    CheckpointPointer,
    Job,
    JobStatus,
)

Row = Mapping[str, Any]

_ATTEMPT_COLUMNS = (
    "number",
    "trigger",
    "created_at",
    "run_id",
    "started_at",
    "heartbeat_at",
    "ended_at",
    "outcome",
    "error",
    "resumed_from",
    "last_checkpoint_stage",
    "last_checkpoint_path",
    "checkpoint_hash",
)

DOCUMENT_COLUMNS: LiteralString = (
    "id, user_id, title, author, source_type, storage_path, source_url, processing_status, "
    "created_at, metadata, source_metadata"
)
"""What `document_from` reads. With many documents it pays to leave out the others (outlines)."""


def job_from(row: Row) -> Job:
    """A row of `background_jobs`. What a client left null or of a wrong JSON type is empty."""
    return Job(
        id=row["id"],
        user_id=row["user_id"],
        job_type=row["job_type"],
        status=JobStatus(row["status"] or JobStatus.PENDING),
        created_at=row["created_at"],
        updated_at=row["updated_at"] or row["created_at"],
        entity_type=row["entity_type"],
        entity_id=row["entity_id"] or _document_named(row["input_data"]),
        progress=_object(row["progress"]),
        input_data=_object(row["input_data"]),
        input_is_object=row["input_data"] is None or isinstance(row["input_data"], dict),
        metadata=_object(row["metadata"]),
        output_data=_object(row["output_data"]),
        retry_count=row["retry_count"] or 0,
        max_retries=3 if row["max_retries"] is None else row["max_retries"],
        next_retry_at=row["next_retry_at"],
        error_type=ErrorType(row["error_type"]) if row["error_type"] else None,
        error_message=row["error_message"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        paused_at=row["paused_at"],
        pause_reason=row["pause_reason"],
        resume_count=row["resume_count"] or 0,
        checkpoint=_pointer(row),
        status_before=JobStatus(row["status_before"]) if row["status_before"] else None,
        status_changed_at=row["status_changed_at"],
        waits_for=row["waits_for"],
    )


def attempt_from(row: Row, prefix: str = "") -> Attempt:
    """A row of `job_attempts`; `prefix` is put before the names of its columns but `job_id`."""
    column = {name: row[prefix + name] for name in _ATTEMPT_COLUMNS}
    return Attempt(
        job_id=row["job_id"],
        number=column["number"],
        trigger=AttemptTrigger(column["trigger"]),
        created_at=column["created_at"],
        run_id=column["run_id"],
        started_at=column["started_at"],
        heartbeat_at=column["heartbeat_at"],
        ended_at=column["ended_at"],
        outcome=AttemptOutcome(column["outcome"]) if column["outcome"] else None,
        error=column["error"],
        resumed_from=column["resumed_from"],
        checkpoint=_pointer(column),
    )


def document_from(row: Row) -> Document:
    """A row of `documents`."""
    return Document(
        id=row["id"],
        user_id=row["user_id"],
        title=row["title"],
        author=row["author"],
        source_type=SourceType.parse(row["source_type"]),
        storage_path=row["storage_path"],
        source_url=row["source_url"],
        processing_status=row["processing_status"] or DocumentStatus.PENDING,
        created_at=row["created_at"],
        metadata=_object(row["metadata"]),
        source_metadata=_object(row["source_metadata"]),
    )


def _document_named(input_data: object) -> UUID | None:
    """The document that a job is about whose `entity_id` a client has left empty."""
    try:
        return UUID(str(_object(input_data).get("document_id")))
    except ValueError:
        return None


def _pointer(row: Row) -> CheckpointPointer | None:
    stage, path, digest = (
        row["last_checkpoint_stage"],
        row["last_checkpoint_path"],
        row["checkpoint_hash"],
    )
    if path is None or stage is None or digest is None:
        return None
    return CheckpointPointer(stage=stage, path=path, hash=digest)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
