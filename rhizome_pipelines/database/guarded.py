"""What an attempt writes to its own job, under the fence.

Every write is one statement whose first part is an UPDATE of the job's row, guarded by its status
and by the number of the attempt that owns it. Postgres locks that row and looks at the guard
again after waiting for another writer, so no write can undo a pause, a cancel or a successor.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from rhizome_pipelines.database.connection import Connection, Database
from rhizome_pipelines.database.storable import storable_json, storable_text
from rhizome_pipelines.lifecycle.documents import DocumentStatus
from rhizome_pipelines.lifecycle.errors import ErrorType, TransientError


class OwnershipLostError(TransientError):
    """The job is not this attempt's any more (paused, cancelled, deleted, or another's).

    Nothing was written, and nothing must be: the attempt ends.
    """

    def __init__(self, job_id: UUID, number: int) -> None:
        super().__init__(
            f"Attempt {number} no longer owns job {job_id}; nothing was written. The job was "
            "paused, cancelled or deleted, or another attempt has taken it over.",
            again_at_once=False,
        )


_OWNED: LiteralString = (
    "select from background_jobs where id = %s and status = 'processing' and current_attempt = %s"
)


@dataclass(frozen=True)
class Fence:
    """The attempt in whose name something is written."""

    job_id: UUID
    number: int

    def check(self, connection: Connection) -> None:
        """Look whether the job is this attempt's. Raises OwnershipLostError."""
        self._find(connection, _OWNED)

    def hold(self, connection: Connection) -> None:
        """Keep the job this attempt's until the transaction ends. Raises OwnershipLostError.

        Every wish for the job waits so long: to be asked last.
        """
        self._find(connection, _OWNED + " for share")

    def _find(self, connection: Connection, query: LiteralString) -> None:
        if connection.execute(query, (self.job_id, self.number)).fetchone() is None:
            raise OwnershipLostError(self.job_id, self.number)


class GuardedJob:
    """A job as its attempt `number` may change it.

    Every method raises OwnershipLostError, with nothing written, when the attempt does not own
    the job any more, and TransientError when the database cannot be reached.
    """

    def __init__(self, database: Database, job_id: UUID, number: int) -> None:
        self._database = database
        self.fence = Fence(job_id, number)

    def progress(self, patch: Mapping[str, Any]) -> None:
        """Merge a patch into `progress`, as `rhizome_merge_progress` does; a sign of life, too.

        `documents.processing_stage` follows `patch["stage"]`.
        """
        self._write(_PROGRESS, {"patch": Jsonb(storable_json(patch)), "stage": patch.get("stage")})

    def pointer(self, stage: str, path: str, hash: str) -> None:
        """The newest part or stage file that a resume would use."""
        self._write(_POINTER, {"stage": stage, "path": path, "hash": hash})

    def heartbeat(self) -> None:
        """A sign of life: `updated_at` of the job, `heartbeat_at` of the attempt."""
        self._write(_HEARTBEAT, {})

    def pause_for_review(self) -> None:
        """Pause the job after extraction and end the attempt: its person looks at the text now."""
        self._write(_PAUSE_FOR_REVIEW, {})

    def complete(
        self,
        output_data: Mapping[str, Any],
        document_status: DocumentStatus = DocumentStatus.COMPLETED,
    ) -> None:
        """End the attempt and the job, and of a processed document its row, all at once."""
        self._write(
            _COMPLETE,
            {
                "output": Jsonb(storable_json({"success": True, **output_data})),
                "document_status": document_status,
            },
        )

    def fail(
        self,
        error_type: ErrorType,
        message: str,
        traceback: str | None = None,
        *,
        retry_after: float | None = None,
        provider: str | None = None,
    ) -> None:
        """End the attempt and the job as failed, and of a processed document its row, all at once.

        With `retry_after`, in seconds from now, the job is to be tried again, and its document
        stays `processing`. Whether it may be is the caller's decision. `provider` is where it
        failed: should that be left alone meanwhile, the job waits for it.
        """
        self._write(
            _FAIL,
            {
                "type": error_type,
                # both may quote a hostile source
                "message": storable_text(message),
                "traceback": None if traceback is None else storable_text(traceback),
                "retry_after": retry_after,
                "provider": provider,
            },
        )

    def wait_for(self, provider: str, message: str, traceback: str | None = None) -> None:
        """End the attempt as failed; the job is pending until its provider is to be tried again.

        If that has answered meanwhile, it is due at once.
        """
        self._write(
            _WAIT,
            {
                "provider": provider,
                "message": storable_text(message),
                "traceback": None if traceback is None else storable_text(traceback),
            },
        )

    def _write(self, statement: LiteralString, parameters: Mapping[str, Any]) -> None:
        fence = {"job": self.fence.job_id, "number": self.fence.number}
        if self._database.first(statement, {**fence, **parameters}) is None:
            raise OwnershipLostError(self.fence.job_id, self.fence.number)


_PROGRESS = """
with owned as (
    update background_jobs
    set progress = rhizome_merge_progress(progress, %(patch)s)
    where id = %(job)s and status = 'processing' and current_attempt = %(number)s
    returning id, user_id, job_type, entity_id),
attempt as (
    update job_attempts a set heartbeat_at = now()
    from owned where a.job_id = owned.id and a.number = %(number)s),
document as (
    update documents d set processing_stage = %(stage)s
    from owned
    where d.id = owned.entity_id and d.user_id = owned.user_id
      and replace(owned.job_type, '-', '_') = 'process_document'
      and d.processing_stage is distinct from %(stage)s and %(stage)s::text is not null)
select id from owned
"""

