"""Many jobs at once: what is done to whom, in batches, and what stays."""

import threading
from collections.abc import Callable
from uuid import UUID, uuid4

import psycopg
import pytest

from rhizome_pipelines.database.administration import BATCH
from rhizome_pipelines.deployment.administration import (
    ENDED,
    STOPPED,
    Done,
    Handled,
    clear_all,
    clear_completed,
    clear_failed,
    fail_all_processing,
    force_fail,
    stop_all,
)
from rhizome_pipelines.deployment.commands import Granted
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.jobs import JobStatus
from rhizome_pipelines.settings import DEFAULT_USER

OTHER = uuid4()
EACH = 400
STATUSES = [*JobStatus]
TOLD = dict[tuple[UUID, str], int]
ACTS: dict[Callable[..., Handled], frozenset[JobStatus]] = {
    clear_completed: frozenset({JobStatus.COMPLETED}),
    clear_failed: frozenset({JobStatus.FAILED}),
    clear_all: frozenset(JobStatus),
    stop_all: frozenset({JobStatus.PENDING, JobStatus.PROCESSING}),
    fail_all_processing: frozenset({JobStatus.PROCESSING}),
}


def insert(services: Services, user: UUID, status: str | None, count: int = 1, **columns: object):
    """So many jobs, as a client would write them; their ids."""
    names = "".join(f", {name}" for name in columns)
    values = "".join(f", %({name})s" for name in columns)
    rows = services.database.all(
        f"insert into background_jobs (user_id, job_type, status{names}) "
        f"select %(user)s, 'process_document', %(status)s{values} "
        "from generate_series(1, %(count)s) returning id",
        {"user": user, "status": status, "count": count, **columns},
    )
    return [row["id"] for row in rows]


def states(services: Services) -> TOLD:
    rows = services.database.all(
        "select user_id, status, count(*) as jobs from background_jobs group by 1, 2"
    )
    return {(row["user_id"], row["status"]): row["jobs"] for row in rows}


@pytest.fixture
def crowd(services: Services) -> TOLD:
    """2,400 jobs of one user in every state, and a few of another's."""
    for status in STATUSES:
        insert(services, DEFAULT_USER, status, EACH)
        insert(services, OTHER, status, 3)
    return states(services)


@pytest.mark.parametrize("act", ACTS)
def test_what_is_meant_is_done_in_batches_and_the_rest_stays(
    services: Services, crowd: TOLD, act: Callable[..., Handled]
) -> None:
    meant = len(ACTS[act]) * EACH

    foreseen = act(services, DEFAULT_USER, dry_run=True)
    assert states(services) == crowd
    done = act(services, DEFAULT_USER)

    assert (foreseen.jobs, foreseen.dry_run) == (done.jobs, True) == (meant, not done.dry_run)
    left = states(services)
    assert {key: left[key] for key in left if key[0] == OTHER} == {
        key: crowd[key] for key in crowd if key[0] == OTHER
    }
    for status in JobStatus:
        if status not in ACTS[act] | {JobStatus.PAUSED, JobStatus.FAILED}:
            assert left[DEFAULT_USER, status] == EACH
    assert act(services, DEFAULT_USER).jobs == 0, "a second call finds nothing left"


def test_everybodys_jobs_are_the_operators(services: Services, crowd: TOLD) -> None:
    assert clear_all(services, None).jobs == sum(crowd.values())
    assert states(services) == {}


def test_what_is_tried_again_by_itself_is_not_cleared_as_failed(services: Services) -> None:
    due = {"next_retry_at": "2099-01-01", "retry_count": 1}
    (retried,) = insert(services, DEFAULT_USER, "failed", **due)
    insert(services, DEFAULT_USER, "failed", next_retry_at="2099-01-01", retry_count=3)

    assert clear_failed(services, DEFAULT_USER).jobs == 1

    assert [row["id"] for row in services.database.all("select id from background_jobs")] == [
        retried
    ]
    told = stop_all(services, DEFAULT_USER)
    assert told == Handled(Done.PAUSED, 0, retrying=1)
    assert "1 failed job will be tried again" in told.summary()


