"""`job_attempts`: the runs made for a job, from the moment they are asked for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from rhizome_pipelines.database.adoption import ForeignRun, adopt
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.rows import attempt_from
from rhizome_pipelines.database.storable import storable_text
from rhizome_pipelines.database.succession import take_next
from rhizome_pipelines.lifecycle.errors import ErrorType
from rhizome_pipelines.lifecycle.jobs import (
    Attempt,
    AttemptOutcome,
    AttemptTrigger,
    CheckpointPointer,
)


@dataclass(frozen=True)
class DeletedJob:
    """What is left of a job whose row is gone: whose it was, its document, its newest attempt."""

    id: UUID
    user_id: UUID
    document_id: UUID | None
    deleted_at: datetime
    attempt: Attempt


class AttemptRepository:
    """Attempts as rows. They outlive their job's row until `forget`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self, job_id: UUID, trigger: AttemptTrigger, run_id: str | None = None
    ) -> Attempt | None:
        """The job's next attempt takes the job, if it is still pending; None if it is not.

        A restart begins at zero percent, with no checkpoint. `run_id` is the run that is going
        to be launched, where that is known.
        """
        with self._database.transaction() as connection:
            taken = connection.execute(
                """
                update background_jobs
                set status = 'processing'
                where id = %s and status = 'pending'
                """,
                (job_id,),
            )
            if taken.rowcount == 0:
                return None
            return take_next(connection, job_id, trigger, run_id)

    def adopt(self, run: ForeignRun) -> Attempt:
        """Give a job to a run that nobody here has asked for: see `adoption`."""
        return adopt(self._database, run)

    def bind_run(self, job_id: UUID, number: int, run_id: str) -> bool:
        """Record which run the attempt is.

        False if that attempt is another run's, or is not the job's current one any more: then
        the run must not work.
        """
        return (
            self._database.execute(
                """
            update job_attempts a set run_id = %(run)s
            from background_jobs j
            where a.job_id = %(job)s and a.number = %(number)s
              and (a.run_id is null or a.run_id = %(run)s)
              and j.id = a.job_id and j.current_attempt = a.number
            """,
                {"job": job_id, "number": number, "run": run_id},
            )
            == 1
        )

    def by_run(self, run_id: str) -> Attempt | None:
        """The attempt that this run is."""
        row = self._database.first("select * from job_attempts where run_id = %s", (run_id,))
        return attempt_from(row) if row else None

    def list_for_job(self, job_id: UUID) -> Sequence[Attempt]:
        """All attempts of the job, the first first."""
        rows = self._database.all(
            "select * from job_attempts where job_id = %s order by number", (job_id,)
        )
        return [attempt_from(row) for row in rows]

    def tracebacks(self, job_id: UUID) -> Mapping[int, str]:
        """Where in the code the job's attempts failed, by their numbers; long texts."""
        rows = self._database.all(
            """
            select number, error_traceback from job_attempts
            where job_id = %s and error_traceback is not null order by number
            """,
            (job_id,),
        )
        return {row["number"]: row["error_traceback"] for row in rows}

    def alive_among(self, job_ids: Collection[UUID]) -> frozenset[UUID]:
        """Those of the jobs of which an attempt is not recorded as ended."""
        rows = self._database.all(
            "select job_id from job_attempts where ended_at is null and job_id = any(%s)",
            (list(job_ids),),
        )
        return frozenset(row["job_id"] for row in rows)

    def started(self, job_id: UUID, number: int) -> bool:
        """The attempt has reached its first line of stage code. False if it lost the job.

        The times of a job's and its document's first start stay.
        """
        row = self._database.first(
            """
            with owned as (
                update background_jobs
                set started_at = coalesce(started_at, now())
                where id = %(job)s and status = 'processing' and current_attempt = %(number)s
                returning id, user_id, job_type, entity_id),
            attempt as (
                update job_attempts a
                set started_at = coalesce(a.started_at, now()), heartbeat_at = now()
                from owned where a.job_id = owned.id and a.number = %(number)s),
            document as (
                update documents d
                set processing_status = 'processing', processing_error = null,
                    processing_completed_at = null, review_stage = null,
                    processing_started_at = coalesce(d.processing_started_at, now())
                from owned
                where d.id = owned.entity_id and d.user_id = owned.user_id
                  and replace(owned.job_type, '-', '_') = 'process_document')
            select id from owned
            """,
            {"job": job_id, "number": number},
        )
        return row is not None

    def end(
        self,
        job_id: UUID,
        number: int,
        outcome: AttemptOutcome,
        *,
        error_type: ErrorType | None = None,
        error: str | None = None,
        traceback: str | None = None,
        kept: CheckpointPointer | None = None,
    ) -> bool:
        """Record that and how the attempt ended; the job's status is not touched.

        False if its end is on record already: the first record stays. Whoever launches is told
        that there is room again. `kept`: the part that a pause found just done; the job and the
        attempt point to it if the job is still paused, and nobody has cleared its pointer.
        """
        return (
            self._database.execute(
                """
            with told as (
                update background_jobs j
                set last_checkpoint_stage = %(stage)s, last_checkpoint_path = %(path)s,
                    checkpoint_hash = %(hash)s,
                    progress = rhizome_merge_progress(j.progress, jsonb_build_object(
                        'checkpoint', jsonb_build_object(
                            'stage', %(stage)s::text, 'path', %(path)s::text,
                            'hash', %(hash)s::text, 'can_resume', true, 'timestamp', now())))
                from job_attempts a
                where %(path)s::text is not null
                  and a.job_id = %(job)s and a.number = %(number)s and a.ended_at is null
                  and j.id = a.job_id and j.status = 'paused' and j.current_attempt = a.number
                  and j.last_checkpoint_path is not distinct from a.last_checkpoint_path
                returning j.id),
            ended as (
                update job_attempts a
                set ended_at = now(), outcome = %(outcome)s, error_type = %(type)s,
                    error = %(error)s, error_traceback = %(traceback)s,
                    last_checkpoint_stage = case when told.id is null
                        then a.last_checkpoint_stage else %(stage)s end,
                    last_checkpoint_path = case when told.id is null
                        then a.last_checkpoint_path else %(path)s end,
                    checkpoint_hash = case when told.id is null
                        then a.checkpoint_hash else %(hash)s end
                from (select) as one left join told on true
                where a.job_id = %(job)s and a.number = %(number)s and a.ended_at is null
                returning a.job_id)
            select pg_notify('rhizome_wish', json_build_object(
                'op', 'end', 'id', job_id, 'status', null)::text)
            from ended
            """,
                {
                    "job": job_id,
                    "number": number,
                    "outcome": outcome,
                    "type": error_type,
                    "error": None if error is None else storable_text(error),
                    "traceback": None if traceback is None else storable_text(traceback),
                    "stage": None if kept is None else kept.stage,
                    "path": None if kept is None else kept.path,
                    "hash": None if kept is None else kept.hash,
                },
            )
            == 1
        )

    def deaths_in_place(self, job_id: UUID) -> int:
        """Attempts in a row, up to now, that were lost with the checkpoint where the job has it."""
        row = self._database.first(
            """
            with attempts as (
                select a.number, a.outcome = 'lost' and
                       a.last_checkpoint_path is not distinct from j.last_checkpoint_path as died
                from job_attempts a join background_jobs j on j.id = a.job_id
                where a.job_id = %s and a.ended_at is not null)
            select count(*) as deaths from attempts
            where number > coalesce(
                (select max(number) from attempts where died is not true), 0)
            """,
            (job_id,),
        )
        return row["deaths"] if row else 0

    def others_at_work(self, entity_id: UUID, but_not: UUID) -> bool:
        """Whether another job about the same document has an attempt that has not ended."""
        row = self._database.first(
            """
            select from job_attempts
            where ended_at is null and entity_id = %s and job_id <> %s
            limit 1
            """,
            (entity_id, but_not),
        )
        return row is not None

    def of_deleted_jobs(self, limit: int = 100) -> Sequence[DeletedJob]:
        """Jobs whose row is gone and whose attempts are still on record, for the clean-up."""
        rows = self._database.all(
            """
            select distinct on (a.job_id) a.* from job_attempts a
            where a.job_deleted_at is not null
              -- a row may have been inserted again with the same id
              and (select true from background_jobs j where j.id = a.job_id limit 1) is null
            order by a.job_id, a.number desc
            limit %s
            """,
            (limit,),
        )
        return [
            DeletedJob(
                row["job_id"],
                row["user_id"],
                row["entity_id"],
                row["job_deleted_at"],
                attempt_from(row),
            )
            for row in rows
        ]

    def forget(self, job_id: UUID) -> None:
        """Drop the attempts of a job whose row is gone, once all is cleaned up."""
        self._database.execute(
            """
            delete from job_attempts
            where job_id = %(job)s
              and not exists (select from background_jobs where id = %(job)s)
            """,
            {"job": job_id},
        )
