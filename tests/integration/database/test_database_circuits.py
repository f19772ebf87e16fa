"""Providers that fail everybody, as the database keeps them: who waits, who asks, who goes on."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest

from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.circuits import Circuits
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.guarded import GuardedJob, OwnershipLostError
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.database.rows import job_from
from rhizome_pipelines.lifecycle.circuit import FAILURES_TO_OPEN
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import ErrorType
from rhizome_pipelines.lifecycle.jobs import AttemptOutcome, AttemptTrigger, Job, JobStatus, JobType

HOST = "api.example.com"
AT_ONCE = 20


@pytest.fixture
def circuits(database: Database) -> Circuits:
    return Circuits(database)


def open_circuit(circuits: Circuits) -> None:
    assert [circuits.failed(HOST, uuid4(), "Busy.") for _ in range(FAILURES_TO_OPEN)] == [False] * (
        FAILURES_TO_OPEN - 1
    ) + [True]


def time_is_over(database: Database) -> None:
    """The circuit's time, and with it that of all who wait."""
    database.execute("update provider_circuits set opened_until = now() - interval '1 second'")
    database.execute(
        "update background_jobs set next_retry_at = now() - interval '1 second' "
        "where waits_for is not null"
    )


def waiting_job(database: Database, circuits: Circuits, document: Document) -> Job:
    """One that has failed while the circuit is open."""
    jobs = JobRepository(database)
    job = jobs.insert(document.user_id, JobType.PROCESS_DOCUMENT, document_id=document.id)
    attempt = AttemptRepository(database).begin(job.id, AttemptTrigger.START)
    assert attempt is not None
    GuardedJob(database, job.id, attempt.number).wait_for(HOST, "Busy.", "the traceback")
    found = jobs.get(job.id)
    assert found is not None
    return found


def now_of(database: Database, job: Job) -> Job:
    row = database.first("select * from background_jobs where id = %s", (job.id,))
    assert row is not None
    return job_from(row)


def test_a_job_waits_for_its_provider_and_uses_no_retry(
    database: Database, circuits: Circuits, document: Document, attempts: AttemptRepository
) -> None:
    open_circuit(circuits)
    job = waiting_job(database, circuits, document)

    assert (job.status, job.retry_count) == (JobStatus.PENDING, 0)
    assert (job.waits_for, job.error_type) == (HOST, ErrorType.TRANSIENT)
    row = database.first("select opened_until, now() as now from provider_circuits")
    assert row is not None and job.next_retry_at is not None
    assert 0 <= (job.next_retry_at - row["opened_until"]).total_seconds() <= 2
    assert HOST in (job.error_message or "")
    assert f"{row['opened_until']:%H:%M:%S} UTC" in (job.error_message or "")
    assert (job.error_message or "").endswith("Busy.")
    (attempt,) = attempts.list_for_job(job.id)
    assert (attempt.outcome, attempt.error) == (AttemptOutcome.FAILED, "Busy.")
    assert job.id not in [found.id for found, _ in JobRepository(database).needing_attention()]


def test_a_job_does_not_wait_for_a_provider_that_has_answered_meanwhile(
    database: Database, circuits: Circuits, document: Document
) -> None:
    open_circuit(circuits)
    circuits.answered({HOST})
    job = waiting_job(database, circuits, document)

    assert (job.status, job.next_retry_at, job.waits_for) == (JobStatus.PENDING, None, None)
    assert job.error_message == "Busy."


def test_who_has_lost_the_job_does_not_make_it_wait(
    database: Database, circuits: Circuits, guarded: GuardedJob, jobs: JobRepository
) -> None:
    open_circuit(circuits)
    database.execute("update background_jobs set status = 'paused'")
    with pytest.raises(OwnershipLostError):
        guarded.wait_for(HOST, "Busy.")
    job = jobs.get(guarded.fence.job_id)
    assert job is not None and job.status is JobStatus.PAUSED


def test_an_answer_between_failures_keeps_it_closed(circuits: Circuits) -> None:
    for _ in range(3):
        for _ in range(FAILURES_TO_OPEN - 1):
            assert not circuits.failed(HOST, uuid4(), "Busy.")
        circuits.answered({HOST, "other.example.com"})


def test_what_is_to_be_retried_waits_as_well_when_it_opens(
    database: Database, circuits: Circuits, guarded: GuardedJob, jobs: JobRepository
) -> None:
    guarded.fail(ErrorType.TRANSIENT, "Busy.", retry_after=10, provider=HOST)
    open_circuit(circuits)

    job = jobs.get(guarded.fence.job_id)
    assert job is not None
    assert (job.status, job.retry_count, job.waits_for) == (JobStatus.PENDING, 0, HOST)
    assert job.next_retry_at is not None
    assert (job.next_retry_at - jobs.now()).total_seconds() > 20


