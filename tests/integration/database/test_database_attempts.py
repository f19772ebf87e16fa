"""Attempts: one at a time, bound to one run, adopted from elsewhere, outliving their job."""

from concurrent.futures import ThreadPoolExecutor
from typing import LiteralString
from uuid import UUID, uuid4

import pytest

from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.documents import DocumentRepository
from rhizome_pipelines.database.guarded import GuardedJob
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import ErrorType
from rhizome_pipelines.lifecycle.jobs import (
    AttemptOutcome,
    AttemptTrigger,
    CheckpointPointer,
    Job,
    JobStatus,
    JobType,
)


def test_eight_that_begin_at_once_make_one_attempt(
    database_url: str, jobs: JobRepository, attempts: AttemptRepository, job: Job
) -> None:
    with (
        Database(database_url, max_connections=8) as wide,
        ThreadPoolExecutor(8) as pool,
    ):
        racing = AttemptRepository(wide)
        made = list(pool.map(lambda _: racing.begin(job.id, AttemptTrigger.START), range(8)))
    assert [attempt.number for attempt in made if attempt] == [1]
    assert len(attempts.list_for_job(job.id)) == 1
    found = jobs.get(job.id)
    assert found is not None and found.status is JobStatus.PROCESSING


def test_a_job_that_is_not_pending_is_not_begun(
    attempts: AttemptRepository, database: Database, job: Job
) -> None:
    for status in set(JobStatus) - {JobStatus.PENDING}:
        database.execute("update background_jobs set status = %s", (status,))
        assert attempts.begin(job.id, AttemptTrigger.START) is None
    assert attempts.begin(uuid4(), AttemptTrigger.START) is None
    assert attempts.list_for_job(job.id) == []


def test_a_resume_goes_on_and_a_restart_begins_at_zero(
    jobs: JobRepository, attempts: AttemptRepository, guarded: GuardedJob, database: Database,
    job: Job,
) -> None:  # fmt: skip
    guarded.progress({"percent": 40})
    guarded.pointer("chunking", "u/d/stage-chunking.json", "0123456789abcdef")
    jobs.release(job.id, 1, AttemptOutcome.SHUTDOWN)
    resumed = attempts.begin(job.id, AttemptTrigger.RESUME)
    assert resumed is not None
    assert (resumed.number, resumed.resumed_from) == (2, "chunking")
    found = jobs.get(job.id)
    assert found is not None
    assert found.progress["percent"] == 40
    assert found.checkpoint == CheckpointPointer(
        "chunking", "u/d/stage-chunking.json", "0123456789abcdef"
    )

    jobs.release(job.id, 2, AttemptOutcome.SHUTDOWN)
    restarted = attempts.begin(job.id, AttemptTrigger.RESTART)
    assert restarted is not None
    assert (restarted.number, restarted.resumed_from) == (3, None)
    found = jobs.get(job.id)
    assert found is not None
    assert (found.progress, found.checkpoint) == ({}, None)


def test_beginning_supersedes_what_was_not_ended(
    attempts: AttemptRepository, guarded: GuardedJob, database: Database, job: Job
) -> None:
    database.execute("update background_jobs set status = 'pending'")
    attempts.begin(job.id, AttemptTrigger.RESCUE)
    first, second = attempts.list_for_job(job.id)
    assert (first.outcome, second.alive) == (AttemptOutcome.SUPERSEDED, True)


def test_a_row_made_again_under_its_id_goes_on_counting(
    attempts: AttemptRepository, guarded: GuardedJob, database: Database, job: Job
) -> None:
    database.execute("delete from background_jobs")
    database.execute(
        "insert into background_jobs (id, user_id, job_type) values (%s, %s, 'process_document')",
        (job.id, job.user_id),
    )
    again = attempts.begin(job.id, AttemptTrigger.START)
    assert again is not None and again.number == 2


def test_an_attempt_is_one_run(attempts: AttemptRepository, guarded: GuardedJob, job: Job) -> None:
    assert attempts.by_run("run-1") is None
    assert attempts.bind_run(job.id, 1, "run-1")
    assert attempts.bind_run(job.id, 1, "run-1"), "once more, by the same"
    assert not attempts.bind_run(job.id, 1, "run-2"), "a re-execution has copied the tags"
    assert not attempts.bind_run(job.id, 2, "run-2")
    found = attempts.by_run("run-1")
    assert found is not None and (found.job_id, found.number) == (job.id, 1)


