"""Failures that are tried again by themselves; and jobs that pause for a review."""

import pytest

from rhizome_pipelines.checkpoints.objects import StorageUnavailableError
from rhizome_pipelines.database.connection import connect
from rhizome_pipelines.deployment.checkpoint_report import checkpoint_report
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import ErrorType
from rhizome_pipelines.lifecycle.jobs import AttemptOutcome, AttemptTrigger, JobStatus
from tests.bad_input import SAMPLES
from tests.dagster.launching_world import LaunchingWorld
from tests.dagster.test_going_on import steps


@pytest.fixture
def card_box(launching: LaunchingWorld) -> Document:
    return launching.add(SAMPLES / "card-box.md")


def away(_: str) -> None:
    raise StorageUnavailableError("The storage does not answer.")


def without_database(_: str) -> None:
    connect("postgresql://nobody@127.0.0.1:1/none")


def is_due(world: LaunchingWorld) -> None:
    world.services.database.execute("update background_jobs set next_retry_at = now()")


def test_a_transient_failure_is_tried_again_when_it_is_due(
    launching: LaunchingWorld, card_box: Document
) -> None:
    job_id = launching.ask(card_box)
    launching.watch.once_written("stage-chunking.json", away)
    (first,) = launching.look_and_launch()
    launching.work(first)

    failed = launching.job(job_id)
    assert (failed.status, failed.error_type) == (JobStatus.FAILED, ErrorType.TRANSIENT)
    assert failed.next_retry_at is not None
    assert failed.retry_count == 0
    assert launching.document_row(card_box)["processing_status"] == "processing"
    assert launching.look_and_launch() == [], "it is not due"

    is_due(launching)
    (again,) = [*launching.look_and_launch(), *launching.look_and_launch()]

    assert launching.work(again).success
    assert again.parent_run_id == first.run_id
    assert "extraction" not in steps(launching, again)
    done = launching.job(job_id)
    assert (done.status, done.retry_count) == (JobStatus.COMPLETED, 1)
    assert launching.attempts(job_id)[1].trigger is AttemptTrigger.RETRY


def test_that_the_database_was_away_uses_up_no_retry(
    launching: LaunchingWorld, card_box: Document
) -> None:
    job_id = launching.ask(card_box)
    launching.watch.once_written("stage-chunking.json", without_database)
    (first,) = launching.look_and_launch()
    assert not launching.work(first).success

    assert launching.job(job_id).status is JobStatus.PENDING
    (again,) = launching.look_and_launch()

    assert launching.work(again).success
    assert "extraction" not in steps(launching, again)
    done = launching.job(job_id)
    assert (done.status, done.retry_count) == (JobStatus.COMPLETED, 0)
    lost, rescue = launching.attempts(job_id)
    assert (lost.outcome, rescue.trigger) == (AttemptOutcome.LOST, AttemptTrigger.RESCUE)


def test_defect_5_the_retries_end_and_the_person_is_told(
    launching: LaunchingWorld, card_box: Document
) -> None:
    job_id = launching.ask(card_box)
    for _ in range(4):
        launching.watch.once_written("stage-extraction.json", away)
        (run,) = [*launching.look_and_launch(), *launching.look_and_launch()]
        launching.work(run)
        launching.services.objects.delete([launching.store(card_box).keys.stage("extraction")])
        launching.services.database.execute(
            "update background_jobs set next_retry_at = now() where next_retry_at is not null"
        )

    job = launching.job(job_id)
    assert (job.status, job.next_retry_at, job.retry_count) == (JobStatus.FAILED, None, 3)
    assert "It was tried 4 times" in (job.error_message or "")
    assert f"rhizome jobs retry {job_id}" in (job.error_message or "")
    assert launching.document_row(card_box)["processing_status"] == "failed"
    assert [*launching.look_and_launch(), *launching.look_and_launch()] == []


def test_a_job_pauses_itself_for_a_review_and_goes_on_with_the_edit(
    launching: LaunchingWorld, card_box: Document
) -> None:
    job_id = launching.ask(card_box, reviewBeforeChunking=True)
    (first,) = launching.look_and_launch()
    launching.work(first)

    paused = launching.job(job_id)
    assert paused.status is JobStatus.PAUSED
    assert "review" in (paused.pause_reason or "")
    assert launching.document_row(card_box)["processing_status"] == "awaiting_manual_review"
    assert "stage-chunking.json" not in launching.files(card_box)

    edited = "# My own words\n\nThis is what the person has made of the text.\n"
    launching.services.objects.write(launching.store(card_box).keys.content, edited.encode())
    report = checkpoint_report(launching.services, launching.job(job_id))
    assert report is not None
    assert report.sentence() == (
        "A resume skips extraction and goes on in chunking from its beginning (with content.md as "
        "it was edited)."
    )
    assert all(one.valid for one in report.checkpoints)
    launching.wish(job_id, JobStatus.PENDING)
    (second,) = launching.look_and_launch()

    assert launching.work(second).success
    assert steps(launching, second) == ["chunking", "embeddings", "connections"]
    content = launching.services.objects.read(launching.store(card_box).keys.content)
    assert content.decode() == edited
    rows = launching.services.database.all("select content from chunks where is_current")
    assert any("what the person has made" in row["content"] for row in rows)
    assert launching.job(job_id).status is JobStatus.COMPLETED
    assert launching.document_row(card_box)["processing_status"] == "completed"


def test_an_edit_after_the_review_is_damage(launching: LaunchingWorld, card_box: Document) -> None:
    job_id = launching.ask(card_box, reviewBeforeChunking=True)
    (first,) = launching.look_and_launch()
    launching.work(first)
    launching.watch.once_written(
        "stage-chunking.json", lambda _: launching.wish(job_id, JobStatus.PAUSED)
    )
    launching.wish(job_id, JobStatus.PENDING)
    (second,) = launching.look_and_launch()
    launching.work(second)
    launching.services.objects.write(launching.store(card_box).keys.content, b"Not in review.\n")

    launching.wish(job_id, JobStatus.PENDING)
    (third,) = launching.look_and_launch()

    assert launching.work(third).success
    assert steps(launching, third)[0] == "extraction"
    content = launching.services.objects.read(launching.store(card_box).keys.content)
    assert content != b"Not in review.\n"