def test_what_has_failed_for_good_stays_so(
    circuits: Circuits, guarded: GuardedJob, jobs: JobRepository
) -> None:
    guarded.fail(ErrorType.PERMANENT, "Broken.", provider=HOST)
    open_circuit(circuits)

    job = jobs.get(guarded.fence.job_id)
    assert job is not None and (job.status, job.next_retry_at) == (JobStatus.FAILED, None)


def test_of_many_at_once_exactly_one_asks(
    database: Database, circuits: Circuits, document: Document, database_url: str
) -> None:
    open_circuit(circuits)
    waiting = [waiting_job(database, circuits, document) for _ in range(AT_ONCE)]
    assert not circuits.may_try(HOST, waiting[0].id), "its time is not over"
    time_is_over(database)
    together = threading.Barrier(AT_ONCE)

    def ask(job: Job) -> bool:
        with Database(database_url, max_connections=1) as own:
            own.all("select 1")  # connected before all begin
            together.wait()
            return Circuits(own).may_try(HOST, job.id)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(ask, waiting))

    assert answers.count(True) == 1
    now = JobRepository(database).now()
    for job, asks in zip(waiting, answers, strict=True):
        due = now_of(database, job).next_retry_at
        assert due is not None
        assert (due <= now) == asks, "all but the one wait on"
    assert [found.id for found, _ in JobRepository(database).needing_attention()] == [
        waiting[answers.index(True)].id
    ]


def test_the_probe_that_fails_opens_it_for_longer(
    database: Database, circuits: Circuits, document: Document
) -> None:
    open_circuit(circuits)
    job, other = (waiting_job(database, circuits, document) for _ in range(2))
    time_is_over(database)
    assert circuits.may_try(HOST, job.id)
    assert circuits.failed(HOST, job.id, "Still busy.")

    due = now_of(database, other).next_retry_at
    assert due is not None
    assert 50 < (due - JobRepository(database).now()).total_seconds() < 65
    assert not circuits.may_try(HOST, other.id)


def test_a_probe_of_which_nothing_is_heard_is_followed_by_another(
    database: Database, circuits: Circuits, document: Document
) -> None:
    open_circuit(circuits)
    job, other = (waiting_job(database, circuits, document) for _ in range(2))
    for asks in (job, other):
        time_is_over(database)
        assert circuits.may_try(HOST, asks.id)


def test_an_answer_lets_all_go_on_at_once(
    database: Database, circuits: Circuits, document: Document
) -> None:
    open_circuit(circuits)
    waiting = [waiting_job(database, circuits, document) for _ in range(3)]

    assert circuits.answered({HOST}) == 3
    for job in waiting:
        found = now_of(database, job)
        assert (found.next_retry_at, found.waits_for, found.error_message) == (None, None, None)
        assert circuits.may_try(HOST, job.id)
    assert database.all("select * from provider_circuits") == []


def test_the_next_attempt_waits_for_nothing(
    database: Database, circuits: Circuits, document: Document, attempts: AttemptRepository
) -> None:
    open_circuit(circuits)
    job = waiting_job(database, circuits, document)
    assert attempts.begin(job.id, AttemptTrigger.RETRY) is not None
    assert now_of(database, job).waits_for is None


# A client's wish


@pytest.fixture
def later(database: Database, job: Job) -> Iterator[UUID]:
    """A job that has failed and is to be retried in an hour."""
    database.execute(
        "update background_jobs set status = 'failed', waits_for = %s, "
        "next_retry_at = now() + interval '1 hour' where id = %s",
        (HOST, job.id),
    )
    yield job.id


@pytest.mark.parametrize("status", ["failed", "cancelled", "completed", "paused"])
def test_a_wish_by_status_alone_need_not_wait(
    database: Database, jobs: JobRepository, later: UUID, status: str
) -> None:
    database.execute("update background_jobs set status = %s", (status,))
    database.execute("update background_jobs set status = 'pending'")
    job = jobs.get(later)
    assert job is not None and (job.next_retry_at, job.waits_for) == (None, None)


def test_a_time_that_comes_with_the_wish_is_kept(
    database: Database, jobs: JobRepository, later: UUID
) -> None:
    database.execute(
        "update background_jobs set status = 'pending', next_retry_at = now() + interval '2 hours'"
    )
    job = jobs.get(later)
    assert job is not None and job.next_retry_at is not None
    assert job.waits_for == HOST


def test_a_pause_keeps_the_time(database: Database, jobs: JobRepository, later: UUID) -> None:
    database.execute("update background_jobs set status = 'paused'")
    job = jobs.get(later)
    assert job is not None and job.next_retry_at is not None
