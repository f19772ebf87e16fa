"""Runs launched elsewhere get a job, or are refused in a sentence."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest

from rhizome_pipelines.database.adoption import ForeignRun
from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.guarded import GuardedJob
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.jobs import (
    AttemptOutcome,
    AttemptTrigger,
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
