"""Jobs as rows: what is read and inserted, the queue, the changes from outside."""

from collections.abc import Sequence
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
    Job,
    JobStatus,
    JobType,
)


def set_status(database: Database, job_id: UUID, status: JobStatus) -> None:
    """As a client does it."""
    database.execute("update background_jobs set status = %s where id = %s", (status, job_id))


def test_a_job_comes_back_as_it_was_inserted(jobs: JobRepository, document: Document) -> None:
    job = jobs.insert(
        document.user_id,
        JobType.PROCESS_DOCUMENT,
        document_id=document.id,
        input_data={"reviewBeforeChunking": False, "text": "déjà 😀"},
        metadata={"title": "T"},
        max_retries=5,
    )
    assert jobs.get(job.id) == job
    assert jobs.get(job.id, user_id=uuid4()) is None
    assert (job.status, job.entity_type, job.entity_id) == (
        JobStatus.PENDING,
        "document",
        document.id,
    )
    assert job.input_data == {"reviewBeforeChunking": False, "text": "déjà 😀"}
    assert (job.max_retries, job.retry_count, job.checkpoint) == (5, 0, None)


def test_a_row_as_odd_as_a_client_may_write_it_is_read(
    jobs: JobRepository, database: Database, user: UUID
) -> None:
    database.execute(
        """
        insert into background_jobs (user_id, job_type, status, progress, input_data, metadata,
            output_data, retry_count, max_retries, resume_count, updated_at)
        values (%s, 'detect-connections', null, '[]', '"text"', null, '3', null, null, null, null)
        """,
        (user,),
    )
    (job,) = jobs.list()
    assert job.status is JobStatus.PENDING
    assert (job.progress, job.input_data, job.metadata, job.output_data) == ({}, {}, {}, {})
    assert (job.retry_count, job.max_retries, job.updated_at) == (0, 3, job.created_at)


def test_listing_filters(jobs: JobRepository, database: Database, user: UUID) -> None:
    other = jobs.insert(uuid4(), JobType.EXPORT_DOCUMENTS)
    first = jobs.insert(user, JobType.EXPORT_DOCUMENTS)
    second = jobs.insert(user, JobType.DETECT_CONNECTIONS)
    database.execute(
        "update background_jobs set job_type = 'detect-connections', status = 'paused', "
        """progress = '{"stage": "chunking"}' where id = %s""",
        (second.id,),
    )

    def ids(found: Sequence[Job]) -> list[UUID]:
        return [job.id for job in found]

    assert ids(jobs.list()) == [second.id, first.id, other.id]
    assert ids(jobs.list(user_id=user)) == [second.id, first.id]
    assert ids(jobs.list(job_type=JobType.DETECT_CONNECTIONS)) == [second.id]
    assert ids(jobs.list(status=JobStatus.PAUSED)) == [second.id]
    assert ids(jobs.list(stage="chunking")) == [second.id]
    assert ids(jobs.list(limit=1)) == [second.id]


def test_the_newest_job_of_a_document(jobs: JobRepository, job: Job, document: Document) -> None:
    newer = jobs.insert(document.user_id, JobType.DETECT_CONNECTIONS, document_id=document.id)
    assert jobs.latest_for_document(document.id) == newer
    assert jobs.latest_for_document(document.id, JobType.PROCESS_DOCUMENT) == job
    assert jobs.latest_for_document(uuid4()) is None


def test_the_queue_is_fair(jobs: JobRepository, database: Database) -> None:
    busy, calm = sorted([uuid4(), uuid4()])
    many = [jobs.insert(busy, JobType.EXPORT_DOCUMENTS) for _ in range(4)]
    urgent = jobs.insert(busy, JobType.EXPORT_DOCUMENTS, priority=5)
    one = jobs.insert(calm, JobType.EXPORT_DOCUMENTS)
    later = jobs.insert(calm, JobType.EXPORT_DOCUMENTS)
    database.execute(
        "update background_jobs set next_retry_at = now() + interval '1 hour' where id = %s",
        (later.id,),
    )
    order = [job.id for job, _ in jobs.needing_attention(4)]
    assert order == [urgent.id, one.id, many[0].id, many[1].id]
    assert len(jobs.needing_attention(100)) == 6, "the one that is not due is left out"


def test_who_has_jobs_in_flight_waits_for_who_has_none(
    jobs: JobRepository, attempts: AttemptRepository
) -> None:
    busy, calm = uuid4(), uuid4()
    flying = [jobs.insert(busy, JobType.EXPORT_DOCUMENTS) for _ in range(2)]
    for job in flying:
        attempts.begin(job.id, AttemptTrigger.START)
    older = [jobs.insert(busy, JobType.EXPORT_DOCUMENTS, priority=9) for _ in range(2)]
    later = [jobs.insert(calm, JobType.EXPORT_DOCUMENTS) for _ in range(4)]

    order = [job.id for job, _ in jobs.needing_attention()]

    # in flight; then turns 1 and 2, which the busy one has had; then turns 3 and 4 of both
    assert set(order[:2]) == {job.id for job in flying}
    assert order[2:] == [
        later[0].id, later[1].id, older[0].id, later[2].id, older[1].id, later[3].id,
    ]  # fmt: skip


