"""Documents that nobody has processed yet, exported and imported where they are already."""

from pathlib import Path

import pytest

from rhizome_pipelines.deployment.importing import (
    ImportContext,
    import_output,
    open_import_stage,
)
from rhizome_pipelines.deployment.intake import Item, add_document
from rhizome_pipelines.lifecycle.documents import Document, SourceType
from rhizome_pipelines.lifecycle.jobs import JobType
from rhizome_pipelines.transfer.plan import NO_CHUNKS, Decision
from tests.integration.transfer.editing import everything
from tests.integration.transfer.transfer_world import Installation, reanchor_by_search

TEXT = "# Roots\n\nRoots hold the soil.\n"


@pytest.fixture
def fresh(here: Installation, tmp_path: Path) -> Document:
    """A document that was added and not processed."""
    path = tmp_path / "fresh.md"
    path.write_text(TEXT)
    return add_document(
        here.services, here.user, Item(SourceType.MARKDOWN_ASIS, path=path, title="Fresh")
    ).document


@pytest.mark.parametrize("strategy", ["skip", "merge_smart"])
def test_without_chunks_on_either_side_a_document_stays(
    here: Installation, fresh: Document, strategy: str
) -> None:
    archive = here.export(fresh.id)
    here.database.execute("update documents set title = 'Renamed here'")
    before = everything(here)

    (planned,) = here.preview(archive, strategy=strategy).documents
    output = here.import_(archive, strategy=strategy)

    assert planned.decision is Decision.SKIP
    assert output["documents"][0]["decision"] == "skip"
    assert everything(here) == before


def test_replace_brings_its_row_and_its_files(here: Installation, fresh: Document) -> None:
    archive = here.export(fresh.id)
    before = here.files(fresh.id)
    here.database.execute("update documents set title = 'Renamed here'")
    here.store_file(fresh, "source.md", b"changed here")

    (planned,) = here.preview(archive, strategy="replace").documents
    output = here.import_(archive, strategy="replace")

    assert (planned.decision, planned.added, planned.deleted) == (Decision.REPLACE, 0, 0)
    assert output["documents"][0]["note"] == ""
    (row,) = here.database.all("select title from documents")
    assert row["title"] == "Fresh"
    assert here.files(fresh.id) == before


@pytest.mark.parametrize("strategy", ["skip", "replace", "merge_smart"])
def test_chunks_that_are_here_are_not_taken_away(
    here: Installation, there: Installation, tmp_path: Path, strategy: str
) -> None:
    processed = here.process(tmp_path, "roots.md", TEXT, connections=False)
    there.import_(here.export(processed.id))
    there.database.execute("delete from chunks")
    objects = there.services.objects
    keys = [info.key for info in objects.list(f"{there.user}/{processed.id}/")]
    objects.delete([key for key in keys if not key.endswith("/source.md")])
    archive = there.export(processed.id)
    before = everything(here)

    (planned,) = here.preview(archive, strategy=strategy).documents
    output = here.import_(archive, strategy=strategy)

    assert planned.decision is Decision.SKIP
    note = "" if strategy == "skip" else NO_CHUNKS
    assert (planned.note, output["documents"][0]["note"]) == (note, note)
    assert everything(here) == before


def test_chunks_that_came_since_it_was_decided_are_not_taken_away(
    here: Installation, fresh: Document
) -> None:
    key = here.upload(here.export(fresh.id))
    job = here.job(JobType.IMPORT_DOCUMENT, storage_path=key, strategy="replace")
    context = ImportContext(here.services, job, here.begin(job), reanchor_by_search)
    store = here.store_of(job)
    with open_import_stage("reading", context, None) as stage:
        upstream = here.walk(stage, store).checkpoint
    here.database.execute(
        "insert into chunks (document_id, chunk_index, content) values (%s, 0, 'Roots')",
        (fresh.id,),
    )
    before = everything(here)

    for name in ("application", "files"):
        with open_import_stage(name, context, upstream) as stage:
            upstream = here.walk(stage, store).checkpoint

    told = import_output(job, upstream.facts, 1.0)["documents"][0]
    assert (told["decision"], told["note"]) == ("skip", NO_CHUNKS)
    assert everything(here)[0] == before[0]
    assert here.contents(fresh.id) == ["Roots"]
