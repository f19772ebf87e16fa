"""How a job passes from one attempt to the next."""

from uuid import UUID

from psycopg.rows import dict_row

from rhizome_pipelines.database.connection import Connection
from rhizome_pipelines.database.rows import attempt_from
from rhizome_pipelines.lifecycle.jobs import Attempt, AttemptTrigger

_UUID = r"^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$"


def take_next(
    connection: Connection, job_id: UUID, trigger: AttemptTrigger, run_id: str | None = None
) -> Attempt:
    """Give a job, whose row this transaction has locked, to its next attempt (and its run).

    An attempt that is not recorded as ended is superseded: from now on its writes change nothing.
    A document that only the job's input names is written into `entity_id`.
    """
    connection.execute(
        """
        update job_attempts set ended_at = now(), outcome = 'superseded'
        where job_id = %s and ended_at is null
        """,
        (job_id,),
    )
    # The number goes on from the attempts: a row that was deleted and inserted again counts from 0.
    connection.execute(
        """
        update background_jobs
        set status = 'processing',
            current_attempt = 1 + greatest(current_attempt, coalesce(
                (select max(number) from job_attempts where job_id = %(job)s), 0)),
            completed_at = null, next_retry_at = null, waits_for = null,
            error_type = null, error_message = null, output_data = '{}',
            entity_id = coalesce(entity_id, case when input_data ->> 'document_id' ~* %(uuid)s
                then (input_data ->> 'document_id')::uuid end),
            entity_type = coalesce(entity_type, case when entity_id is null
                and input_data ->> 'document_id' ~* %(uuid)s then 'document' end)
        where id = %(job)s
        """,
        {"job": job_id, "uuid": _UUID},
    )
    if trigger is AttemptTrigger.RESTART:
        connection.execute(
            """
            update background_jobs
            set progress = '{}', last_checkpoint_path = null, last_checkpoint_stage = null,
                checkpoint_hash = null
            where id = %s
            """,
            (job_id,),
        )
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            """
            insert into job_attempts (job_id, number, user_id, job_type, entity_id, trigger,
                                      run_id, resumed_from, last_checkpoint_path,
                                      last_checkpoint_stage, checkpoint_hash)
            select id, current_attempt, user_id, job_type, entity_id, %(trigger)s,
                   %(run)s, last_checkpoint_stage, last_checkpoint_path, last_checkpoint_stage,
                   checkpoint_hash
            from background_jobs where id = %(job)s
            returning *
            """,
            {"job": job_id, "trigger": trigger, "run": run_id},
        )
        row = cursor.fetchone()
    assert row is not None  # noqa: S101 - the row is locked by this transaction
    return attempt_from(row)
