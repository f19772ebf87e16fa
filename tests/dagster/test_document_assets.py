"""The way of one document through the four assets, and what Dagster is told of it."""

import pytest
from dagster import AssetKey, ExecuteInProcessResult

from rhizome_pipelines.checkpoints.results import CheckpointSource
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import ErrorType
from rhizome_pipelines.lifecycle.jobs import AttemptOutcome, JobStatus
from rhizome_pipelines.lifecycle.stage_names import DOCUMENT_STAGES
from tests.bad_input import SAMPLES
from tests.dagster.world import World

STAGES = [stage.value for stage in DOCUMENT_STAGES]


@pytest.fixture
def card_box(world: World) -> Document:
    """An essay in markdown, with another by the same user to be connected with."""
    world.process(world.add(SAMPLES / "letter-on-note-boxes.paste.txt"))
    return world.add(SAMPLES / "card-box.md")


def _data_version(result: ExecuteInProcessResult, stage: str) -> str:
    (materialization,) = result.asset_materializations_for_node(stage)
    return (materialization.tags or {})["dagster/data_version"]


def test_a_row_becomes_a_processed_document(world: World, card_box: Document) -> None:
    job = world.process(card_box)

    assert job.status is JobStatus.COMPLETED, job.error_message
    assert job.progress["percent"] == 100
    assert job.progress["completed_stages"] == STAGES
    row = world.document_row(card_box)
    assert row["processing_status"] == "completed"
    assert row["markdown_available"]
    assert row["embeddings_available"]
    assert row["word_count"] > 100
    assert job.output_data["success"] is True
    assert job.output_data["documentId"] == str(card_box.id)
    assert job.output_data["chunkCount"] == world.chunk_count(card_box) > 1
    assert job.output_data["connectionCount"] > 0
    assert world.files(card_box) == [
        "chunks.json",
        "connections.parquet",
        "content.md",
        "embeddings.parquet",
        "manifest.json",
        "metadata.json",
        "source.md",
    ]


def test_the_attempt_is_on_record(world: World, card_box: Document) -> None:
    job_id = world.ask(card_box)
    (result,) = world.settle()

    (attempt,) = world.attempts(job_id)
    assert attempt.run_id == result.run_id
    assert attempt.outcome is AttemptOutcome.COMPLETED
    assert world.job(job_id).started_at == attempt.started_at


def test_dagster_is_told_version_numbers_and_previews(world: World, card_box: Document) -> None:
    job_id = world.ask(card_box)
    (result,) = world.settle()

    digests = world.digests(card_box)
    for stage in STAGES:
        assert _data_version(result, stage) == digests[stage][:16]
        (materialization,) = result.asset_materializations_for_node(stage)
        told = {name: value.value for name, value in materialization.metadata.items()}
        assert told["job"] == str(job_id)
        assert told["attempt"] == 1
        assert told["reused"] is False
        assert told["size_bytes"] > 0
        assert len(told["checkpoint_hash"]) == 16
        assert materialization.partition == str(card_box.id)
    (extraction,) = result.asset_materializations_for_node("extraction")
    assert "# " in extraction.metadata["preview"].value  # type: ignore[operator]


def test_every_check_is_made_and_passes(world: World, card_box: Document) -> None:
    world.ask(card_box)
    (result,) = world.settle()

    made = {one.check_name: one for one in result.get_asset_check_evaluations()}
    assert set(made) == {
        "extraction_is_stored",
        "chunking_is_stored",
        "offsets_are_exact",
        "embeddings_are_stored",
        "every_chunk_is_embedded",
        "connections_are_stored",
        "connections_are_sound",
    }
    assert all(check.passed for check in made.values())
    chunks = world.chunk_count(card_box)
    assert made["offsets_are_exact"].metadata["chunks"].value == chunks


@pytest.mark.parametrize(
    ("stage_file", "output", "check", "comes_after"),
    [
        ("stage-extraction.json", "content.md", "extraction_is_stored", "chunking"),
        ("stage-chunking.json", "chunks.json", "chunking_is_stored", "embeddings"),
        ("stage-embeddings.json", "embeddings.parquet", "embeddings_are_stored", "connections"),
    ],
)
def test_a_damaged_file_fails_its_check_and_blocks(
    world: World, card_box: Document, stage_file: str, output: str, check: str, comes_after: str
) -> None:
    key = world.store(card_box).keys.prefix + output

    def damage(_: str) -> None:
        content = world.services.objects.read(key)
        world.services.objects.write(key, content[:-1] + b"?")

    world.watch.once_written(stage_file, damage)
    job_id = world.ask(card_box)
    (result,) = world.settle()

    assert not result.success
    failed = [one.check_name for one in result.get_asset_check_evaluations() if not one.passed]
    assert check in failed
    assert result.asset_materializations_for_node(comes_after) == []
    job = world.job(job_id)
    assert job.status is JobStatus.FAILED
    assert job.error_type is ErrorType.PERMANENT
    assert output in (job.error_message or "")
    assert world.document_row(card_box)["processing_status"] == "failed"
    assert "manifest.json" not in world.files(card_box)


@pytest.mark.parametrize("stage", STAGES)
def test_months_later_each_asset_can_be_made_alone(
    world: World, card_box: Document, stage: str
) -> None:
    """From the finals: the stage files are gone when a job has completed."""
    world.process(card_box)
    before, files = world.hashes(card_box), world.files(card_box)
    assert not [name for name in files if name.startswith("stage-")]

    result = world.execute(str(card_box.id), asset_selection=[AssetKey(stage)])

    assert result.success
    assert _data_version(result, stage) == world.digests(card_box)[stage][:16]
    assert world.hashes(card_box) == before
    assert world.files(card_box) == files
    assert world.document_row(card_box)["processing_status"] == "completed"


def test_the_result_of_long_ago_is_read_from_the_manifest(world: World, card_box: Document) -> None:
    world.process(card_box)

    loaded = world.store(card_box).load_final("chunking")

    assert loaded.source is CheckpointSource.MANIFEST
    assert loaded.facts["chunk_count"] == world.chunk_count(card_box)


def test_done_again_it_is_the_same(world: World, card_box: Document) -> None:
    world.process(card_box)
    before, chunks = world.hashes(card_box), world.chunk_ids(card_box)
    job_id = world.jobs.latest_for_document(card_box.id).id  # type: ignore[union-attr]

    world.wish(job_id, JobStatus.PENDING)
    world.settle()

    assert world.job(job_id).status is JobStatus.COMPLETED
    assert [attempt.trigger for attempt in world.attempts(job_id)] == ["start", "restart"]
    assert world.hashes(card_box) == before
    assert world.chunk_ids(card_box) == chunks


def test_without_connections_three_stages_are_run(world: World, card_box: Document) -> None:
    job = world.process(card_box, detectConnections=False)

    assert job.status is JobStatus.COMPLETED, job.error_message
    assert job.progress["percent"] == 100
    assert job.progress["completed_stages"] == STAGES[:-1]
    assert "connections.parquet" not in world.files(card_box)
    assert "connectionCount" not in job.output_data
