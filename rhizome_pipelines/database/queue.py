"""The reconciler's view of `background_jobs`: what needs attention, in a fair order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from psycopg.rows import dict_row

from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.rows import attempt_from, job_from
from rhizome_pipelines.lifecycle.jobs import Attempt, Job


@dataclass(frozen=True)
class InFlight:
    """How many jobs are in flight: in all, and by user."""

    total: int
    by_user: Mapping[UUID, int] = field(default_factory=dict)


# What a look costs must not depend on what the planner believes of a table that has changed much,
# or was never analyzed: it is told to walk along the indexes and not to sort the whole of a user's
# queue. (Compiling, which high estimates would make it do, takes longer than the query.)
BY_INDEX = """
select set_config(name, 'off', true)
from unnest(array['enable_seqscan', 'enable_bitmapscan', 'enable_sort', 'jit']) as name
"""

# The users of the queue are found by skipping along its index, so that one user's ten thousand
# pending jobs cost another user nothing. Since each of them has at least one job in the queue, so
# many fewer of one user's can be chosen, and need be read.
NEEDING_ATTENTION = """
with recursive
users as (
    (select user_id from background_jobs where status = 'pending' order by user_id limit 1)
    union all
    select (select user_id from background_jobs
            where status = 'pending' and user_id > users.user_id
            order by user_id limit 1)
    from users where users.user_id is not null),
busy as (
    select id, user_id from background_jobs where status = 'processing'
    union
    select job_id, user_id from job_attempts where ended_at is null),
live as (
    select id from busy
    union
    select id from background_jobs
    where status = 'paused' and status_before in ('completed', 'failed', 'cancelled')
    union
    select id from background_jobs
    where status = 'cancelled' and last_checkpoint_path is not null
      and last_checkpoint_stage is not null and checkpoint_hash is not null
    union
    (select id from background_jobs
     where status = 'failed' and next_retry_at is not null and next_retry_at <= now()
       and coalesce(retry_count, 0) < coalesce(max_retries, 3)
     order by next_retry_at
     limit %(limit)s)),
turns as (
    select mine.*, mine.place + (
        select count(*) from busy where busy.user_id = users.user_id) as turn
    from users cross join lateral (
        select id, priority, created_at,
               row_number() over (order by priority desc, created_at, id) as place
        from background_jobs
        where status = 'pending' and user_id = users.user_id
          and (next_retry_at is null or next_retry_at <= now())
          and id not in (select id from live)
        order by priority desc, created_at, id
        limit greatest(1, %(limit)s + 1 - (select count(user_id) from users))) as mine),
chosen as (
    select id, 0::bigint as turn from live
    union all
    (select id, turn from turns order by turn, priority desc, created_at, id limit %(limit)s))
select j.*, a.job_id, a.number as attempt_number, a.trigger as attempt_trigger,
       a.created_at as attempt_created_at, a.run_id as attempt_run_id,
       a.started_at as attempt_started_at, a.heartbeat_at as attempt_heartbeat_at,
       a.ended_at as attempt_ended_at, a.outcome as attempt_outcome, a.error as attempt_error,
       a.resumed_from as attempt_resumed_from,
       a.last_checkpoint_stage as attempt_last_checkpoint_stage,
       a.last_checkpoint_path as attempt_last_checkpoint_path,
       a.checkpoint_hash as attempt_checkpoint_hash
from chosen
cross join lateral (select * from background_jobs where id = chosen.id limit 1) as j
left join lateral (
    select * from job_attempts where job_id = chosen.id order by number desc limit 1) as a on true
order by chosen.turn, j.priority desc, j.created_at, j.id
"""

IN_FLIGHT = """
select user_id, count(*) as jobs from (
    select id, user_id from background_jobs where status = 'processing'
    union
    select job_id, user_id from job_attempts where ended_at is null) as busy
group by user_id
"""


def needing_attention(database: Database, limit: int) -> Sequence[tuple[Job, Attempt | None]]:
    """Jobs with their newest attempt.

    First all that are processing, whose attempt is not recorded as ended, that were paused after
    their end, or cancelled and not cleaned up yet; and at most `limit` failed ones whose retry is
    due. Then at most `limit` pending and due ones, in turns: every user's first, every user's
    second, and so on; a user's own by priority, then by age. Jobs in flight have had their turn:
    whoever has two of them comes in with his third.
    """
    with database.transaction() as connection:
        connection.execute(BY_INDEX)
        with connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(NEEDING_ATTENTION, {"limit": limit}).fetchall()
    return [
        (job_from(row), attempt_from(row, "attempt_") if row["job_id"] is not None else None)
        for row in rows
    ]


def in_flight(database: Database) -> InFlight:
    """Jobs that an attempt owns, or whose stopped attempt has not ended yet."""
    by_user = {row["user_id"]: row["jobs"] for row in database.all(IN_FLIGHT)}
    return InFlight(total=sum(by_user.values()), by_user=by_user)
