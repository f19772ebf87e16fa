"""Writes of an attempt under the fence; what its owner wishes; what is told of it."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.control import DatabaseControl
from rhizome_pipelines.database.documents import DocumentRepository
from rhizome_pipelines.database.guarded import Fence, GuardedJob, OwnershipLostError
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.database.pace import merge_progress
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import ErrorType, TransientError
from rhizome_pipelines.lifecycle.jobs import (
    AttemptOutcome,
    AttemptTrigger,
    Job,
    JobStatus,
    JobType,
)
from rhizome_pipelines.stages.stage import StopReason

WRITES: Mapping[str, Callable[[GuardedJob], None]] = {
    "progress": lambda job: job.progress({"percent": 50, "stage": "chunking"}),
    "pointer": lambda job: job.pointer("chunking", "path", "0123456789abcdef"),
    "heartbeat": lambda job: job.heartbeat(),
    "complete": lambda job: job.complete({}),
    "fail": lambda job: job.fail(ErrorType.PERMANENT, "It is broken."),
    "fail, to be retried": lambda job: job.fail(ErrorType.TRANSIENT, "Busy.", retry_after=1),
}
WISHES_OF_OTHERS: Mapping[str, str] = {
    "paused": "update background_jobs set status = 'paused'",
    "cancelled": "update background_jobs set status = 'cancelled'",
    "forced to fail": "update background_jobs set status = 'failed', next_retry_at = now()",
    "resumed already": "update background_jobs set status = 'pending'",
    "superseded": "update background_jobs set current_attempt = 2",
    "deleted": "delete from background_jobs",
}


def everything(database: Database) -> list[list[dict[str, Any]]]:
    return [
        database.all("select * from background_jobs"),
        database.all("select * from job_attempts"),
        database.all("select * from documents"),
    ]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("wish", WISHES_OF_OTHERS)
def test_nothing_is_written_by_an_attempt_that_lost_its_job(
    database: Database, guarded: GuardedJob, wish: str, write: str
) -> None:
    database.execute(WISHES_OF_OTHERS[wish])
    before = everything(database)
    with pytest.raises(OwnershipLostError):
        WRITES[write](guarded)
    assert everything(database) == before


def test_a_pause_that_comes_during_the_write_wins(
    database: Database, guarded: GuardedJob, jobs: JobRepository, job: Job
) -> None:
    """The write waits for the row that the pause has locked, then looks at the guard again."""

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as pausing:
            pausing.execute("update background_jobs set status = 'paused'")
            write = pool.submit(guarded.progress, {"percent": 90})
            waits = (
                "select count(*) as n from pg_stat_activity "
                "where wait_event_type = 'Lock' and datname = current_database()"
            )
            while database.all(waits)[0]["n"] == 0:
                pass
        with pytest.raises(OwnershipLostError):
            write.result()
    found = jobs.get(job.id)
    assert found is not None
    assert (found.status, found.progress) == (JobStatus.PAUSED, {})


def test_progress_merges(jobs: JobRepository, guarded: GuardedJob, job: Job) -> None:
    guarded.progress({"percent": 10, "stage": "extraction", "stage_data": {"pages_done": 16}})
    guarded.pointer("extraction", "u/d/part", "0123456789abcdef")
    guarded.progress(
        {"percent": 5, "details": "page 17\0", "stage_data": {"pages_total": 193},
         "completed_stages": ["extraction"], "stage_timestamps": {"extraction": "now"}}
    )  # fmt: skip
    found = jobs.get(job.id)
    assert found is not None
    checkpoint = dict(found.progress["checkpoint"])
    assert isinstance(checkpoint.pop("timestamp"), str)
    assert checkpoint == {
        "stage": "extraction",
        "path": "u/d/part",
        "hash": "0123456789abcdef",
        "can_resume": True,
    }
    assert {name: value for name, value in found.progress.items() if name != "checkpoint"} == {
        "percent": 10,
        "stage": "extraction",
        "details": "page 17�",
        "stage_data": {"pages_done": 16, "pages_total": 193},
        "completed_stages": ["extraction"],
        "stage_timestamps": {"extraction": "now"},
    }


small = st.dictionaries(st.sampled_from("abc"), st.integers(-5, 5), max_size=3)
stages = st.lists(st.sampled_from(["extraction", "chunking", "embeddings"]), max_size=3)
patches = st.fixed_dictionaries(
    {},
    optional={
        "percent": st.integers(0, 100),
        "details": st.sampled_from(["a", "b"]),
        "stage_data": small,
        "stage_timestamps": small,
        "checkpoint": small,
        "completed_stages": stages.map(lambda names: list(dict.fromkeys(names))),
    },
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(stored=patches, patch=patches)
def test_the_database_merges_as_the_reporter_does(
    database: Database, stored: dict[str, Any], patch: dict[str, Any]
) -> None:
    merged = database.all(
        "select rhizome_merge_progress(%s, %s) as merged", (Jsonb(stored), Jsonb(patch))
    )
    assert merged == [{"merged": merge_progress(stored, patch)}]


@pytest.mark.parametrize(
    "odd", [None, [], 3, {"percent": "many", "stage_data": 1, "completed_stages": {}}]
)
def test_odd_progress_of_a_client_is_overwritten(database: Database, odd: Any) -> None:
    patch = {"percent": 1, "stage_data": {"a": 1}, "completed_stages": ["x"]}
    merged = database.all(
        "select rhizome_merge_progress(%s, %s) as merged", (Jsonb(odd), Jsonb(patch))
    )
    assert merged == [{"merged": patch}]


def test_completion_is_told_everywhere_at_once(
    jobs: JobRepository, attempts: AttemptRepository, documents: DocumentRepository,
    guarded: GuardedJob, document: Document, job: Job,
) -> None:  # fmt: skip
    guarded.progress({"percent": 99})
    guarded.complete({"documentId": str(document.id), "title": "a\0b"})
    found = jobs.get(job.id)
    assert found is not None
    assert (found.status, found.progress["percent"]) == (JobStatus.COMPLETED, 100)
    assert found.output_data == {
        "success": True,
        "documentId": str(document.id),
        "title": "a�b",
    }
    assert found.completed_at is not None
    kept = documents.get(document.user_id, document.id)
    assert kept is not None and kept.processing_status == "completed"
    (attempt,) = attempts.list_for_job(job.id)
    assert attempt.outcome is AttemptOutcome.COMPLETED
    assert attempt.ended_at == found.completed_at


def test_a_final_failure_is_told_everywhere_at_once(
    jobs: JobRepository, attempts: AttemptRepository, guarded: GuardedJob, database: Database,
    job: Job,
) -> None:  # fmt: skip
    guarded.fail(ErrorType.PAYWALL, "The page wants a login\0.", "Traceback")
    found = jobs.get(job.id)
    assert found is not None
    assert (found.status, found.error_type) == (JobStatus.FAILED, ErrorType.PAYWALL)
    assert found.error_message == "The page wants a login�."
    assert found.next_retry_at is None and found.completed_at is not None
    assert found.output_data == {
        "success": False,
        "error": "The page wants a login�.",
        "errorType": "paywall",
    }
    assert database.all("select processing_status, processing_error from documents") == [
        {"processing_status": "failed", "processing_error": "The page wants a login�."}
    ]
    assert attempts.list_for_job(job.id)[0].outcome is AttemptOutcome.FAILED


def test_a_document_waits_while_a_retry_is_due(
    jobs: JobRepository, documents: DocumentRepository, attempts: AttemptRepository,
    guarded: GuardedJob, document: Document, job: Job,
) -> None:  # fmt: skip
    attempts.started(job.id, 1)
    guarded.fail(ErrorType.TRANSIENT, "Busy.", retry_after=90.5)
    found = jobs.get(job.id)
    assert found is not None and found.next_retry_at is not None
    assert 80 < (found.next_retry_at - jobs.now()).total_seconds() < 91
    kept = documents.get(document.user_id, document.id)
    assert kept is not None and kept.processing_status == "processing"


def test_a_failed_detection_does_not_fail_the_document(
    jobs: JobRepository, attempts: AttemptRepository, documents: DocumentRepository,
    database: Database, document: Document,
) -> None:  # fmt: skip
    other = jobs.insert(document.user_id, JobType.DETECT_CONNECTIONS, document_id=document.id)
    attempts.begin(other.id, AttemptTrigger.START)
    GuardedJob(database, other.id, 1).fail(ErrorType.PERMANENT, "No.")
    assert documents.get(document.user_id, document.id) == document


def test_a_job_does_not_touch_another_users_document(
    jobs: JobRepository, attempts: AttemptRepository, documents: DocumentRepository,
    database: Database, document: Document, user: UUID,
) -> None:  # fmt: skip
    stranger = UUID(int=7)
    job = jobs.insert(stranger, JobType.PROCESS_DOCUMENT, document_id=document.id)
    attempts.begin(job.id, AttemptTrigger.START)
    attempts.started(job.id, 1)
    GuardedJob(database, job.id, 1).progress({"stage": "extraction"})
    GuardedJob(database, job.id, 1).fail(ErrorType.PERMANENT, "No.")
    assert documents.get(user, document.id) == document
    assert database.all("select processing_stage as stage from documents") == [{"stage": None}]


# Control


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ("paused", StopReason.PAUSED),
        ("cancelled", StopReason.CANCELLED),
        ("deleted", StopReason.CANCELLED),
        ("superseded", StopReason.SUPERSEDED),
        ("forced to fail", StopReason.SUPERSEDED),
        ("resumed already", StopReason.SUPERSEDED),
    ],
)
def test_control_tells_what_the_owner_wishes(
    database: Database, guarded: GuardedJob, job: Job, wish: str, reason: StopReason
) -> None:
    control = DatabaseControl(database, job.id, 1)
    assert control.ask() is None
    database.execute(WISHES_OF_OTHERS[wish])
    assert control.ask() is reason


def test_control_that_cannot_ask_says_so(job: Job) -> None:
    nowhere = Database("postgresql://u:secret@127.0.0.1:1/none", patience=1)
    with pytest.raises(TransientError, match="cannot be reached") as fault:
        DatabaseControl(nowhere, job.id, 1).ask()
    assert "secret" not in fault.value.message


def test_a_fence_is_held_until_the_transaction_ends(
    database: Database, guarded: GuardedJob, job: Job
) -> None:
    with database.transaction() as connection:
        Fence(job.id, 1).hold(connection)
        blocked = "update background_jobs set status = 'paused'"
        with pytest.raises(TransientError, match="holds a lock"), database.connection() as other:
            try:
                other.execute("set lock_timeout = '100ms'")
                other.execute(blocked)
            finally:
                other.execute("reset lock_timeout")
    database.execute("update background_jobs set status = 'paused'")
    with database.connection() as connection, pytest.raises(OwnershipLostError):
        Fence(job.id, 1).hold(connection)
