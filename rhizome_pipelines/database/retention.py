"""What old history the rows still need, and the removal of old attempts."""

from collections.abc import Collection
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from rhizome_pipelines.database.connection import Database

# A job that nobody but a client's wish will touch again. One that has failed may still be due for
# a retry; a status that a client left null is pending.
_FINISHED: LiteralString = """
(j.status in ('completed', 'cancelled') or (j.status = 'failed' and j.next_retry_at is null))
"""

_OLD_ATTEMPTS: LiteralString = f"""
select a.job_id, a.number from job_attempts a join background_jobs j on j.id = a.job_id
where a.ended_at < %(before)s and {_FINISHED}
  and a.number < (select max(number) from job_attempts where job_id = a.job_id)
"""  # noqa: S608 - the pieces are constants


def runs_of_unfinished_jobs(database: Database, run_ids: Collection[str]) -> frozenset[str]:
    """Those of the runs that were made for a job which is not finished."""
    rows = database.all(
        f"""
        select a.run_id from job_attempts a join background_jobs j on j.id = a.job_id
        where a.run_id = any(%s) and ({_FINISHED}) is not true
        """,  # noqa: S608 - the pieces are constants
        (list(run_ids),),
    )
    return frozenset(row["run_id"] for row in rows)


def documents_that_exist(database: Database, ids: Collection[UUID]) -> frozenset[UUID]:
    """Those of the ids that are documents', whoever's."""
    rows = database.all("select id from documents where id = any(%s)", (list(ids),))
    return frozenset(row["id"] for row in rows)


def count_old_attempts(database: Database, before: datetime) -> int:
    """Attempts that ended before that, of jobs that are finished; never a job's last one."""
    row = database.first(
        f"select count(*) as attempts from ({_OLD_ATTEMPTS}) as old",  # noqa: S608 - constants
        {"before": before},
    )
    return row["attempts"] if row else 0


def delete_old_attempts(database: Database, before: datetime, limit: int = 5_000) -> int:
    """Remove those attempts, at most `limit` in one transaction; how many they were."""
    removed = 0
    while True:
        batch = database.execute(
            f"""
            delete from job_attempts where (job_id, number) in ({_OLD_ATTEMPTS} limit %(limit)s)
            """,  # noqa: S608 - the pieces are constants
            {"before": before, "limit": limit},
        )
        removed += batch
        if batch < limit:
            return removed