def test_a_job_without_a_status_is_pending_and_stopped(services: Services) -> None:
    insert(services, DEFAULT_USER, None)

    assert stop_all(services, DEFAULT_USER).jobs == 1

    row = services.database.first("select * from background_jobs")
    assert row is not None
    assert (row["status"], row["pause_reason"]) == ("paused", STOPPED)
    assert row["paused_at"] is not None


def test_what_is_failed_is_failed_for_good_with_its_document(services: Services) -> None:
    document = services.database.all(
        "insert into documents (user_id, processing_status) values (%s, 'processing') returning id",
        (DEFAULT_USER,),
    )[0]["id"]
    insert(services, DEFAULT_USER, "processing", entity_id=document, next_retry_at="2000-01-01")
    insert(services, OTHER, "processing", entity_id=document)

    assert fail_all_processing(services, DEFAULT_USER).jobs == 1

    row = services.database.first("select * from background_jobs where status = 'failed'")
    assert row is not None
    assert (row["error_type"], row["error_message"], row["next_retry_at"]) == (
        "permanent",
        ENDED,
        None,
    )
    assert row["output_data"] == {"success": False, "error": ENDED, "errorType": "permanent"}
    found = services.database.first("select * from documents")
    assert found is not None
    assert (found["processing_status"], found["processing_error"]) == ("failed", ENDED)


def test_a_job_that_is_being_written_is_waited_for_and_one_that_comes_meanwhile_stays(
    services: Services,
) -> None:
    first, *_ = insert(services, DEFAULT_USER, "processing", 2 * BATCH)
    done: list[Handled] = []
    with psycopg.connect(services.database.url) as writer:
        writer.execute("update background_jobs set progress = '{}' where id = %s", (first,))
        acting = threading.Thread(target=lambda: done.append(clear_all(services, DEFAULT_USER)))
        acting.start()
        # It has come to the one that is locked when all others are gone.
        while services.database.all("select from background_jobs where id <> %s limit 1", (first,)):
            pass
        (late,) = insert(services, DEFAULT_USER, "pending")
        assert acting.is_alive()
        writer.commit()
        acting.join()

    assert done == [Handled(Done.DELETED, 2 * BATCH)]
    assert [row["id"] for row in services.database.all("select id from background_jobs")] == [late]


def test_what_has_ended_meanwhile_is_not_stopped(services: Services) -> None:
    (job,) = insert(services, DEFAULT_USER, "processing")
    done: list[Handled] = []
    with psycopg.connect(services.database.url) as writer:
        writer.execute("update background_jobs set status = 'completed' where id = %s", (job,))
        acting = threading.Thread(target=lambda: done.append(stop_all(services, DEFAULT_USER)))
        acting.start()
        while not services.database.all(
            "select from pg_stat_activity where wait_event_type = 'Lock' "
            "and datname = current_database()"
        ):
            pass
        writer.commit()
        acting.join()

    assert done == [Handled(Done.PAUSED, 0)]
    assert states(services) == {(DEFAULT_USER, "completed"): 1}


def test_forcing_a_failure_is_foreseen_as_it_is_answered(services: Services) -> None:
    (hanging,) = insert(services, DEFAULT_USER, "processing", retry_count=2)
    (paused,) = insert(services, DEFAULT_USER, "paused")
    (anothers,) = insert(services, OTHER, "processing")
    asked = [hanging, paused, anothers]

    foreseen = force_fail(services, asked, DEFAULT_USER, dry_run=True)
    assert states(services)[DEFAULT_USER, "processing"] == 1
    done = force_fail(services, asked, DEFAULT_USER)

    assert (
        [one.granted for one in foreseen] == [one.granted for one in done] == [True, False, False]
    )
    assert [one.result for one in foreseen[1:]] == [one.result for one in done[1:]]
    assert isinstance(done[0].result, Granted)
    job = done[0].result.job
    assert (job.status, job.retry_count) == (JobStatus.FAILED, 0)
    assert job.next_retry_at is not None
