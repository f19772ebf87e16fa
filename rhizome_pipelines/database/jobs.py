"""`background_jobs`: rows read and inserted, and the state changes that no attempt makes itself.

What an attempt writes to its own job is in `guarded`; what the reconciler's queue reads, in
`queue`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from rhizome_pipelines.database import queue
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.rows import job_from
from rhizome_pipelines.database.storable import storable_text
from rhizome_pipelines.lifecycle.errors import ErrorType
from rhizome_pipelines.lifecycle.jobs import Attempt, AttemptOutcome, Job, JobStatus, JobType


class JobRepository:
    """Jobs as rows, of all users unless one is named: the reconciler's and operator's view."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def now(self) -> datetime:
        """The database's clock, the only one by which decisions are made."""
        moment: datetime = self._database.all("select now()")[0]["now"]
        return moment

    # Reading

    def get(self, job_id: UUID, *, user_id: UUID | None = None) -> Job | None:
        """The job, or None if its row is gone (or is not that user's)."""
        row = self._database.first(
            """
            select * from background_jobs
            where id = %(id)s and (%(user)s::uuid is null or user_id = %(user)s)
            """,
            {"id": job_id, "user": user_id},
        )
        return job_from(row) if row else None

    def list(
        self,
        *,
        user_id: UUID | None = None,
        job_type: JobType | None = None,
        status: JobStatus | None = None,
        stage: str | None = None,
        limit: int = 100,
    ) -> Sequence[Job]:
        """The newest jobs first. `job_type` finds both of its spellings."""
        rows = self._database.all(
            """
            select * from background_jobs
            where (%(user)s::uuid is null or user_id = %(user)s)
              and (%(type)s::text is null or replace(job_type, '-', '_') = %(type)s)
              and (%(status)s::text is null or status = %(status)s)
              and (%(stage)s::text is null or progress ->> 'stage' = %(stage)s)
            order by created_at desc, id
            limit %(limit)s
            """,
            {"user": user_id, "type": job_type, "status": status, "stage": stage, "limit": limit},
        )
        return [job_from(row) for row in rows]

    def latest_for_document(self, document_id: UUID, job_type: JobType | None = None) -> Job | None:
        """The newest job about the document (of that type, in either spelling)."""
        row = self._database.first(
            """
            select * from background_jobs
            where entity_id = %(document)s
              and (%(type)s::text is null or replace(job_type, '-', '_') = %(type)s)
            order by created_at desc, id desc
            limit 1
            """,
            {"document": document_id, "type": job_type},
        )
        return job_from(row) if row else None

    def needing_attention(self, limit: int = 100) -> Sequence[tuple[Job, Attempt | None]]:
        """What the reconciler must look at, each job with its newest attempt: see `queue`."""
        return queue.needing_attention(self._database, limit)

    def in_flight(self) -> queue.InFlight:
        """Jobs that an attempt owns, or whose stopped attempt has not ended yet."""
        return queue.in_flight(self._database)

    # Writing

    def insert(
        self,
        user_id: UUID,
        job_type: JobType,
        *,
        document_id: UUID | None = None,
        input_data: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        max_retries: int = 3,
        priority: int = 0,
    ) -> Job:
        """A new pending job. `priority`: the higher goes first among the same user's."""
        rows = self._database.all(
            """
            insert into background_jobs (user_id, job_type, entity_type, entity_id, input_data,
                                         metadata, max_retries, priority)
            values (%(user)s, %(type)s, %(entity_type)s, %(document)s, %(input)s,
                    %(metadata)s, %(max_retries)s, %(priority)s)
            returning *
            """,
            {
                "user": user_id,
                "type": job_type,
                "entity_type": None if document_id is None else "document",
                "document": document_id,
                "input": Jsonb(dict(input_data or {})),
                "metadata": Jsonb(dict(metadata or {})),
                "max_retries": max_retries,
                "priority": priority,
            },
        )
        return job_from(rows[0])

    def requeue(self, job_id: UUID) -> bool:
        """A failed job whose retry is due becomes pending, one more retry counted.

        False if it is not due any more.
        """
        return (
            self._database.execute(
                """
            update background_jobs
            set status = 'pending', retry_count = coalesce(retry_count, 0) + 1, next_retry_at = null
            where id = %s and status = 'failed' and next_retry_at <= now()
              and coalesce(retry_count, 0) < coalesce(max_retries, 3)
            """,
                (job_id,),
            )
            == 1
        )

    def reject(self, job_id: UUID, message: str, error_type: ErrorType = ErrorType.INVALID) -> bool:
        """A pending job cannot be begun at all: failed, with the sentence. False if not pending.

        So has its document, unless an earlier job has completed it: nothing of that was touched.
        """
        row = self._database.first(
            """
            with rejected as (
                update background_jobs
                set status = 'failed', completed_at = now(), next_retry_at = null,
                    error_type = %(type)s, error_message = %(message)s, last_error = %(message)s,
                    output_data = jsonb_build_object('success', false, 'error', %(message)s::text)
                where id = %(id)s and status = 'pending'
                returning id, user_id, job_type, entity_id),
            document as (
                update documents d
                set processing_status = 'failed', processing_error = %(message)s
                from rejected
                where d.id = rejected.entity_id and d.user_id = rejected.user_id
                  and replace(rejected.job_type, '-', '_') = 'process_document'
                  and d.processing_status is distinct from 'completed')
            select id from rejected
            """,
            {"id": job_id, "message": storable_text(message), "type": error_type},
        )
        return row is not None

    def put_back(self, job_id: UUID, seen: JobStatus, was: JobStatus, note: str) -> bool:
        """Undo a client's change that makes no sense, with a note. False if it changed again.

        Why a failed job has failed stays behind the note; earlier notes do not.
        """
        return (
            self._database.execute(
                """
            update background_jobs
            set status = %(was)s, paused_at = null, pause_reason = null,
                last_error = case when %(was)s = 'failed'
                    then coalesce(last_error, error_message) else last_error end,
                error_message = %(note)s || coalesce(' Before: ' || case when %(was)s = 'failed'
                    then coalesce(last_error, error_message) end, '')
            where id = %(id)s and status = %(seen)s
            """,
                {"id": job_id, "seen": seen, "was": was.value, "note": note},
            )
            == 1
        )

    def forget_checkpoint(self, job_id: UUID) -> bool:
        """A cancelled job's checkpoints are gone: the row says so. False if it is not cancelled."""
        return (
            self._database.execute(
                """
            update background_jobs
            set last_checkpoint_path = null, last_checkpoint_stage = null, checkpoint_hash = null,
                progress = rhizome_merge_progress(progress, '{"checkpoint": {"can_resume": false}}')
            where id = %s and status = 'cancelled'
            """,
                (job_id,),
            )
            == 1
        )

    def release(
        self, job_id: UUID, number: int, outcome: AttemptOutcome, reason: str | None = None
    ) -> bool:
        """Its attempt is over without a result: the job is pending again, no retry used.

        `number` is the job's current attempt (0: none ever was); `outcome` and `reason` are
        recorded with it unless its end is on record. False if it no longer owns the job.
        """
        return self._end_from_outside(
            "pending", job_id, number, outcome, {"reason": reason, "pause_reason": None}
        )

    def pause(self, job_id: UUID, number: int, reason: str) -> bool:
        """Its attempt was stopped elsewhere: the job is paused. False if it lost the job."""
        return self._end_from_outside(
            "paused",
            job_id,
            number,
            AttemptOutcome.PAUSED,
            {"reason": None, "pause_reason": reason},
        )

    def _end_from_outside(
        self,
        status: str,
        job_id: UUID,
        number: int,
        outcome: AttemptOutcome,
        reasons: Mapping[str, str | None],
    ) -> bool:
        row = self._database.first(
            """
            with released as (
                update background_jobs
                set status = %(status)s,
                    paused_at = case when %(status)s = 'paused' then now() else paused_at end,
                    pause_reason = coalesce(%(pause_reason)s, pause_reason)
                where id = %(id)s and status = 'processing' and current_attempt = %(number)s
                returning id),
            ended as (
                update job_attempts a
                set ended_at = now(), outcome = %(outcome)s, error = coalesce(%(reason)s, error)
                from released
                where a.job_id = released.id and a.number = %(number)s and a.ended_at is null)
            select id from released
            """,
            {"status": status, "id": job_id, "number": number, "outcome": outcome, **reasons},
        )
        return row is not None

    def delete(self, job_id: UUID, *, user_id: UUID | None = None) -> bool:
        """Remove the row: the running attempt stops, its checkpoints are cleaned up."""
        return (
            self._database.execute(
                """
            delete from background_jobs
            where id = %(id)s and (%(user)s::uuid is null or user_id = %(user)s)
            """,
                {"id": job_id, "user": user_id},
            )
            == 1
        )
