"""Runs that nobody asked for through a row: launched in Dagster's UI or on the command line."""

from uuid import uuid4

import pytest
from dagster import AssetKey

from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.jobs import AttemptOutcome, AttemptTrigger, JobStatus
from rhizome_pipelines.run_api import ATTEMPT_TAG, JOB_TAG, PARENT_TAG
from tests.bad_input import SAMPLES
from tests.dagster.world import World


@pytest.fixture
def card_box(world: World) -> Document:
    return world.add(SAMPLES / "card-box.md")


def test_a_run_without_a_row_gets_one(world: World, card_box: Document) -> None:
    result = world.execute(str(card_box.id))

    assert result.success
    (job,) = world.jobs.list()
    assert job.status is JobStatus.COMPLETED
    assert (job.entity_id, job.user_id) == (card_box.id, world.user)
    (attempt,) = world.attempts(job.id)
    assert attempt.trigger is AttemptTrigger.UI
    assert attempt.run_id == result.run_id
    assert world.document_row(card_box)["processing_status"] == "completed"


def test_the_partition_is_added_by_the_run(world: World, card_box: Document) -> None:
    world.execute(str(card_box.id))

    assert world.instance.get_dynamic_partitions("documents") == [str(card_box.id)]


def test_a_failed_job_is_gone_on_with(world: World, card_box: Document) -> None:
    job_id = world.ask(card_box)
    world.wish(job_id, JobStatus.FAILED)

    assert world.execute(str(card_box.id)).success

    assert [job.id for job in world.jobs.list()] == [job_id]
    assert world.job(job_id).status is JobStatus.COMPLETED


def test_tags_that_were_copied_from_a_parent_are_not_believed(
    world: World, card_box: Document
) -> None:
    """A re-execution in Dagster's UI carries the tags of its parent."""
    job_id = world.ask(card_box)
    (first,) = world.settle()

    again = world.execute(
        str(card_box.id), {JOB_TAG: str(job_id), ATTEMPT_TAG: "1", PARENT_TAG: first.run_id}
    )

    assert again.success
    one, two = world.attempts(job_id)
    assert (one.run_id, one.outcome) == (first.run_id, AttemptOutcome.COMPLETED)
    assert (two.run_id, two.trigger) == (again.run_id, AttemptTrigger.UI)
    assert two.outcome is AttemptOutcome.COMPLETED


# Refused in a sentence, before any work


def _refusal(world: World, partition: str | None, tags: dict[str, str] | None = None) -> str:
    """Execute; the sentence with which the run was refused."""
    written = list(world.watch.written)

    result = world.execute(partition, tags)

    assert not result.success
    assert world.watch.written == written
    assert [event for event in result.all_events if event.is_step_start] == []
    (failure,) = [event for event in result.all_events if event.is_run_failure]
    error = failure.job_failure_data.error
    assert error is not None
    while error.cause is not None and "Failure" not in (error.cls_name or ""):
        error = error.cause
    kind, _, sentence = error.message.partition(": ")
    assert kind == "dagster._core.definitions.events.Failure"
    return sentence.strip()


def test_an_unknown_document(world: World) -> None:
    document_id = str(uuid4())

    assert f"There is no document {document_id}" in _refusal(world, document_id)
    assert world.jobs.list() == []
    assert world.instance.get_dynamic_partitions("documents") == []


def test_no_document_at_all(world: World) -> None:
    assert _refusal(world, None).startswith("This run names no document.")


def test_a_partition_that_is_no_document_id(world: World) -> None:
    assert "must be a document's id (a UUID), not 'the first'" in _refusal(world, "the first")


def test_a_job_whose_attempt_is_alive(world: World, card_box: Document) -> None:
    job_id = world.ask(card_box)
    world.look()

    told = _refusal(world, str(card_box.id))

    assert f"Attempt 1 of job {job_id} is at work" in told
    assert world.job(job_id).status is JobStatus.PROCESSING
    assert len(world.attempts(job_id)) == 1


def test_a_job_that_is_about_to_begin_by_itself(world: World, card_box: Document) -> None:
    job_id = world.ask(card_box)

    assert f"Job {job_id} is about to be started by itself" in _refusal(world, str(card_box.id))
    assert world.job(job_id).status is JobStatus.PENDING


def test_a_job_that_was_deleted_before_its_run_began(world: World, card_box: Document) -> None:
    job_id = world.ask(card_box)
    (request,) = world.look()
    world.delete(job_id)

    told = _refusal(world, str(card_box.id), dict(request.tags))

    assert "deleted, stopped or taken over" in told
    assert world.jobs.list() == []


def test_an_attempt_that_another_run_is(world: World, card_box: Document) -> None:
    """The daemon died and launched the same request twice, say."""
    job_id = world.ask(card_box)
    (request,) = world.look()
    assert world.run(request).success
    done = world.attempts(job_id)

    told = _refusal(world, str(card_box.id), dict(request.tags))

    assert "taken over before" in told
    assert world.attempts(job_id) == done
    assert world.job(job_id).status is JobStatus.COMPLETED


def test_an_attempt_that_was_superseded(world: World, card_box: Document) -> None:
    job_id = world.ask(card_box)
    (slow,) = world.look()
    world.wish(job_id, JobStatus.PAUSED)
    world.look()
    world.wish(job_id, JobStatus.PENDING)
    (quick,) = world.look()

    _refusal(world, str(card_box.id), dict(slow.tags))

    assert world.run(quick).success
    assert world.job(job_id).status is JobStatus.COMPLETED


def test_a_stage_whose_upstream_was_never_made(world: World, card_box: Document) -> None:
    result = world.execute(str(card_box.id), asset_selection=[AssetKey("embeddings")])

    assert not result.success
    (job,) = world.jobs.list()
    assert job.status is JobStatus.FAILED
    assert "Run the stage 'chunking' again" in (job.error_message or "")
