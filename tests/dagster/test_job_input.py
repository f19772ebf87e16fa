"""What a client may write as a job's input, and how a row is refused that cannot be meant."""

from typing import Any
from uuid import uuid4

import pytest

from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import ErrorType
from rhizome_pipelines.lifecycle.jobs import Job, JobStatus, JobType
from tests.bad_input import SAMPLES
from tests.dagster.world import World


@pytest.fixture
def card_box(world: World) -> Document:
    return world.add(SAMPLES / "card-box.md")


def _refused(world: World, job: Job) -> str:
    """The sentence of a job that was refused before there was any attempt."""
    assert (job.status, job.error_type) == (JobStatus.FAILED, ErrorType.INVALID)
    assert not world.attempts(job.id)
    assert job.error_message
    assert job.error_message.endswith(".")
    assert "\n" not in job.error_message
    return job.error_message


@pytest.mark.parametrize(
    "job_type",
    [
        JobType.PROCESS_DOCUMENT,
        JobType.DETECT_CONNECTIONS,
        JobType.REPROCESS_CONNECTIONS,
        JobType.IMPORT_DOCUMENT,
    ],
)
def test_a_job_that_names_two_documents(
    world: World, card_box: Document, job_type: JobType
) -> None:
    other = uuid4()
    job_id = world.ask(card_box, job_type=job_type, document_id=str(other))

    world.settle()

    told = _refused(world, world.job(job_id))
    assert str(card_box.id) in told
    assert str(other) in told
    assert world.chunk_count(card_box) == 0


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("document_id", "no-uuid", "UUID"),
        ("document_id", 7, "UUID"),
        ("reviewBeforeChunking", "maybe", "true or false"),
        ("reviewBeforeChunking", "true", "true or false"),
        ("enrichChunks", 0, "true or false"),
        ("detectConnections", [], "true or false"),
        ("source_type", "floppy", "markdown_asis"),
        ("source_type", ["pdf"], "markdown_asis"),
        ("storage_path", 3, "text"),
        ("source_url", {}, "text"),
        ("pasted_content", ["text"], "text"),
    ],
)
def test_a_value_that_is_not_allowed(
    world: World, card_box: Document, key: str, value: object, allowed: str
) -> None:
    told = _refused(world, world.process(card_box, **{key: value}))

    assert key in told
    assert allowed in told
    assert world.document_row(card_box)["processing_status"] == "failed"


def test_all_faults_are_told_in_one_sentence(world: World, card_box: Document) -> None:
    told = _refused(world, world.process(card_box, enrichChunks="no", storage_path=1))

    assert "enrichChunks must be true or false; " in told or "; enrichChunks must be" in told
    assert "storage_path must be a text" in told


def test_a_completed_document_stays_so_when_a_job_about_it_is_refused(
    world: World, card_box: Document
) -> None:
    world.process(card_box)

    _refused(world, world.process(card_box, document_id=str(uuid4())))

    assert world.document_row(card_box)["processing_status"] == "completed"


@pytest.mark.parametrize("written", ["[]", '"x"', "3", "true"])
def test_an_input_that_is_no_object(world: World, card_box: Document, written: str) -> None:
    job_id = world.ask(card_box)
    world.services.database.execute(
        "update background_jobs set input_data = %s::jsonb where id = %s", (written, job_id)
    )

    world.settle()

    assert "object" in _refused(world, world.job(job_id))


@pytest.mark.parametrize(
    "given",
    [
        {"anything": "else", "chunkSize": [1]},
        dict.fromkeys(
            [
                *("document_id", "storage_path", "source_type", "source_url", "pasted_content"),
                *("reviewBeforeChunking", "enrichChunks", "detectConnections"),
            ]
        ),
        {"source_type": "", "source_url": "", "detectConnections": False},
    ],
)
def test_unknown_keys_and_what_is_not_given_are_passed_over(
    world: World, card_box: Document, given: dict[str, Any]
) -> None:
    job = world.process(card_box, **given)

    assert job.status is JobStatus.COMPLETED, job.error_message


def test_the_same_document_in_another_spelling_is_the_same(
    world: World, card_box: Document
) -> None:
    job = world.process(card_box, document_id=str(card_box.id).upper())

    assert job.status is JobStatus.COMPLETED, job.error_message


@pytest.mark.parametrize("written", ["obsidian_export", "obsidian-sync", "no_such_thing"])
def test_a_type_that_is_not_offered_is_refused_at_once(
    world: World, card_box: Document, written: str
) -> None:
    """Not only when the document's other jobs are over."""
    first = world.ask(card_box)
    world.look()
    assert world.job(first).status is JobStatus.PROCESSING
    job_id = world.ask(card_box, job_type=written)

    world.look()

    told = _refused(world, world.job(job_id))
    assert written in told
    assert "process_document" in told
