"""Out of one installation, into an empty one of another user, out of that again: the same."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from psycopg.types.json import Jsonb

from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.checkpoints.manifest import Manifest
from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.checkpoints.store import CheckpointStore
from rhizome_pipelines.database.documents import DocumentRepository
from rhizome_pipelines.deployment.document_stages import StageContext, open_stage
from rhizome_pipelines.deployment.exporting import archive_stage, export_output
from rhizome_pipelines.lifecycle.jobs import JobType
from rhizome_pipelines.lifecycle.stage_names import StageName
from tests.integration.transfer.editing import edited, with_chunks
from tests.integration.transfer.transfer_world import Installation, entries

ROOTS = "# Roots 🌱\n\nRoots hold the soil and carry water to the leaves of old trees.\n\n" * 4
HARD = (
    "# جذور الأشجار\n\nالجذور تحمل الماء إلى الأوراق 🌳🌳 وتمسك التربة.\n\n"
    "## 👩‍👩‍👧‍👦 Family\n\nRoots hold the soil and carry water to leaves 🍃.\n\n" * 3
)
EVERYTHING = {"includeConnections": True, "includeAnnotations": True}


def annotate(world: Installation, document: UUID, quote: str) -> UUID:
    """A highlight on the document's first chunk, as a client stores it."""
    (row,) = world.database.all(
        "insert into entities (user_id, entity_type) values (%s, 'annotation') returning id",
        (world.user,),
    )
    (chunk,) = world.database.all(
        "select id from chunks where document_id = %s and chunk_index = 0", (document,)
    )
    parts: dict[str, Any] = {
        "Position": {"documentId": str(document), "startOffset": 2, "originalText": quote},
        "Content": {"note": "Seen 👀", "tags": ["a"]},
        "ChunkRef": {"chunkId": str(chunk["id"]), "chunkIds": [str(chunk["id"])]},
    }
    for name, data in parts.items():
        world.database.execute(
            "insert into components (entity_id, component_type, data, chunk_id, document_id, "
            "chunk_ids, original_chunk_index) values (%s, %s, %s, %s, %s, %s, 0)",
            (row["id"], name, Jsonb(data), chunk["id"], document, [chunk["id"]]),
        )
    entity: UUID = row["id"]
    return entity


def told(archive: bytes) -> dict[str, str]:
    """Hash of each file, as the archive's manifest has it."""
    manifest = json.loads(entries(archive)["manifest.json"])
    return {file["path"]: file["hash"] for one in manifest["documents"] for file in one["files"]}


def test_a_library_goes_to_another_installation_and_comes_back_the_same(
    here: Installation, there: Installation, tmp_path: Path
) -> None:
    one = here.process(tmp_path, "roots.md", ROOTS)
    other = here.process(tmp_path, "جذور 🌳.md", HARD)
    here.store_file(one, "notes/deep/er.unknown", b"\x00\x01")
    annotate(here, one.id, "Roots hold")
    here.database.execute(
        "update connections set user_validated = true, validated_at = now(), user_starred = true"
    )
    archive = here.export(one.id, other.id, **EVERYTHING)

    output = there.import_(archive)

    again = there.export(one.id, other.id, **EVERYTHING)
    assert told(again) == told(archive)
    assert output["chunksImported"] == len(here.contents(one.id)) + len(here.contents(other.id))
    assert [one["decision"] for one in output["documents"]] == ["add", "add"]
    assert not output["embeddingsRegenerated"]


def test_whatever_a_row_may_hold_makes_the_round_trip(
    here: Installation, there: Installation, tmp_path: Path
) -> None:
    one = here.process(tmp_path, "roots.md", ROOTS)
    entity = annotate(here, one.id, "Roots hold")
    here.database.execute(
        "update documents set created_at = 'infinity', title = repeat('long ', 20000), "
        """metadata = '{"large": 1e300, "whole": 9223372036854775808, "none": 1e400}'"""
    )
    here.database.execute(
        "update connections set validated_at = '10000-01-01', user_validated = true"
    )
    here.database.execute(
        "insert into components (entity_id, component_type, data, document_id) "
        """select %s, 'Extra', jsonb_build_object('n', n, 'large', '-1e300'::jsonb), %s """
        "from generate_series(1, 200) n",
        (entity, one.id),
    )
    archive = here.export(one.id, **EVERYTHING)

    there.import_(archive)

    assert told(there.export(one.id, **EVERYTHING)) == told(archive)


