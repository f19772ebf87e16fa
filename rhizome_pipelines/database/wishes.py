"""The contract's writes by a client, one guarded statement each.

The states that a wish makes sense in stand in the statement itself: of two clients that wish
different things at once, one is refused, and nobody's wish is overwritten unseen.
"""

from collections.abc import Mapping
from typing import LiteralString
from uuid import UUID

from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.rows import job_from
from rhizome_pipelines.lifecycle.jobs import Job
from rhizome_pipelines.lifecycle.wishes import ALLOWED, Wish

_SETS: Mapping[Wish, LiteralString] = {
    Wish.PAUSE: "status = 'paused', paused_at = now(), pause_reason = %(reason)s",
    Wish.RESUME: """
        status = 'pending', resumed_at = now(), resume_count = coalesce(resume_count, 0) + 1,
        next_retry_at = null""",
    Wish.RESTART: """
        status = 'pending', next_retry_at = null,
        last_checkpoint_path = null, last_checkpoint_stage = null, checkpoint_hash = null,
        retry_count = case when status in ('failed', 'cancelled')
                           then coalesce(retry_count, 0) + 1 else retry_count end,
        resumed_at = case when status = 'paused' then now() else resumed_at end,
        resume_count = case when status = 'paused'
                            then coalesce(resume_count, 0) + 1 else resume_count end""",
    Wish.RETRY: """
        status = 'pending', retry_count = coalesce(retry_count, 0) + 1, next_retry_at = null""",
    Wish.CANCEL: "status = 'cancelled', completed_at = now(), next_retry_at = null",
    Wish.FORCE_FAIL: """
        status = 'failed', next_retry_at = now(), retry_count = 0, error_type = 'transient',
        error_message = 'Stopped by an operator; it is tried again at once.',
        last_error = 'Stopped by an operator; it is tried again at once.'""",
}

_MINE: LiteralString = """
where id = %(id)s and (%(user)s::uuid is null or user_id = %(user)s)
  and coalesce(status, 'pending') = any(%(allowed)s)
returning *
"""


def grant(
    database: Database, wish: Wish, job_id: UUID, user_id: UUID | None, reason: str | None = None
) -> Job | None:
    """Write the wish; the job as it is then (as it was, for a deletion). None if it was refused.

    A `user_id` of None is the operator's: anybody's job.
    """
    parameters = {
        "id": job_id,
        "user": user_id,
        "allowed": [status.value for status in ALLOWED[wish]],
        "reason": reason,
    }
    # The pieces are constants of this module.
    statement = (
        "delete from background_jobs " + _MINE  # noqa: S608
        if wish is Wish.DELETE
        else "update background_jobs set " + _SETS[wish] + _MINE  # noqa: S608
    )
    row = database.first(statement, parameters)
    return job_from(row) if row else None
