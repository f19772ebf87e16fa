"""What the first implementation of this system got wrong, by number: never again.

The retries of the fifth are in test_retrying_and_review.py.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest

from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.guarded import GuardedJob, OwnershipLostError
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.jobs import AttemptOutcome, AttemptTrigger, JobStatus
from tests.dagster.launching_world import LaunchingWorld
from tests.dagster.test_control import book  # noqa: F401 - a fixture

PART = "stage-extraction.part.pages-000017"
"""The second of two: the row knows of the first by then."""


@pytest.fixture
def document(launching: LaunchingWorld, book: Path) -> Document:  # noqa: F811
    return launching.add(book)


def disturbed(
    world: LaunchingWorld, document: Document, moment: str, act: Callable[[UUID], object]
) -> tuple[UUID, list[str]]:
    """Ask for the document and do `act` at that moment of its run: the job, what the run wrote
    after that."""
    job_id = world.ask(document)
    written: list[int] = []

    def hook(_: str) -> None:
        act(job_id)
        written.append(len(world.watch.written))

    world.watch.once_written(moment, hook)
    (run,) = world.look_and_launch()
    world.work(run)
    return job_id, world.watch.written[written[0] :]


def paused(world: LaunchingWorld, document: Document, moment: str) -> UUID:
    job_id, after = disturbed(
        world, document, moment, lambda job_id: world.wish(job_id, JobStatus.PAUSED)
    )
    assert after == []
    return job_id


@pytest.mark.parametrize("moment", [PART, "stage-extraction.json", "stage-chunking.json"])
def test_defect_1_the_hash_is_that_of_the_stored_bytes_and_a_resume_believes_it(
    launching: LaunchingWorld, document: Document, moment: str
) -> None:
    job_id = paused(launching, document, moment)
    pointer = launching.job(job_id).checkpoint
    assert pointer is not None
    stored = launching.services.objects.read(pointer.path)
    assert pointer.hash == hashlib.sha256(stored).hexdigest()[:16]
    kept = len(launching.watch.written)

    launching.wish(job_id, JobStatus.PENDING)
    (run,) = launching.look_and_launch()

    assert launching.work(run).success
    assert pointer.path not in launching.watch.written[kept:], "it was made anew"


def test_defect_2_a_pause_stops_the_worker_and_no_progress_undoes_it(
    launching: LaunchingWorld, document: Document
) -> None:
    job_id = paused(launching, document, PART)

    job = launching.job(job_id)
    assert job.status is JobStatus.PAUSED
    with pytest.raises(OwnershipLostError):
        GuardedJob(launching.services.database, job_id, 1).progress({"percent": 99})
    assert launching.job(job_id) == job


def test_defect_3_progress_is_merged_and_never_drops_the_checkpoint(
    launching: LaunchingWorld, document: Document
) -> None:
    """Paused at the first part of the third stage, the row still tells of the two before it."""
    job_id = paused(launching, document, "stage-embeddings.part")

    job = launching.job(job_id)
    assert job.checkpoint is not None
    told = job.progress["checkpoint"]
    assert (told["stage"], told["path"], told["hash"], told["can_resume"]) == (
        job.checkpoint.stage,
        job.checkpoint.path,
        job.checkpoint.hash,
        True,
    )
    assert job.progress["completed_stages"] == ["extraction", "chunking"]
    assert set(job.progress["stage_timestamps"]) == {"extraction", "chunking"}


def test_defect_4_cancelled_and_deleted_a_moment_later_the_work_stops(
    launching: LaunchingWorld, document: Document
) -> None:
    def cancel_and_delete(job_id: UUID) -> None:
        launching.wish(job_id, JobStatus.CANCELLED)
        time.sleep(0.1)
        launching.delete(job_id)

    job_id, after = disturbed(launching, document, PART, cancel_and_delete)
    launching.tick()

    assert after == []
    assert launching.jobs.get(job_id) is None
    assert [name for name in launching.files(document) if not name.startswith("source.")] == []
    assert launching.attempts(job_id) == [], "what was known of it is forgotten"


def test_defect_5_however_many_claim_a_job_at_once_one_has_it(
    launching: LaunchingWorld, document: Document
) -> None:
    job_id = launching.ask(document)
    attempts = AttemptRepository(launching.services.database)
    together = threading.Barrier(4)

    def claim(_: int) -> bool:
        together.wait()
        return attempts.begin(job_id, AttemptTrigger.START) is not None

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(claim, range(4))) == [False, False, False, True]
    assert [attempt.number for attempt in launching.attempts(job_id)] == [1]


def age(world: LaunchingWorld, column: str, seconds: int) -> None:
    """Set a time of the newest attempt and of its job so far back."""
    assert column in {"started_at", "heartbeat_at"}
    world.services.database.execute(
        "update job_attempts set created_at = now() - make_interval(secs => %(s)s),"
        "  started_at = now() - make_interval(secs => %(s)s)"
        if column == "started_at"
        else "update job_attempts set heartbeat_at = now() - make_interval(secs => %(s)s)",
        {"s": seconds},
    )
    if column == "started_at":
        world.services.database.execute(
            "update background_jobs set created_at = now() - make_interval(secs => %(s)s),"
            "  started_at = now() - make_interval(secs => %(s)s)",
            {"s": seconds},
        )


def test_defect_10_a_job_that_has_worked_for_hours_is_left_alone(
    launching: LaunchingWorld, document: Document
) -> None:
    def hours_later(_: UUID) -> None:
        age(launching, "started_at", 4 * 3600)
        launching.tick()

    job_id, _ = disturbed(launching, document, PART, hours_later)

    assert launching.job(job_id).status is JobStatus.COMPLETED
    assert [one.outcome for one in launching.attempts(job_id)] == [AttemptOutcome.COMPLETED]


@pytest.mark.parametrize("moment", [PART, "stage-chunking.json", "stage-connections.json"])
def test_of_two_workers_on_one_job_only_the_newer_writes(
    launching: LaunchingWorld, document: Document, moment: str
) -> None:
    """The first falls silent; the second does all of it; then the first works on."""
    rows: list[object] = []

    def everything() -> object:
        return (
            launching.services.database.all("select * from background_jobs"),
            launching.services.database.all("select * from job_attempts order by number"),
            launching.services.database.all("select * from documents"),
            launching.services.database.all("select * from chunks order by id"),
            launching.services.database.all("select * from connections order by id"),
            launching.hashes(document),
        )

    def overtaken(job_id: UUID) -> None:
        age(launching, "heartbeat_at", 31)
        (second, *_) = [*launching.look_and_launch(), *launching.look_and_launch()]
        assert launching.work(second).success
        rows.append(everything())

    job_id, after = disturbed(launching, document, moment, overtaken)

    assert after == [], "the first has written a file"
    assert rows == [everything()]
    assert [(one.number, one.outcome) for one in launching.attempts(job_id)] == [
        (1, AttemptOutcome.LOST),
        (2, AttemptOutcome.COMPLETED),
    ]