def test_a_superseded_attempt_is_bound_no_more(
    jobs: JobRepository, attempts: AttemptRepository, guarded: GuardedJob, job: Job
) -> None:
    jobs.release(job.id, 1, AttemptOutcome.LOST)
    attempts.begin(job.id, AttemptTrigger.RESCUE)
    assert not attempts.bind_run(job.id, 1, "late")
    assert attempts.bind_run(job.id, 2, "run-2")


def test_the_first_start_stays(
    jobs: JobRepository, attempts: AttemptRepository, documents: DocumentRepository,
    guarded: GuardedJob, document: Document, database: Database, job: Job,
) -> None:  # fmt: skip
    assert attempts.started(job.id, 1)
    first = jobs.get(job.id)
    jobs.release(job.id, 1, AttemptOutcome.LOST)
    assert not attempts.started(job.id, 1)
    attempts.begin(job.id, AttemptTrigger.RESCUE)
    assert attempts.started(job.id, 2)
    second = jobs.get(job.id)
    assert first is not None and second is not None
    assert first.started_at is not None and first.started_at == second.started_at
    found = documents.get(document.user_id, document.id)
    assert found is not None and found.processing_status == "processing"
    assert (
        database.all("select processing_started_at from documents")[0]["processing_started_at"]
        == first.started_at
    )
    assert all(attempt.started_at for attempt in attempts.list_for_job(job.id))


@pytest.mark.parametrize("job_type", ["process_document", "import_document"])
def test_a_document_that_only_the_input_names_is_the_jobs(
    attempts: AttemptRepository, jobs: JobRepository, document: Document, job_type: str
) -> None:
    asked = jobs.insert(
        document.user_id, JobType(job_type), input_data={"document_id": str(document.id)}
    )
    assert asked.entity_id == document.id
    assert attempts.begin(asked.id, AttemptTrigger.START) is not None
    found = jobs.get(asked.id)
    assert found is not None
    assert (found.entity_type, found.entity_id) == ("document", document.id)
    assert attempts.others_at_work(document.id, UUID(int=0))


@pytest.mark.parametrize("named", [None, 7, "", "no document", "{}", ["a"]])
def test_an_input_that_names_no_document_begins_all_the_same(
    attempts: AttemptRepository, jobs: JobRepository, user: UUID, named: object
) -> None:
    asked = jobs.insert(user, JobType.IMPORT_DOCUMENT, input_data={"document_id": named})
    assert attempts.begin(asked.id, AttemptTrigger.START) is not None
    found = jobs.get(asked.id)
    assert found is not None and (found.entity_type, found.entity_id) == (None, None)


def test_an_end_is_recorded_once(
    attempts: AttemptRepository, guarded: GuardedJob, database: Database, job: Job
) -> None:
    assert attempts.end(
        job.id, 1, AttemptOutcome.FAILED, error_type=ErrorType.PERMANENT, error="bad\0",
        traceback="Traceback …",
    )  # fmt: skip
    assert not attempts.end(job.id, 1, AttemptOutcome.COMPLETED)
    (attempt,) = attempts.list_for_job(job.id)
    assert (attempt.outcome, attempt.error) == (AttemptOutcome.FAILED, "bad�")
    kept = database.all("select error_type, error_traceback from job_attempts")
    assert kept == [{"error_type": "permanent", "error_traceback": "Traceback …"}]


KEPT = CheckpointPointer("chunking", "u/d/part-chunking-2", "fedcba9876543210")


def test_what_a_pause_found_just_done_is_pointed_to(
    attempts: AttemptRepository, jobs: JobRepository, guarded: GuardedJob,
    database: Database, job: Job,
) -> None:  # fmt: skip
    guarded.pointer("chunking", "u/d/part-chunking-1", "0123456789abcdef")
    database.execute("update background_jobs set status = 'paused'")
    assert attempts.end(job.id, 1, AttemptOutcome.PAUSED, kept=KEPT)
    found = jobs.get(job.id)
    assert found is not None and found.checkpoint == KEPT
    assert found.progress["checkpoint"]["path"] == KEPT.path
    assert attempts.list_for_job(job.id)[0].checkpoint == KEPT