def test_a_job_whose_attempt_is_stopping_takes_no_turn(
    jobs: JobRepository, attempts: AttemptRepository, database: Database, user: UUID
) -> None:
    stopping, waiting = (jobs.insert(user, JobType.EXPORT_DOCUMENTS) for _ in range(2))
    attempts.begin(stopping.id, AttemptTrigger.START)
    set_status(database, stopping.id, JobStatus.PENDING)

    assert [job.id for job, _ in jobs.needing_attention(1)] == [stopping.id, waiting.id]


def test_what_needs_attention_besides_the_queue(
    jobs: JobRepository, attempts: AttemptRepository, database: Database, user: UUID
) -> None:
    made = {
        name: jobs.insert(user, JobType.EXPORT_DOCUMENTS)
        for name in (
            "processing",
            "stopping",
            "stopped",
            "finished",
            "completed-then-paused",
            "pending",
        )
    }
    for name, job in made.items():
        if name != "pending":
            attempts.begin(job.id, AttemptTrigger.START)
    set_status(database, made["stopping"].id, JobStatus.PAUSED)
    set_status(database, made["stopped"].id, JobStatus.PAUSED)
    attempts.end(made["stopped"].id, 1, AttemptOutcome.PAUSED)
    for name in ("finished", "completed-then-paused"):
        GuardedJob(database, made[name].id, 1).complete({})
    set_status(database, made["completed-then-paused"].id, JobStatus.PAUSED)

    found = {job.id: attempt for job, attempt in jobs.needing_attention(0)}
    names = {name for name, job in made.items() if job.id in found}
    assert names == {"processing", "stopping", "completed-then-paused"}
    attempt = found[made["completed-then-paused"].id]
    assert attempt is not None and attempt.outcome is AttemptOutcome.COMPLETED
    assert jobs.needing_attention(1)[-1] == (jobs.get(made["pending"].id), None)

    in_flight = jobs.in_flight()
    assert (in_flight.total, in_flight.by_user) == (2, {user: 2})


def test_the_newest_attempt_comes_with_the_job(
    jobs: JobRepository, attempts: AttemptRepository, job: Job
) -> None:
    attempts.begin(job.id, AttemptTrigger.START)
    jobs.release(job.id, 1, AttemptOutcome.SHUTDOWN)
    second = attempts.begin(job.id, AttemptTrigger.RESUME)
    ((found, attempt),) = jobs.needing_attention()
    assert (found.id, found.created_at, found.user_id) == (job.id, job.created_at, job.user_id)
    assert attempt == second


def test_retries_fall_due(
    jobs: JobRepository, guarded: GuardedJob, database: Database, job: Job
) -> None:
    guarded.fail(ErrorType.TRANSIENT, "The server is busy.", retry_after=3600)
    assert not jobs.requeue(job.id)
    database.execute("update background_jobs set next_retry_at = now()")
    assert [found.id for found, _ in jobs.needing_attention()] == [job.id]
    assert jobs.requeue(job.id)
    again = jobs.get(job.id)
    assert again is not None
    assert (again.status, again.retry_count, again.next_retry_at) == (JobStatus.PENDING, 1, None)


def test_the_last_retry_is_the_last(
    jobs: JobRepository, attempts: AttemptRepository, guarded: GuardedJob, database: Database,
    job: Job,
) -> None:  # fmt: skip
    force_fail = (
        "update background_jobs set status = 'failed', next_retry_at = now(), retry_count = %s"
    )
    attempts.end(job.id, 1, AttemptOutcome.CANCELLED)
    database.execute(force_fail, (3,))
    assert jobs.needing_attention() == []
    assert not jobs.requeue(job.id)
    database.execute(force_fail, (2,))
    assert jobs.requeue(job.id)
    assert not jobs.requeue(job.id)


def test_a_cancelled_job_forgets_its_checkpoint_and_no_other_does(
    jobs: JobRepository, attempts: AttemptRepository, guarded: GuardedJob, database: Database,
    job: Job,
) -> None:  # fmt: skip
    guarded.pointer("extraction", "a/b/stage-extraction.json", "0" * 16)
    assert not jobs.forget_checkpoint(job.id)
    set_status(database, job.id, JobStatus.CANCELLED)
    attempts.end(job.id, 1, AttemptOutcome.CANCELLED)
    assert [found.id for found, _ in jobs.needing_attention()] == [job.id]
    assert jobs.forget_checkpoint(job.id)
    found = jobs.get(job.id)
    assert found is not None
    assert found.checkpoint is None
    assert found.progress["checkpoint"]["can_resume"] is False
    assert jobs.needing_attention() == []


