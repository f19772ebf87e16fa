"""Old attempts go; the last of each job stays, and all of unfinished jobs."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.database.retention import (
    count_old_attempts,
    delete_old_attempts,
    documents_that_exist,
    runs_of_unfinished_jobs,
)
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.jobs import AttemptOutcome, AttemptTrigger, Job, JobType


def job_with_attempts(database: Database, user: UUID, status: str, attempts: int = 3) -> Job:
    """A job whose attempts have all ended; they are named after their job and number."""
    job = JobRepository(database).insert(user, JobType.EXPORT_DOCUMENTS)
    for number in range(1, attempts + 1):
        AttemptRepository(database).begin(job.id, AttemptTrigger.START)
        AttemptRepository(database).bind_run(job.id, number, f"{job.id} {number}")
        JobRepository(database).release(job.id, number, AttemptOutcome.SHUTDOWN)
    database.execute("update background_jobs set status = %s where id = %s", (status, job.id))
    return job


def numbers(database: Database, job: Job) -> list[int]:
    return [attempt.number for attempt in AttemptRepository(database).list_for_job(job.id)]


def now(database: Database) -> datetime:
    return JobRepository(database).now()


@pytest.mark.parametrize("limit", [1, 5_000])
def test_of_a_finished_job_the_last_attempt_stays(
    database: Database, user: UUID, limit: int
) -> None:
    finished = [
        job_with_attempts(database, user, status) for status in ("completed", "cancelled", "failed")
    ]
    assert count_old_attempts(database, now(database)) == 6

    assert delete_old_attempts(database, now(database), limit) == 6

    assert [numbers(database, job) for job in finished] == [[3]] * 3
    assert count_old_attempts(database, now(database)) == 0


def test_what_ended_lately_stays(database: Database, user: UUID) -> None:
    job = job_with_attempts(database, user, "completed")

    assert delete_old_attempts(database, now(database) - timedelta(days=1)) == 0

    database.execute(
        "update job_attempts set ended_at = ended_at - interval '2 days' where number = 1"
    )
    assert delete_old_attempts(database, now(database) - timedelta(days=1)) == 1
    assert numbers(database, job) == [2, 3]


@pytest.mark.parametrize("status", ["pending", "processing", "paused", None])
def test_all_attempts_of_an_unfinished_job_stay_and_so_do_its_runs(
    database: Database, user: UUID, status: str | None
) -> None:
    unfinished = job_with_attempts(database, user, "completed")
    finished = job_with_attempts(database, user, "completed")
    database.execute(
        "update background_jobs set status = %s where id = %s", (status, unfinished.id)
    )
    runs = [f"{job.id} {number}" for job in (unfinished, finished) for number in (1, 2, 3)]

    assert runs_of_unfinished_jobs(database, [*runs, "another"]) == set(runs[:3])
    assert delete_old_attempts(database, now(database)) == 2
    assert numbers(database, unfinished) == [1, 2, 3]


def test_a_failed_job_that_is_due_for_a_retry_is_unfinished(database: Database, user: UUID) -> None:
    job = job_with_attempts(database, user, "failed")
    database.execute("update background_jobs set next_retry_at = now() + interval '1 day'")

    assert delete_old_attempts(database, now(database)) == 0
    assert runs_of_unfinished_jobs(database, [f"{job.id} 3"]) == {f"{job.id} 3"}


def test_documents_are_found_whoever_owns_them(database: Database, document: Document) -> None:
    assert documents_that_exist(database, [document.id, uuid4()]) == {document.id}
    assert documents_that_exist(database, []) == frozenset()