def test_what_was_imported_can_be_gone_on_with(
    here: Installation, there: Installation, tmp_path: Path
) -> None:
    document = here.process(tmp_path, "roots.md", ROOTS)

    there.import_(here.export(document.id))

    store = CheckpointStore(there.services.objects, DocumentKeys(there.user, document.id))
    for stage in ("extraction", "chunking", "embeddings"):
        assert isinstance(store.read_manifest_record(stage), StageCheckpoint)
    (row,) = there.database.all("select * from documents")
    assert row["user_id"] == there.user
    assert row["storage_path"] == f"{there.user}/{document.id}/source.md"
    assert (row["title"], row["processing_status"]) == ("roots", "completed")
    assert row["embeddings_available"] and row["markdown_available"]


def without_manifest(archive: bytes, document: UUID) -> bytes:
    return edited(archive, lambda files: files.pop(f"documents/{document}/manifest.json"))


def with_other_summaries(archive: bytes, document: UUID) -> bytes:
    return with_chunks(archive, document, lambda chunks: chunks[0].update(summary="Other."))


@pytest.mark.parametrize("regenerate", [False, True])
@pytest.mark.parametrize("change", [without_manifest, with_other_summaries])
def test_connections_are_looked_for_on_the_grounds_of_what_was_imported(
    here: Installation,
    there: Installation,
    tmp_path: Path,
    change: Callable[[bytes, UUID], bytes],
    regenerate: bool,
) -> None:
    one = here.process(tmp_path, "roots.md", ROOTS)
    other = here.process(tmp_path, "again.md", ROOTS + "And so on.")
    for document in (one, other):
        archive = change(here.export(document.id), document.id)
        there.import_(archive, regenerateEmbeddings=regenerate)

    document = DocumentRepository(there.database).get(there.user, one.id)
    assert document is not None
    store = there.services.checkpoints(document)
    embeddings = store.load_final("embeddings")
    job = there.job(JobType.DETECT_CONNECTIONS, document_id=str(one.id))
    context = StageContext(
        there.services, document, job, store, there.begin(job), datetime.now(UTC)
    )
    with open_stage(StageName.CONNECTIONS, context, embeddings) as stage:
        found = there.walk(stage, store)

    assert found.checkpoint.facts["connections"] > 0
    manifest = Manifest.from_bytes(there.services.objects.read(store.keys.manifest))
    assert manifest.chunk_count == len(there.contents(one.id))
    assert {"chunks", "embeddings"} <= {*manifest.files}


def test_five_thousand_chunks_make_the_round_trip(
    here: Installation, there: Installation, tmp_path: Path
) -> None:
    small = here.services.settings.model_copy(
        update={"chunk_characters": 200, "chunk_characters_max": 300}
    )
    world = replace(here, services=replace(here.services, settings=small))
    part = "## Part {0}\n\n" + "الجذور 🌱 carry water number {0} to leaves that are far above. " * 3
    text = "\n\n".join(part.format(number) for number in range(5_000))
    document = world.process(tmp_path, "long.md", text, connections=False)
    assert len(here.contents(document.id)) >= 5_000

    archive = here.export(document.id)
    there.import_(archive)

    assert told(there.export(document.id)) == told(archive)


def test_a_bucket_makes_the_round_trip_and_signs_its_link(
    in_bucket: Installation, there: Installation, tmp_path: Path
) -> None:
    document = in_bucket.process(tmp_path, "roots.md", ROOTS, connections=False)
    job = in_bucket.job(JobType.EXPORT_DOCUMENTS, document_ids=[str(document.id)])
    stage = archive_stage(in_bucket.services, job)
    facts = in_bucket.walk(stage, in_bucket.store_of(job)).checkpoint.facts

    link = export_output(in_bucket.services, job, facts, datetime.now(UTC))["downloadUrl"]
    archive = httpx.get(link).raise_for_status().content

    there.import_(archive)
    assert told(there.export(document.id)) == told(archive)
    in_bucket.import_(archive, strategy="replace")
    assert told(in_bucket.export(document.id)) == told(archive)


def test_names_that_only_a_bucket_keeps_apart_make_the_round_trip(
    in_bucket: Installation, there: Installation, tmp_path: Path
) -> None:
    document = in_bucket.process(tmp_path, "roots.md", ROOTS, connections=False)
    clashing = {"Map.png": b"one", "map.png": b"two", "maps": b"three", "maps/a.png": b"four"}
    for name, data in clashing.items():
        in_bucket.store_file(document, name, data)

    there.import_(in_bucket.export(document.id))

    found = there.files(document.id)
    assert {data for name, data in found.items() if "ap" in name} == set(clashing.values())
    assert (found["map.png"], found["Map~2.png"]) == (b"two", b"one")
