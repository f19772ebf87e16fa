"""Statements about many jobs at once, in bounded transactions.

Which jobs are meant is settled when the work begins: those that come meanwhile are left alone, and
so is a job that is no longer what it was then.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import LiteralString
from uuid import UUID

from rhizome_pipelines.database.connection import Database

BATCH = 500
"""Rows of one transaction."""


class Many(StrEnum):
    """Which jobs are meant."""

    COMPLETED = "completed"
    FAILED = "failed"
    """Failed for good: those that are tried again by themselves are not among them."""
    RETRYING = "retrying"
    """Failed, and tried again by themselves."""
    UNFINISHED = "unfinished"
    """Pending or being processed."""
    PROCESSING = "processing"
    ALL = "all"


_IS_RETRIED: LiteralString = """
(next_retry_at is not null and coalesce(retry_count, 0) < coalesce(max_retries, 3))"""
_WHICH: dict[Many, LiteralString] = {
    Many.COMPLETED: "status = 'completed'",
    Many.FAILED: "status = 'failed' and not " + _IS_RETRIED,
    Many.RETRYING: "status = 'failed' and " + _IS_RETRIED,
    Many.UNFINISHED: "coalesce(status, 'pending') in ('pending', 'processing')",
    Many.PROCESSING: "status = 'processing'",
    Many.ALL: "true",
}
_MINE: LiteralString = "(%(user)s::uuid is null or user_id = %(user)s)"


def count(database: Database, which: Many, user_id: UUID | None) -> int:
    """How many they are; of anybody, if `user_id` is None."""
    row = database.first(
        f"select count(*) as jobs from background_jobs where {_WHICH[which]} and {_MINE}",  # noqa: S608
        {"user": user_id},
    )
    return row["jobs"] if row else 0


def delete(database: Database, which: Many, user_id: UUID | None) -> int:
    """Delete them; how many went."""
    return _in_batches(
        database,
        which,
        user_id,
        "delete from background_jobs j using chosen where j.id = chosen.id returning j.id",
    )


def pause(database: Database, user_id: UUID | None, reason: str) -> int:
    """Pause all that is pending or being processed; how many they were."""
    return _in_batches(
        database,
        Many.UNFINISHED,
        user_id,
        """
        update background_jobs j
        set status = 'paused', paused_at = now(), pause_reason = %(text)s
        from chosen where j.id = chosen.id returning j.id""",
        reason,
    )


def fail(database: Database, user_id: UUID | None, message: str) -> int:
    """Fail all that is being processed, for good, with their documents; how many they were."""
    return _in_batches(
        database,
        Many.PROCESSING,
        user_id,
        """,
        failed as (
            update background_jobs j
            set status = 'failed', next_retry_at = null, error_type = 'permanent',
                error_message = %(text)s, last_error = %(text)s, completed_at = now(),
                output_data = jsonb_build_object(
                    'success', false, 'error', %(text)s::text, 'errorType', 'permanent')
            from chosen where j.id = chosen.id
            returning j.id, j.user_id, j.job_type, j.entity_id),
        document as (
            update documents d
            set processing_status = 'failed', processing_error = %(text)s
            from failed
            where d.id = failed.entity_id and d.user_id = failed.user_id
              and replace(failed.job_type, '-', '_') = 'process_document')
        select id from failed""",
        message,
    )


def _in_batches(
    database: Database,
    which: Many,
    user_id: UUID | None,
    act: LiteralString,
    text: str | None = None,
) -> int:
    """Act on batch after batch, each a transaction; how many jobs it was done to.

    Rows that somebody is writing at this moment are passed over at first, so that no batch waits
    with all its rows locked; what is left of them is waited for in the end.
    """
    left = _ids(database, which, user_id)
    done = 0
    waiting: LiteralString
    for waiting in ("skip locked", ""):
        touched: set[UUID] = set()
        for first in range(0, len(left), BATCH):
            rows = database.all(
                f"""
                with chosen as (
                    select id from background_jobs
                    where id = any(%(ids)s) and {_WHICH[which]} and {_MINE}
                    order by id for update {waiting})
                {act}
                """,  # noqa: S608 - the pieces are constants
                {"ids": left[first : first + BATCH], "user": user_id, "text": text},
            )
            touched.update(row["id"] for row in rows)
        done += len(touched)
        left = [one for one in left if one not in touched]
    return done


def _ids(database: Database, which: Many, user_id: UUID | None) -> Sequence[UUID]:
    rows = database.all(
        f"select id from background_jobs where {_WHICH[which]} and {_MINE} order by id",  # noqa: S608
        {"user": user_id},
    )
    return [row["id"] for row in rows]