@pytest.mark.parametrize(
    "meanwhile",
    [
        "update background_jobs set status = 'pending'",
        "update background_jobs set status = 'cancelled'",
        "update background_jobs set last_checkpoint_stage = null, last_checkpoint_path = null,"
        " checkpoint_hash = null",
        "delete from background_jobs",
    ],
)
def test_a_newer_wish_goes_before_what_a_pause_found_done(
    attempts: AttemptRepository, jobs: JobRepository, guarded: GuardedJob,
    database: Database, job: Job, meanwhile: LiteralString,
) -> None:  # fmt: skip
    first = CheckpointPointer("chunking", "u/d/part-chunking-1", "0123456789abcdef")
    guarded.pointer(first.stage, first.path, first.hash)
    database.execute("update background_jobs set status = 'paused'")
    database.execute(meanwhile)
    before = jobs.get(job.id)
    assert attempts.end(job.id, 1, AttemptOutcome.PAUSED, kept=KEPT)
    assert jobs.get(job.id) == before
    assert attempts.list_for_job(job.id)[0].checkpoint == first


def test_deaths_are_counted_where_the_checkpoint_is(
    database: Database, jobs: JobRepository, attempts: AttemptRepository, job: Job
) -> None:
    def die(outcome: AttemptOutcome = AttemptOutcome.LOST, path: str | None = None) -> None:
        attempt = attempts.begin(job.id, AttemptTrigger.RESCUE)
        assert attempt is not None
        if path:
            GuardedJob(database, job.id, attempt.number).pointer("extraction", path, "0" * 16)
        jobs.release(job.id, attempt.number, outcome)

    assert attempts.deaths_in_place(job.id) == 0
    die()
    die()
    assert attempts.deaths_in_place(job.id) == 2
    die(path="part-1")
    assert attempts.deaths_in_place(job.id) == 1, "it had got further"
    die()
    assert attempts.deaths_in_place(job.id) == 2
    die(AttemptOutcome.SHUTDOWN)
    assert attempts.deaths_in_place(job.id) == 0
    die()
    assert attempts.deaths_in_place(job.id) == 1


def test_attempts_outlive_the_row_until_they_are_forgotten(
    jobs: JobRepository, attempts: AttemptRepository, guarded: GuardedJob, job: Job
) -> None:
    assert attempts.of_deleted_jobs() == []
    attempts.forget(job.id)
    assert len(attempts.list_for_job(job.id)) == 1, "the row is still there"
    jobs.delete(job.id)
    (gone,) = attempts.of_deleted_jobs()
    assert (gone.user_id, gone.document_id, gone.id) == (job.user_id, job.entity_id, job.id)
    assert gone.attempt.number == 1
    attempts.forget(job.id)
    assert attempts.of_deleted_jobs() == []


def test_of_many_attempts_of_a_deleted_job_the_newest_is_told(
    jobs: JobRepository, attempts: AttemptRepository, user: UUID
) -> None:
    gone = [jobs.insert(user, JobType.EXPORT_DOCUMENTS) for _ in range(3)]
    for job in gone:
        for number in (1, 2):
            attempts.begin(job.id, AttemptTrigger.START)
            jobs.release(job.id, number, AttemptOutcome.SHUTDOWN)
        jobs.delete(job.id)

    told = attempts.of_deleted_jobs(2)

    assert [one.attempt.number for one in told] == [2, 2]
    for one in told:
        attempts.forget(one.id)
    assert len(attempts.of_deleted_jobs()) == 1


def test_a_row_that_was_inserted_again_is_not_deleted(
    attempts: AttemptRepository, database: Database, guarded: GuardedJob, job: Job
) -> None:
    database.execute("delete from background_jobs")
    database.execute(
        "insert into background_jobs (id, user_id, job_type) values (%s, %s, 'process_document')",
        (job.id, job.user_id),
    )
    assert attempts.of_deleted_jobs() == []
    database.execute("truncate background_jobs")
    assert len(attempts.of_deleted_jobs()) == 1


def test_a_client_that_may_not_write_attempts_may_delete_jobs(
    attempts: AttemptRepository, database: Database, guarded: GuardedJob, job: Job
) -> None:
    role = f"client_{job.id.hex}"
    with database.connection() as connection:
        connection.execute(
            f"create role {role}; grant select, delete on background_jobs to {role};"
            f"alter table job_attempts enable row level security;".encode()
        )
        try:
            connection.execute(
                f"begin; set local role {role}; delete from background_jobs; commit".encode()
            )
            assert len(attempts.of_deleted_jobs()) == 1
        finally:
            connection.execute(f"drop owned by {role}; drop role {role}".encode())