def test_what_cannot_be_begun_is_rejected(
    jobs: JobRepository, documents: DocumentRepository, document: Document, job: Job
) -> None:
    assert jobs.reject(job.id, "There is no chunker late\0.")
    rejected = jobs.get(job.id)
    assert rejected is not None
    assert (rejected.status, rejected.error_type) == (JobStatus.FAILED, ErrorType.INVALID)
    assert rejected.error_message == "There is no chunker late�."
    assert rejected.output_data["success"] is False
    found = documents.get(document.user_id, document.id)
    assert found is not None and found.processing_status == "failed"
    assert not jobs.reject(job.id, "again")


def test_a_senseless_change_is_put_back(
    jobs: JobRepository, guarded: GuardedJob, database: Database, job: Job
) -> None:
    guarded.complete({"n": 1})
    set_status(database, job.id, JobStatus.PAUSED)
    assert [found.id for found, _ in jobs.needing_attention()] == [job.id]
    note = "A completed job cannot be paused."
    assert jobs.put_back(job.id, JobStatus.PAUSED, JobStatus.COMPLETED, note)
    assert not jobs.put_back(job.id, JobStatus.PAUSED, JobStatus.COMPLETED, note)
    assert jobs.needing_attention() == []
    found = jobs.get(job.id)
    assert found is not None
    assert (found.status, found.error_message) == (JobStatus.COMPLETED, note)
    assert found.output_data == {"success": True, "n": 1}


def test_of_several_changes_put_back_only_the_last_is_told(
    jobs: JobRepository, guarded: GuardedJob, database: Database, job: Job
) -> None:
    guarded.fail(ErrorType.PERMANENT, "The file is broken.")
    for note in ("It cannot be paused.", "It cannot be processed."):
        set_status(database, job.id, JobStatus.PAUSED)
        assert jobs.put_back(job.id, JobStatus.PAUSED, JobStatus.FAILED, note)

    found = jobs.get(job.id)
    assert found is not None
    assert found.error_message == "It cannot be processed. Before: The file is broken."


@pytest.mark.parametrize("ended", [JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.COMPLETED])
def test_a_job_that_is_taken_up_again_does_not_tell_of_its_last_end(
    jobs: JobRepository, guarded: GuardedJob, database: Database, job: Job, ended: JobStatus
) -> None:
    guarded.fail(ErrorType.PERMANENT, "The file is broken.")
    set_status(database, job.id, ended)

    set_status(database, job.id, JobStatus.PENDING)

    found = jobs.get(job.id)
    assert found is not None
    assert (found.completed_at, found.error_type, found.error_message) == (None, None, None)
    kept = database.all("select last_error from background_jobs")
    assert kept == [{"last_error": "The file is broken."}]


def test_a_status_of_null_is_pending(
    jobs: JobRepository, guarded: GuardedJob, database: Database, job: Job
) -> None:
    database.execute(
        "insert into background_jobs (user_id, job_type, status) values (%s, 'x', null)",
        (job.user_id,),
    )
    guarded.complete({})
    database.execute("update background_jobs set status = null")

    found = jobs.list()
    assert [one.status for one in found] == [JobStatus.PENDING] * 2
    assert {one.id: one.status_before for one in found}[job.id] is JobStatus.COMPLETED
    assert {one.id for one, _ in jobs.needing_attention()} == {one.id for one in found}


@pytest.mark.parametrize("number", [0, 2])
def test_only_the_current_attempt_is_released_or_paused(
    jobs: JobRepository, guarded: GuardedJob, job: Job, number: int
) -> None:
    before = jobs.get(job.id)
    assert not jobs.release(job.id, number, AttemptOutcome.LOST)
    assert not jobs.pause(job.id, number, "terminated in Dagster")
    assert jobs.get(job.id) == before


def test_a_run_that_was_stopped_elsewhere_leaves_a_paused_job(
    jobs: JobRepository, attempts: AttemptRepository, guarded: GuardedJob, job: Job
) -> None:
    assert jobs.pause(job.id, 1, "terminated in Dagster")
    found = jobs.get(job.id)
    assert found is not None
    assert (found.status, found.pause_reason) == (JobStatus.PAUSED, "terminated in Dagster")
    assert found.paused_at is not None
    assert attempts.list_for_job(job.id)[0].outcome is AttemptOutcome.PAUSED


def test_a_processing_row_that_no_attempt_owns_is_released(
    jobs: JobRepository, database: Database, job: Job
) -> None:
    set_status(database, job.id, JobStatus.PROCESSING)
    assert jobs.release(job.id, 0, AttemptOutcome.LOST)
    found = jobs.get(job.id)
    assert found is not None and found.status is JobStatus.PENDING


def test_deleting_is_the_owners(jobs: JobRepository, job: Job) -> None:
    assert not jobs.delete(job.id, user_id=uuid4())
    assert jobs.delete(job.id, user_id=job.user_id)
    assert jobs.get(job.id) is None