_POINTER = """
with owned as (
    update background_jobs
    set last_checkpoint_stage = %(stage)s, last_checkpoint_path = %(path)s,
        checkpoint_hash = %(hash)s,
        progress = rhizome_merge_progress(progress, jsonb_build_object(
            'checkpoint', jsonb_build_object(
                'stage', %(stage)s::text, 'path', %(path)s::text, 'hash', %(hash)s::text,
                'can_resume', true, 'timestamp', now())))
    where id = %(job)s and status = 'processing' and current_attempt = %(number)s
    returning id),
attempt as (
    update job_attempts a
    set last_checkpoint_stage = %(stage)s, last_checkpoint_path = %(path)s,
        checkpoint_hash = %(hash)s, heartbeat_at = now()
    from owned where a.job_id = owned.id and a.number = %(number)s)
select id from owned
"""

_HEARTBEAT = """
with owned as (
    update background_jobs set updated_at = now()
    where id = %(job)s and status = 'processing' and current_attempt = %(number)s
    returning id),
attempt as (
    update job_attempts a set heartbeat_at = now()
    from owned where a.job_id = owned.id and a.number = %(number)s)
select id from owned
"""

_PAUSE_FOR_REVIEW = """
with owned as (
    update background_jobs
    set status = 'paused', paused_at = now(), pause_reason = 'waiting for a review of the text',
        progress = rhizome_merge_progress(progress,
            '{"review": "asked", "substage": "review",
              "details": "waiting for a review of the text"}')
    where id = %(job)s and status = 'processing' and current_attempt = %(number)s
    returning id, user_id, entity_id),
attempt as (
    update job_attempts a set ended_at = now(), heartbeat_at = now(), outcome = 'paused'
    from owned where a.job_id = owned.id and a.number = %(number)s and a.ended_at is null),
document as (
    update documents d
    set processing_status = 'awaiting_manual_review', review_stage = 'extraction'
    from owned where d.id = owned.entity_id and d.user_id = owned.user_id)
select id from owned
"""

# The stage files and parts go when a job is completed: nothing is left that a resume would use.
_COMPLETE = """
with owned as (
    update background_jobs
    set status = 'completed', completed_at = now(), output_data = %(output)s,
        error_type = null, error_message = null, last_error = null, next_retry_at = null,
        progress = rhizome_merge_progress(progress,
            '{"percent": 100, "substage": "finished", "details": "done",
              "checkpoint": {"can_resume": false}}'),
        last_checkpoint_path = null, last_checkpoint_stage = null, checkpoint_hash = null
    where id = %(job)s and status = 'processing' and current_attempt = %(number)s
    returning id, user_id, job_type, entity_id),
attempt as (
    update job_attempts a set ended_at = now(), heartbeat_at = now(), outcome = 'completed'
    from owned where a.job_id = owned.id and a.number = %(number)s and a.ended_at is null),
document as (
    update documents d
    set processing_status = %(document_status)s, processing_error = null,
        processing_completed_at = now()
    from owned
    where d.id = owned.entity_id and d.user_id = owned.user_id
      and replace(owned.job_type, '-', '_') = 'process_document')
select id from owned
"""

_FAIL = """
with owned as (
    update background_jobs
    set status = 'failed', error_type = %(type)s, error_message = %(message)s,
        last_error = %(message)s,
        output_data = jsonb_build_object(
            'success', false, 'error', %(message)s::text, 'errorType', %(type)s::text),
        next_retry_at = now() + make_interval(secs => %(retry_after)s::double precision),
        waits_for = %(provider)s,
        completed_at = case when %(retry_after)s::double precision is null then now() end
    where id = %(job)s and status = 'processing' and current_attempt = %(number)s
    returning id, user_id, job_type, entity_id),
attempt as (
    update job_attempts a
    set ended_at = now(), outcome = 'failed', error_type = %(type)s, error = %(message)s,
        error_traceback = %(traceback)s
    from owned where a.job_id = owned.id and a.number = %(number)s and a.ended_at is null),
document as (
    update documents d
    set processing_status = 'failed', processing_error = %(message)s
    from owned
    where %(retry_after)s::double precision is null
      and d.id = owned.entity_id and d.user_id = owned.user_id
      and replace(owned.job_type, '-', '_') = 'process_document')
select id from owned
"""

# Whoever closes the circuit holds its row, and then looks for the jobs that wait: this one locks
# it, so that it is either seen there or finds the circuit gone.
_WAIT = """
with circuit as (
    select * from provider_circuits
    where provider = %(provider)s and opened_until is not null for share),
owned as (
    update background_jobs
    set status = 'pending', error_type = 'transient', last_error = %(message)s,
        error_message = coalesce(
            (select rhizome_told_to_wait(provider, opened_until, %(message)s) from circuit),
            %(message)s),
        next_retry_at = (select opened_until + random() * interval '2 seconds' from circuit),
        waits_for = (select provider from circuit),
        completed_at = null
    where id = %(job)s and status = 'processing' and current_attempt = %(number)s
    returning id),
attempt as (
    update job_attempts a
    set ended_at = now(), outcome = 'failed', error_type = 'transient', error = %(message)s,
        error_traceback = %(traceback)s
    from owned where a.job_id = owned.id and a.number = %(number)s and a.ended_at is null)
select id from owned
"""
