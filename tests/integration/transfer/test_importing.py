"""Imports into an installation: what stays, what goes, what comes."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.checkpoints.store import CheckpointStore
from rhizome_pipelines.deployment.transfer_formats import StageFormats
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PermanentError
from rhizome_pipelines.transfer.collecting import ANNOTATIONS, CONNECTIONS
from rhizome_pipelines.transfer.names import rows_name
from rhizome_pipelines.transfer.plan import Decision
from tests.integration.transfer.editing import edited, everything, with_chunks
from tests.integration.transfer.test_round_trip import annotate
from tests.integration.transfer.transfer_world import Installation


def test_skip_keeps_what_is_there(here: Installation, roots: Document) -> None:
    archive = with_chunks(
        here.export(roots.id), roots.id, lambda chunks: chunks[0].update(summary="Other.")
    )
    before = everything(here)

    output = here.import_(archive)

    assert everything(here) == before
    assert output["documents"][0]["decision"] == "skip"
    assert (output["chunksImported"], output["strategy"]) == (0, "skip")
    assert output["documentTitle"] == "roots"


def test_replace_puts_the_archives_rows_and_files_in_place_of_the_old(
    here: Installation, roots: Document
) -> None:
    archive = here.export(roots.id)
    before = everything(here)
    here.database.execute("update chunks set content = 'Edited.', summary = 'Edited.'")
    here.store_file(roots, "content.md", b"edited")

    output = here.import_(archive, strategy="replace")

    after = everything(here)
    for row in [*before[0][1], *after[0][1]]:
        for name in ("created_at", "connections_detected", "connections_detected_at"):
            row.pop(name)
    assert after[0][1] == before[0][1]
    assert after[1] == before[1]
    assert output["documents"][0]["chunksDeleted"] == len(before[0][1])


def test_replace_carries_judged_connections_over_by_content(
    here: Installation, roots: Document, trees: Document
) -> None:
    rows = here.database.all(
        "update connections set user_validated = false, user_starred = true returning *"
    )
    assert rows
    archive = here.export(roots.id)
    gone = here.contents(roots.id)

    def moved_down(chunks: list[dict[str, Any]]) -> None:
        chunks.insert(0, {"chunk_index": 0, "content": "A foreword."})
        for index, chunk in enumerate(chunks):
            chunk["chunk_index"] = index

    archive = edited(archive, lambda f: f.pop(f"documents/{roots.id}/embeddings.parquet"))
    output = here.import_(with_chunks(archive, roots.id, moved_down), strategy="replace")

    assert here.contents(roots.id) == ["A foreword.", *gone]
    kept = here.database.all(
        "select s.content, t.content as other, user_validated, user_starred from connections x "
        "join chunks s on s.id = x.source_chunk_id join chunks t on t.id = x.target_chunk_id"
    )
    assert len(kept) == len(rows)
    assert all(row["user_validated"] is False and row["user_starred"] for row in kept)
    assert output["documents"][0]["connectionsCarriedOver"] == len(rows)
    assert output["documents"][0]["connectionsLost"] == 0


def test_replace_keeps_judgements_whose_text_is_gone_in_a_file(
    here: Installation, roots: Document, trees: Document
) -> None:
    here.database.execute("update connections set user_validated = true")
    archive = with_chunks(
        here.export(roots.id),
        roots.id,
        lambda chunks: [
            chunk.update(content=f"Other text {chunk['chunk_index']}.") for chunk in chunks
        ],
    )
    output = here.import_(archive, strategy="replace")

    lost = output["documents"][0]["connectionsLost"]
    assert lost > 0
    (name,) = [name for name in here.files(roots.id) if name.startswith("validated-connections-")]
    kept = json.loads(here.files(roots.id)[name])["connections"]
    assert len(kept) == lost
    assert all(one["user_validated"] and one["source_hash"] for one in kept)


def test_replace_anchors_annotations_anew(here: Installation, roots: Document) -> None:
    entity = annotate(here, roots.id, "Stems of the forest")
    archive = here.export(roots.id)

    def with_foreword(files: dict[str, bytes]) -> None:
        foreword = "🌱 A foreword.\n\n"
        name, chunks = (f"documents/{roots.id}/{one}" for one in ("content.md", "chunks.json"))
        files[name] = foreword.encode() + files[name]
        content = json.loads(files[chunks])
        for chunk in content["chunks"]:
            for place in ("start_offset", "end_offset"):
                chunk[place] += len(foreword.encode("utf-16-le")) // 2
        files[chunks] = json.dumps(content).encode()

    output = here.import_(edited(archive, with_foreword), strategy="replace")

    (row,) = here.database.all(
        "select * from components where entity_id = %s and component_type = 'Position'", (entity,)
    )
    text = here.files(roots.id)["content.md"].decode()
    units = text.encode("utf-16-le")[2 * row["data"]["startOffset"] :].decode("utf-16-le")
    assert units.startswith("Stems of the forest")
    assert output["documents"][0]["annotationsReanchored"] == 1


def test_merge_takes_over_what_is_said_and_nothing_else(
    here: Installation, roots: Document, trees: Document
) -> None:
    annotate(here, roots.id, "Roots")
    archive = here.export(roots.id, includeConnections=True, includeAnnotations=True)
    before = everything(here)

    def said(chunks: list[dict[str, Any]]) -> None:
        chunks[0].update(summary="Merged.", importance_score=0.25)
        chunks[-1].update(content="Nobody has this.", summary="Lost.")
        chunks[0]["content"] = chunks[0]["content"].upper().replace("\n", "  ")

    output = here.import_(with_chunks(archive, roots.id, said), strategy="merge_smart")

    after = everything(here)
    changed = [
        (old["chunk_index"], {name for name in old if old[name] != new[name]})
        for old, new in zip(before[0][1], after[0][1], strict=True)
        if old != new
    ]
    assert changed == [(0, {"summary", "importance_score"})]
    for part in (0, 2, 3, 4):
        assert after[0][part] == before[0][part]
    assert after[1] == before[1]
    told = output["documents"][0]
    assert told["decision"] == "merge"
    assert told["chunksUnmatched"] == [len(here.contents(roots.id)) - 1]


def test_annotations_and_connections_come_along(
    here: Installation, there: Installation, roots: Document, trees: Document
) -> None:
    entity = annotate(here, roots.id, "Roots")
    archive = here.export(roots.id, trees.id, includeConnections=True, includeAnnotations=True)
    output = there.import_(archive)

    (row,) = there.database.all(
        "select c.*, e.user_id, k.chunk_index from components c "
        "join entities e on e.id = c.entity_id join chunks k on k.id = c.chunk_id "
        "where c.component_type = 'ChunkRef'"
    )
    assert (row["entity_id"], row["user_id"], row["chunk_index"]) == (entity, there.user, 0)
    assert row["data"]["chunkId"] == str(row["chunk_id"])
    (stored,) = there.database.all("select count(*) as count from connections")
    told = [one["connectionsImported"] for one in output["documents"]]
    assert sum(told) == stored["count"] > 0
    there.import_(archive, strategy="replace")
    (again,) = there.database.all("select count(*) as count from components")
    assert again["count"] == 3


@pytest.mark.parametrize(
    ("there_before", "here_after", "error"),
    [
        ("processing", "completed", None),
        ("pending", "completed", None),
        ("awaiting_manual_review", "awaiting_manual_review", None),
        ("failed", "failed", "It had failed where it was exported; process it again."),
    ],
)
def test_a_document_is_what_nobody_goes_on_with(
    here: Installation,
    there: Installation,
    roots: Document,
    there_before: str,
    here_after: str,
    error: str | None,
) -> None:
    here.database.execute("update documents set processing_status = %s", (there_before,))

    there.import_(here.export(roots.id))

    (row,) = there.database.all("select processing_status, processing_error from documents")
    assert (row["processing_status"], row["processing_error"]) == (here_after, error)


def test_a_connection_that_is_told_twice_is_counted_once(
    here: Installation, there: Installation, roots: Document, trees: Document
) -> None:
    archive = here.export(roots.id, trees.id, includeConnections=True)

    def repeat(files: dict[str, bytes]) -> None:
        for name in [name for name in files if name.endswith(f"/{CONNECTIONS}")]:
            content = json.loads(files[name])
            content["connections"] *= 3
            files[name] = json.dumps(content).encode()

    output = there.import_(edited(archive, repeat))

    (stored,) = there.database.all("select count(*) as count from connections")
    told = [one["connectionsImported"] for one in output["documents"]]
    assert sum(told) == stored["count"] > 0


# One transaction


def test_defect_7_import_replace_is_one_transaction(
    here: Installation, roots: Document, trees: Document
) -> None:
    annotate(here, roots.id, "Roots")
    archive = with_chunks(
        here.export(trees.id, roots.id, includeConnections=True),
        roots.id,
        lambda chunks: chunks[-1].update(content="poison"),
    )
    here.database.execute("alter table chunks add constraint no_poison check (content <> 'poison')")
    before = everything(here)

    with pytest.raises(PermanentError, match=r"no_poison.*nothing was changed"):
        here.import_(archive, strategy="replace")

    assert everything(here) == before


def test_a_preview_tells_what_would_change_and_changes_nothing(
    here: Installation, roots: Document
) -> None:
    archive = with_chunks(
        here.export(roots.id), roots.id, lambda chunks: chunks[0].update(content="New.")
    )
    count = len(here.contents(roots.id))
    before = everything(here)

    (replaced,) = here.preview(archive, strategy="replace").documents
    (merged,) = here.preview(archive, strategy="merge_smart").documents
    (skipped,) = here.preview(archive).documents

    assert (replaced.decision, replaced.added, replaced.deleted) == (Decision.REPLACE, 1, 1)
    assert (merged.changed, merged.unmatched) == (count - 1, (0,))
    assert (skipped.decision, skipped.added, skipped.deleted) == (Decision.SKIP, 0, 0)
    assert everything(here) == before


# Vectors, connections


def test_vectors_are_made_anew_when_they_are_of_another_model_or_unwanted(
    here: Installation, there: Installation, roots: Document
) -> None:
    archive = here.export(roots.id)
    expected = here.database.all("select embedding from chunks order by chunk_index")

    def of_no_model(files: dict[str, bytes]) -> None:
        del files[f"documents/{roots.id}/embeddings.parquet"]

    output = there.import_(edited(archive, of_no_model))

    assert output["embeddingsRegenerated"]
    assert there.database.all("select embedding from chunks order by chunk_index") == expected
    assert there.files(roots.id)["embeddings.parquet"]
    again = there.import_(archive, strategy="replace", regenerateEmbeddings=True)
    assert again["embeddingsRegenerated"]
    store = CheckpointStore(there.services.objects, DocumentKeys(there.user, roots.id))
    assert isinstance(store.read_manifest_record("chunking"), StageCheckpoint)


def test_looking_for_connections_is_asked_for_by_a_job(
    here: Installation, there: Installation, roots: Document
) -> None:
    output = there.import_(here.export(roots.id), reprocessConnections=True)

    (job,) = there.database.all(
        "select * from background_jobs where job_type = 'detect_connections'"
    )
    assert output["connectionDetectionJobId"] == str(job["id"])
    assert output["connectionsReprocessed"] is True
    assert (job["entity_id"], job["user_id"], job["status"]) == (roots.id, there.user, "pending")


@pytest.mark.parametrize(
    "change",
    [
        {"startOffset": "x"},
        {"startOffset": 2**62},
        {"startOffset": 1.5},
        {"startOffset": -1},
        {"startOffset": 9, "endOffset": 3},
        {"originalText": 7},
    ],
)
def test_an_annotation_that_stands_nowhere_is_for_a_person_to_see(
    here: Installation, there: Installation, roots: Document, change: dict[str, Any]
) -> None:
    entity = annotate(here, roots.id, "Roots")
    name = rows_name(roots.id, ANNOTATIONS)

    def misplace(files: dict[str, bytes]) -> None:
        content = json.loads(files[name])
        for component in content["annotations"][0]["components"]:
            if component["component_type"] == "Position":
                component["data"].update(change)
        files[name] = json.dumps(content).encode()

    output = there.import_(edited(here.export(roots.id, includeAnnotations=True), misplace))

    assert output["documents"][0]["annotationsToReview"] == 1
    (row,) = there.database.all(
        "select needs_review, data from components "
        "where entity_id = %s and component_type = 'Position'",
        (entity,),
    )
    assert row["needs_review"]
    assert change.items() <= row["data"].items(), "what a person wrote is kept"


def test_vectors_that_no_model_makes_are_made_anew(
    here: Installation, there: Installation, roots: Document, tmp_path: Path
) -> None:
    name = f"documents/{roots.id}/embeddings.parquet"

    def enlarge(files: dict[str, bytes]) -> None:
        path = tmp_path / "vectors.parquet"
        path.write_bytes(files[name])
        formats = StageFormats()
        rows = len(here.contents(roots.id))
        blocks = [block * np.float32(3e38) for block in formats.read_vectors(path)]
        formats.write_vectors(path, roots.id, formats.space(path, rows), blocks)
        files[name] = path.read_bytes()

    output = there.import_(edited(here.export(roots.id), enlarge))

    assert output["embeddingsRegenerated"]
    assert there.files(roots.id)["embeddings.parquet"] == here.files(roots.id)["embeddings.parquet"]


# chunks.json in the storage


def test_an_edited_chunks_json_goes_into_the_database(here: Installation, roots: Document) -> None:
    content = json.loads(here.files(roots.id)["chunks.json"])
    content["chunks"][0]["summary"] = "By hand."
    content["chunks"].pop()
    here.store_file(roots, "chunks.json", json.dumps(content).encode())

    output = here.import_(document_id=str(roots.id), strategy="replace")

    rows = here.database.all("select summary from chunks order by chunk_index")
    assert len(rows) == len(content["chunks"]) == output["chunksImported"]
    assert rows[0]["summary"] == "By hand."
    assert output["embeddingsRegenerated"]
    stages = json.loads(here.files(roots.id)["manifest.json"])["stages"]
    made = {stage: record["code_version"] == "imported" for stage, record in stages.items()}
    assert made == {"extraction": False, "chunking": True, "embeddings": True}


def test_annotations_of_older_clients_travel_too(
    here: Installation, there: Installation, roots: Document
) -> None:
    annotate(here, roots.id, "Stems of the forest")
    here.database.execute("update components set document_id = null")
    there.import_(here.export(roots.id, includeAnnotations=True))
    (found,) = there.database.all(
        "select document_id from components where component_type = 'Position'"
    )
    assert found["document_id"] == roots.id


def test_one_document_of_an_archive_can_be_imported(
    here: Installation, there: Installation, roots: Document, trees: Document
) -> None:
    archive = here.export(roots.id, trees.id)
    output = there.import_(archive, document_id=str(trees.id))
    assert [one["documentId"] for one in output["documents"]] == [str(trees.id)]
    with pytest.raises(InvalidInputError, match="has no document"):
        there.import_(archive, document_id=str(uuid4()))
