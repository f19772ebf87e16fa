"""Attempts: one at a time, bound to one run, adopted from elsewhere, outliving their job."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest

from rhizome_pipelines.database.adoption import ForeignRun
from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.documents import DocumentRepository
from rhizome_pipelines.database.guarded import GuardedJob
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import ErrorType, InvalidInputError
from rhizome_pipelines.lifecycle.jobs import (
    AttemptOutcome,
    AttemptTrigger,
    CheckpointPointer,
    Job,
    JobStatus,
    JobType,
)


def silence(database: Database) -> None:
    """The last sign of life of every attempt was a minute ago."""
    database.execute(
        "update job_attempts set heartbeat_at = now() - interval '1 minute', "
        "created_at = now() - interval '2 minutes'"
    )


def run_of(document: Document, run_id: str = "run", parent: str | None = None) -> ForeignRun:
    return ForeignRun(
        run_id, JobType.PROCESS_DOCUMENT, document_id=document.id, parent_run_id=parent
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
    ((user, document, attempt),) = attempts.of_deleted_jobs()
    assert (user, document, attempt.job_id) == (job.user_id, job.entity_id, job.id)
    attempts.forget(job.id)
    assert attempts.of_deleted_jobs() == []


# Adoption


def test_a_run_from_elsewhere_gets_a_job_of_its_own(
    jobs: JobRepository, attempts: AttemptRepository, document: Document
) -> None:
    attempt = attempts.adopt(run_of(document))
    assert (attempt.number, attempt.trigger, attempt.run_id) == (1, AttemptTrigger.UI, "run")
    (job,) = jobs.list()
    assert (job.status, job.job_type, job.entity_id, job.user_id) == (
        JobStatus.PROCESSING,
        "process_document",
        document.id,
        document.user_id,
    )
    assert attempts.adopt(run_of(document)) == attempt == attempts.by_run("run")
    assert len(jobs.list()) == 1


def test_a_run_without_a_document_needs_a_user(
    jobs: JobRepository, attempts: AttemptRepository, user: UUID
) -> None:
    export = ForeignRun("r", JobType.EXPORT_DOCUMENTS, user_id=user, input_data={"format": "zip"})
    attempts.adopt(export)
    assert jobs.list()[0].input_data == {"format": "zip"}
    with pytest.raises(InvalidInputError, match="for which user"):
        attempts.adopt(ForeignRun("s", JobType.EXPORT_DOCUMENTS))


def test_an_unknown_document_is_refused(
    jobs: JobRepository, attempts: AttemptRepository, document: Document
) -> None:
    stranger = ForeignRun("r", JobType.PROCESS_DOCUMENT, document_id=uuid4())
    with pytest.raises(InvalidInputError, match="There is no document"):
        attempts.adopt(stranger)
    theirs = ForeignRun("r", JobType.PROCESS_DOCUMENT, document_id=document.id, user_id=uuid4())
    with pytest.raises(InvalidInputError, match="There is no document"):
        attempts.adopt(theirs)
    assert jobs.list() == []


def test_a_job_about_to_start_is_not_taken(
    jobs: JobRepository, attempts: AttemptRepository, document: Document, job: Job
) -> None:
    with pytest.raises(InvalidInputError, match=f"Job {job.id} is about to be started"):
        attempts.adopt(run_of(document))
    assert jobs.list() == [job]


def test_a_job_that_is_worked_on_is_not_taken(
    jobs: JobRepository, attempts: AttemptRepository, guarded: GuardedJob, database: Database,
    document: Document, job: Job,
) -> None:  # fmt: skip
    attempts.bind_run(job.id, 1, "first")
    for parent in (None, "first"):
        with pytest.raises(InvalidInputError, match=f"Attempt 1 of job {job.id} is at work"):
            attempts.adopt(run_of(document, parent=parent))
    silence(database)
    guarded.heartbeat()
    with pytest.raises(InvalidInputError, match="is at work"):
        attempts.adopt(run_of(document))
    database.execute("update background_jobs set status = 'paused'")
    with pytest.raises(InvalidInputError, match="is at work"):
        attempts.adopt(run_of(document))


def test_a_job_whose_attempt_is_silent_is_taken_over(
    attempts: AttemptRepository, guarded: GuardedJob, database: Database, document: Document,
    job: Job,
) -> None:  # fmt: skip
    silence(database)
    attempt = attempts.adopt(run_of(document))
    assert (attempt.job_id, attempt.number) == (job.id, 2)
    assert attempts.list_for_job(job.id)[0].outcome is AttemptOutcome.SUPERSEDED


@pytest.mark.parametrize("status", [JobStatus.PAUSED, JobStatus.FAILED])
def test_an_unfinished_job_goes_on(
    jobs: JobRepository, attempts: AttemptRepository, guarded: GuardedJob, database: Database,
    document: Document, job: Job, status: JobStatus,
) -> None:  # fmt: skip
    guarded.progress({"percent": 30})
    attempts.end(job.id, 1, AttemptOutcome.PAUSED)
    database.execute("update background_jobs set status = %s", (status,))
    attempt = attempts.adopt(run_of(document))
    assert (attempt.job_id, attempt.number) == (job.id, 2)
    found = jobs.get(job.id)
    assert found is not None
    assert (found.status, found.progress["percent"]) == (JobStatus.PROCESSING, 30)


def test_a_finished_job_is_left_alone_unless_it_is_re_executed(
    jobs: JobRepository, attempts: AttemptRepository, guarded: GuardedJob, database: Database,
    document: Document, job: Job,
) -> None:  # fmt: skip
    attempts.bind_run(job.id, 1, "first")
    guarded.complete({})
    again = attempts.adopt(run_of(document, "second", "first"))
    assert (again.job_id, again.number) == (job.id, 2)
    found = jobs.get(job.id)
    assert found is not None and found.progress == {}, "it begins again at zero percent"
    GuardedJob(database, job.id, 2).complete({})
    fresh = attempts.adopt(run_of(document, "third"))
    assert fresh.job_id != job.id and fresh.number == 1


def test_two_runs_about_one_document_do_not_both_get_it(
    database_url: str, document: Document
) -> None:
    def adopt(run_id: str) -> str:
        try:
            attempts.adopt(run_of(document, run_id))
        except InvalidInputError:
            return "refused"
        return "adopted"

    with Database(database_url, max_connections=6) as wide, ThreadPoolExecutor(6) as pool:
        attempts = AttemptRepository(wide)
        outcomes = list(pool.map(adopt, "abcdef"))
    assert sorted(outcomes) == ["adopted", *["refused"] * 5]
