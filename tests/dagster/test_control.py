"""Wishes and deaths in the middle of a run: what is stopped stays so, and goes on from there."""

import io
import os
import signal as signals
from collections.abc import Callable
from pathlib import Path

import pytest
from dagster import DagsterExecutionInterruptedError, DagsterRunStatus
from reportlab.pdfgen.canvas import Canvas

from rhizome_pipelines.checkpoints.keys import stage_of
from rhizome_pipelines.deployment.cleanup import GIVEN_UP
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import ErrorType
from rhizome_pipelines.lifecycle.jobs import AttemptOutcome, AttemptTrigger, JobStatus
from tests.dagster.world import World

PAGES = 20
MOMENTS = [
    pytest.param("stage-extraction.part", id="after a part of extraction"),
    pytest.param("stage-extraction.json", id="after extraction"),
    pytest.param("stage-chunking.json", id="after chunking"),
    pytest.param("embeddings.parquet", id="in embeddings"),
    pytest.param("stage-connections.json", id="after the last stage"),
]


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PDF of several windows of pages."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, invariant=1)
    for page in range(1, PAGES + 1):
        for line in range(8):
            text = f"Sentence {line} of page {page} tells of roots, rhizomes and what they join."
            canvas.drawString(72, 720 - 20 * line, text)
        canvas.showPage()
    canvas.save()
    path = tmp_path_factory.mktemp("book") / "book.pdf"
    path.write_bytes(buffer.getvalue())
    return path


@pytest.fixture
def document(world: World, book: Path) -> Document:
    return world.add(book)


@pytest.fixture
def undisturbed(world: World, book: Path) -> Callable[[Document], None]:
    """Compare a document's results with those of another job that nobody disturbed."""

    def compare(document: Document) -> None:
        disturbed = world.hashes(document)
        world.process(document)
        assert world.hashes(document) == disturbed

    return compare


def _given_up(world: World, document: Document) -> bool:
    """Whether the document tells that nobody works on it any more."""
    row = world.document_row(document)
    return (row["processing_status"], row["processing_error"]) == ("failed", GIVEN_UP)


def _run_until(world: World, document: Document, moment: str, act: Callable[[], None]) -> int:
    """Execute the one run that is asked for, doing `act` at the moment; how much was written."""
    written: list[int] = []

    def hook(_: str) -> None:
        act()
        written.append(len(world.watch.written))

    world.watch.once_written(moment, hook)
    (request,) = world.look()
    result = world.run(request)
    assert not result.success
    (after,) = written
    assert world.watch.written[after:] == []
    run = world.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.status is DagsterRunStatus.CANCELED
    return after


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_paused_job_stops_and_goes_on_from_there(
    world: World,
    document: Document,
    moment: str,
    undisturbed: Callable[[Document], None],
) -> None:
    job_id = world.ask(document)

    _run_until(world, document, moment, lambda: world.wish(job_id, JobStatus.PAUSED))

    paused = world.job(job_id)
    assert paused.status is JobStatus.PAUSED
    (first,) = world.attempts(job_id)
    assert first.outcome is AttemptOutcome.PAUSED
    assert "manifest.json" not in world.files(document)
    assert world.look() == []
    kept = {name for name in world.watch.written if stage_of(name)}

    world.wish(job_id, JobStatus.PENDING)
    (result,) = world.settle()

    assert result.success
    resumed = world.job(job_id)
    assert resumed.status is JobStatus.COMPLETED
    assert resumed.retry_count == 0
    assert world.attempts(job_id)[1].trigger is AttemptTrigger.RESUME
    assert [name for name in world.watch.written if name in kept] == sorted(
        kept, key=world.watch.written.index
    ), "what had been kept was made again"
    undisturbed(document)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_deleted_job_leaves_nothing_new(world: World, document: Document, moment: str) -> None:
    job_id = world.ask(document)

    _run_until(world, document, moment, lambda: world.delete(job_id))

    assert world.jobs.list() == []
    assert "manifest.json" not in world.files(document)
    assert _given_up(world, document)
    assert world.look() == []


@pytest.mark.parametrize("moment", ["stage-extraction.part", "stage-chunking.json"])
def test_a_deleted_job_writes_no_chunks(world: World, document: Document, moment: str) -> None:
    job_id = world.ask(document)

    _run_until(world, document, moment, lambda: world.delete(job_id))

    assert world.chunk_count(document) == 0


def test_a_cancelled_job_stays_cancelled(world: World, document: Document) -> None:
    job_id = world.ask(document)

    _run_until(
        world,
        document,
        "stage-extraction.json",
        lambda: world.wish(job_id, JobStatus.CANCELLED),
    )

    assert world.job(job_id).status is JobStatus.CANCELLED
    assert world.attempts(job_id)[0].outcome is AttemptOutcome.CANCELLED
    assert _given_up(world, document)
    assert world.look() == []


def test_the_document_of_a_deleted_job_whose_worker_died_is_set_right(
    world: World, document: Document
) -> None:
    """As soon as its attempt counts as ended, not with the hourly sweep."""
    job_id = world.ask(document)
    world.look()
    world.services.database.execute("update documents set processing_status = 'processing'")
    world.delete(job_id)

    for _ in range(3):
        world.services.database.execute(
            "update job_attempts set created_at = created_at - interval '91 s'"
        )
        world.look()

    assert _given_up(world, document)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_document_that_is_deleted_while_its_job_is_at_work(
    world: World, document: Document, moment: str
) -> None:
    """The job says so at once, and nothing is tried again."""
    job_id = world.ask(document)
    world.watch.once_written(
        moment, lambda _: world.services.database.execute("delete from documents")
    )

    (request,) = world.look()
    world.run(request)

    job = world.job(job_id)
    assert (job.status, job.error_type) == (JobStatus.FAILED, ErrorType.INVALID)
    assert "deleted while its job was at work" in (job.error_message or "")
    assert job.next_retry_at is None
    assert world.look() == []


