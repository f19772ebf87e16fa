"""A document that is processed again keeps what a person has marked in it."""

from rhizome_pipelines.lifecycle.jobs import JobStatus
from tests.bad_input import SAMPLES
from tests.dagster.world import World
from tests.integration.database.annotated import NOTE, annotate, component, covered


def test_a_document_whose_source_was_edited_keeps_its_highlights(world: World) -> None:
    document = world.add(SAMPLES / "card-box.md")
    world.process(document)
    store = world.store(document)

    def text() -> str:
        return world.services.objects.read(store.keys.file("content.md")).decode()

    old = text()
    lines = [line for line in old.splitlines() if len(line) > 120]
    quotes = [line[20:90] for line in (lines[0], lines[len(lines) // 2], lines[-1])]
    database = world.services.database
    first_chunk = world.chunk_ids(document)[0]
    entities = {
        quote: annotate(database, world.user, document.id, old, quote, first_chunk)
        for quote in quotes
    }
    assert document.storage_path is not None
    source = world.services.objects.read(document.storage_path).decode()
    foreword = "# A foreword\n\n" + "It was put before the text later 😀. " * 60 + "\n\n"
    world.services.objects.write(document.storage_path, (foreword + source).encode())

    job_id = world.jobs.latest_for_document(document.id).id  # type: ignore[union-attr]
    world.wish(job_id, JobStatus.PENDING)
    world.settle()

    assert world.job(job_id).status is JobStatus.COMPLETED
    new = text()
    assert "put before the text later" in new
    chunks = world.chunk_ids(document)
    for quote, entity in entities.items():
        assert covered(database, entity, new) == quote
        position = component(database, entity, "Position")
        assert (position["recovery_method"], position["needs_review"]) == ("exact", False)
        assert chunks[position["original_chunk_index"]] == position["chunk_id"]
        assert component(database, entity, "Content")["data"] == NOTE
