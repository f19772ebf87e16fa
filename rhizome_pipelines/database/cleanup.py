"""Who still needs a document's checkpoints, and rows that nobody will bring to an end."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from rhizome_pipelines.database.connection import Database


@dataclass(frozen=True)
class StuckDocument:
    """A document that is said to be worked on, and of which no job is unfinished."""

    id: UUID
    user_id: UUID
    status: str


def documents_needed(
    database: Database, documents: Collection[UUID], *, but_not_by: UUID | None = None
) -> frozenset[UUID]:
    """Those of the documents whose checkpoints a job may still go on from.

    Needed by a job that is pending, processing, paused or failed (a person may retry it), and by
    one whose attempt is not recorded as ended. `but_not_by` leaves one job out of account.
    """
    rows = database.all(
        """
        select entity_id from background_jobs
        where entity_id = any(%(documents)s) and id is distinct from %(job)s
          and coalesce(status, 'pending') in ('pending', 'processing', 'paused', 'failed')
        union
        select entity_id from job_attempts
        where entity_id = any(%(documents)s) and job_id is distinct from %(job)s
          and ended_at is null
        """,
        {"documents": list(documents), "job": but_not_by},
    )
    return frozenset(row["entity_id"] for row in rows)


def with_checkpoints_due(
    database: Database, ids: Collection[UUID], failed_for: timedelta
) -> frozenset[UUID]:
    """Those of the documents, and of the jobs without a document, whose checkpoints may go.

    Needed as `documents_needed` says, but that a job which has failed for good needs them no
    longer after `failed_for`.
    """
    rows = database.all(
        """
        with needing as (
            select id, entity_id from background_jobs
            where (entity_id = any(%(ids)s) or id = any(%(ids)s)) and (
                coalesce(status, 'pending') in ('pending', 'processing', 'paused')
                or status = 'failed' and (
                    next_retry_at is not null or updated_at > now() - %(failed_for)s::interval))
            union all
            select job_id, entity_id from job_attempts
            where (entity_id = any(%(ids)s) or job_id = any(%(ids)s)) and ended_at is null)
        select id as needed from needing union select entity_id from needing
        """,
        {"ids": list(ids), "failed_for": failed_for},
    )
    return frozenset(ids) - {row["needed"] for row in rows}


def uploads_needed(
    database: Database, keys: Collection[str], failed_for: timedelta
) -> frozenset[str]:
    """Those of the stored files that a job is going to read, or may if a person retries it."""
    if not keys:
        return frozenset()
    rows = database.all(
        """
        select distinct j.input_data ->> 'storage_path' as key from background_jobs j
        where j.input_data ->> 'storage_path' = any(%(keys)s) and (
            coalesce(j.status, 'pending') in ('pending', 'processing', 'paused')
            or j.status = 'failed' and (
                j.next_retry_at is not null or j.updated_at > now() - %(failed_for)s::interval)
            or exists (
                select from job_attempts a where a.job_id = j.id and a.ended_at is null))
        """,
        {"keys": list(keys), "failed_for": failed_for},
    )
    return frozenset(row["key"] for row in rows)


def forget_pointers(database: Database, ids: Collection[UUID]) -> int:
    """The checkpoints of these documents or jobs are gone: failed and cancelled jobs say so."""
    return database.execute(
        """
        update background_jobs
        set last_checkpoint_path = null, last_checkpoint_stage = null, checkpoint_hash = null,
            progress = rhizome_merge_progress(progress, '{"checkpoint": {"can_resume": false}}')
        where (entity_id = any(%(ids)s) or id = any(%(ids)s)) and last_checkpoint_path is not null
          and status in ('failed', 'cancelled', 'completed')
        """,
        {"ids": list(ids)},
    )


def stuck_documents(
    database: Database,
    user_id: UUID | None,
    since: timedelta,
    limit: int | None,
    document_id: UUID | None = None,
) -> Sequence[StuckDocument]:
    """Documents in processing, or in a review, without an unfinished job of theirs.

    Of anybody, if `user_id` is None; all, if `document_id` is. `since`: how long nothing must have
    changed in the row.
    """
    rows = database.all(
        """
        select d.id, d.user_id, d.processing_status from documents d
        where d.processing_status in ('processing', 'awaiting_manual_review')
          and (%(user)s::uuid is null or d.user_id = %(user)s)
          and (%(document)s::uuid is null or d.id = %(document)s)
          and coalesce(d.updated_at, d.created_at) <= now() - %(since)s::interval
          and not exists (
            select from background_jobs j where j.entity_id = d.id
              and (coalesce(j.status, 'pending') in ('pending', 'processing', 'paused')
                   or j.status = 'failed' and j.next_retry_at is not null))
          and not exists (
            select from job_attempts a where a.entity_id = d.id and a.ended_at is null)
        order by d.id
        limit %(limit)s
        """,
        {"user": user_id, "document": document_id, "since": since, "limit": limit},
    )
    return [StuckDocument(row["id"], row["user_id"], row["processing_status"]) for row in rows]


def settle_document(
    database: Database, stuck: StuckDocument, status: str, error: str | None
) -> bool:
    """Set a stuck document right. False if a job of it has come meanwhile, or it has changed."""
    return (
        database.execute(
            """
        update documents d
        set processing_status = %(status)s, processing_error = %(error)s, review_stage = null,
            processing_completed_at = coalesce(processing_completed_at, now())
        where d.id = %(id)s and d.processing_status = %(was)s
          and not exists (
            select from background_jobs j where j.entity_id = d.id
              and (coalesce(j.status, 'pending') in ('pending', 'processing', 'paused')
                   or j.status = 'failed' and j.next_retry_at is not null))
        """,
            {"id": stuck.id, "was": stuck.status, "status": status, "error": error},
        )
        == 1
    )


def deleted_jobs_left(database: Database, before: datetime) -> int:
    """How many jobs were deleted before that and have attempts on record still."""
    row = database.first(
        """
        select count(distinct job_id) as jobs from job_attempts
        where job_deleted_at is not null and job_deleted_at < %s
        """,
        (before,),
    )
    return row["jobs"] if row else 0