def test_a_job_that_was_forced_to_fail_is_let_go(world: World, document: Document) -> None:
    job_id = world.ask(document)

    _run_until(
        world, document, "stage-extraction.json", lambda: world.wish(job_id, JobStatus.FAILED)
    )

    assert world.job(job_id).status is JobStatus.FAILED
    assert world.attempts(job_id)[0].outcome is AttemptOutcome.SUPERSEDED


def test_paused_and_resumed_at_once_there_is_one_worker(world: World, document: Document) -> None:
    """The old attempt notices that the job is not its own; the new one waits for its end."""
    job_id = world.ask(document)

    def pause_and_resume() -> None:
        world.wish(job_id, JobStatus.PAUSED)
        world.wish(job_id, JobStatus.PENDING)

    _run_until(world, document, "stage-extraction.part", pause_and_resume)
    assert [attempt.alive for attempt in world.attempts(job_id)] == [False]

    world.settle()

    assert world.job(job_id).status is JobStatus.COMPLETED
    assert len(world.attempts(job_id)) == 2


# The worker's process is asked to end


@pytest.mark.parametrize("signal", [DagsterExecutionInterruptedError, KeyboardInterrupt])
@pytest.mark.parametrize("moment", ["stage-extraction.part", "stage-embeddings.json"])
def test_a_shutdown_gives_the_job_back(
    world: World,
    document: Document,
    signal: type[BaseException],
    moment: str,
    undisturbed: Callable[[Document], None],
) -> None:
    job_id = world.ask(document)

    def end(_: str) -> None:
        raise signal

    world.watch.once_written(moment, end)
    (request,) = world.look()
    result = world.run(request)

    assert not result.success
    job = world.job(job_id)
    assert job.status is JobStatus.PENDING
    assert world.attempts(job_id)[0].outcome is AttemptOutcome.SHUTDOWN

    world.settle()

    job = world.job(job_id)
    assert job.status is JobStatus.COMPLETED
    assert job.retry_count == 0
    assert world.attempts(job_id)[1].trigger is AttemptTrigger.RESUME
    undisturbed(document)


@pytest.mark.parametrize("signal", [DagsterExecutionInterruptedError, KeyboardInterrupt])
def test_a_shutdown_between_the_work_and_its_record_gives_the_job_back(
    world: World, document: Document, signal: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only the stages themselves can be interrupted: whatever a step does can."""
    from resources.checkpoint_io_manager import CheckpointIOManager

    def end(*_: object) -> None:
        raise signal

    job_id = world.ask(document)
    (request,) = world.look()
    with monkeypatch.context() as patch:
        patch.setattr(CheckpointIOManager, "handle_output", end)
        world.run(request)

    assert world.job(job_id).status is JobStatus.PENDING
    assert world.attempts(job_id)[0].outcome is AttemptOutcome.SHUTDOWN
    world.settle()
    assert world.job(job_id).status is JobStatus.COMPLETED


@pytest.mark.parametrize("number", [signals.SIGINT, signals.SIGTERM])
def test_a_completed_job_cleans_up_though_its_worker_is_asked_to_end(
    world: World, document: Document, number: signals.Signals
) -> None:
    """`rhizome process` ends its deployment as soon as the last row says `completed`."""
    job_id = world.ask(document)
    seen: list[JobStatus] = []

    def end(_: str) -> None:
        seen.append(world.job(job_id).status)
        os.kill(os.getpid(), number)

    world.watch.before_deleting("stage-extraction.json", end)
    (request,) = world.look()
    result = world.run(request)

    assert result.success
    assert seen == [JobStatus.COMPLETED]
    assert not [name for name in world.files(document) if name.startswith("stage-")]


def test_terminated_in_dagster_the_job_is_paused(world: World, document: Document) -> None:
    job_id = world.ask(document)

    def terminate(_: str) -> None:
        (attempt,) = world.attempts(job_id)
        run = world.instance.get_run_by_id(str(attempt.run_id))
        assert run is not None
        world.instance.report_run_canceling(run)
        raise DagsterExecutionInterruptedError

    world.watch.once_written("stage-extraction.part", terminate)
    (request,) = world.look()
    world.run(request)
    world.look()

    job = world.job(job_id)
    assert job.status is JobStatus.PAUSED
    assert job.pause_reason == "terminated in Dagster"
    world.wish(job_id, JobStatus.PENDING)
    world.settle()
    assert world.job(job_id).status is JobStatus.COMPLETED


# What went wrong outside of the stages


def test_a_defect_around_the_stages_fails_the_job(
    world: World, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resources.checkpoint_io_manager import CheckpointIOManager

    def defect(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(CheckpointIOManager, "handle_output", defect)

    job = world.process(document)

    assert job.status is JobStatus.FAILED
    (attempt,) = world.attempts(job.id)
    assert attempt.run_id
    assert attempt.run_id in (job.error_message or "")


def test_percent_never_falls_when_a_job_goes_on(world: World, document: Document) -> None:
    job_id = world.ask(document)
    _run_until(world, document, "stage-chunking.json", lambda: world.wish(job_id, JobStatus.PAUSED))
    before = world.job(job_id).progress["percent"]
    seen: list[int] = []
    world.watch.once_written(
        "stage-embeddings", lambda _: seen.append(world.job(job_id).progress["percent"])
    )

    world.wish(job_id, JobStatus.PENDING)
    world.settle()

    assert before > 0
    assert seen[0] >= before
