"""Imports into an installation: what stays, what goes, what comes, and what is refused whole."""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from rhizome_pipelines.checkpoints.keys import DocumentKeys, parse_checkpoint_name
from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.checkpoints.store import CheckpointStore
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PermanentError
from rhizome_pipelines.transfer.archive import RefusedArchiveError
from rhizome_pipelines.transfer.plan import Decision
from tests.integration.transfer.test_round_trip import annotate
from tests.integration.transfer.transfer_world import Installation, entries, of_user

PART = "## {}\n\n{} hold the soil and carry water to the leaves of old trees far above.\n\n"
TEXT = "".join(PART.format(word, f"{word} of the forest " * 30) for word in ("Roots", "Stems"))
TREES = PART.format("Trees", "Roots of the forest " * 30)


@pytest.fixture
def roots(here: Installation, tmp_path: Path) -> Document:
    return here.process(tmp_path, "roots.md", TEXT)


@pytest.fixture
def trees(here: Installation, roots: Document, tmp_path: Path) -> Document:
    return here.process(tmp_path, "trees.md", TREES)


def everything(world: Installation) -> list[Any]:
    """All rows, and all files but uploads and what is kept of unfinished work."""
    rows = [
        world.database.all(query)
        for query in (
            "select * from documents order by id",
            "select * from chunks order by id",
            "select * from connections order by source_chunk_id, target_chunk_id",
            "select * from components order by id",
            "select * from document_embeddings order by document_id",
        )
    ]
    objects = world.services.objects
    files = [(info.key, objects.read(info.key)) for info in objects.list(f"{world.user}/")]
    kept = [one for one in files if "/imports/" not in one[0] and not parse_checkpoint_name(one[0])]
    return [rows, kept]


def edited(archive: bytes, change: Callable[[dict[str, bytes]], object]) -> bytes:
    """The archive with other files, whose manifest knows them."""
    files = entries(archive)
    change(files)
    manifest = json.loads(files.pop("manifest.json"))
    for document in manifest["documents"]:
        document["files"] = [
            {"path": name, "size": len(data), "hash": sha256(data).hexdigest()}
            for name, data in files.items()
            if f"/{document['document_id']}/" in name
        ]
    return zipped({**files, "manifest.json": json.dumps(manifest).encode()})


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def with_chunks(
    archive: bytes, document_id: UUID, change: Callable[[list[dict[str, Any]]], object]
) -> bytes:
    """The archive with other chunks."""

    def changed(files: dict[str, bytes]) -> None:
        name = f"documents/{document_id}/chunks.json"
        content = json.loads(files[name])
        change(content["chunks"])
        files[name] = json.dumps(content).encode()

    return edited(archive, changed)


# Strategies


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
        name = f"documents/{roots.id}/content.md"
        files[name] = "🌱 A foreword.\n\n".encode() + files[name]

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
    assert set(json.loads(here.files(roots.id)["manifest.json"])["stages"]) == {"extraction"}


def test_chunks_alone_do_not_make_a_document(here: Installation, roots: Document) -> None:
    stranger = of_user(here, uuid4())
    other = uuid4()
    content = {"version": "1.0", "document_id": str(other), "chunks": []}
    key = stranger.upload(json.dumps(content).encode(), "chunks.json")
    with pytest.raises(InvalidInputError, match=r"a chunks\.json alone does not make one"):
        stranger.import_(document_id=str(other), storage_path=key)


# Refusals


def test_a_document_of_another_user_is_not_touched(here: Installation, roots: Document) -> None:
    archive = here.export(roots.id)
    before = everything(here)
    with pytest.raises(InvalidInputError, match="taken by another user"):
        of_user(here, uuid4()).import_(archive, strategy="replace")
    assert everything(here) == before


def test_a_file_of_another_user_is_not_read(here: Installation, roots: Document) -> None:
    here.upload(here.export(roots.id))
    with pytest.raises(InvalidInputError, match="is not this user's"):
        of_user(here, uuid4()).import_(storage_path=f"{here.user}/imports/archive.zip")


def test_all_faults_of_the_chunks_are_told_in_one_message(
    here: Installation, there: Installation, roots: Document, trees: Document
) -> None:
    def broken(chunks: list[dict[str, Any]]) -> None:
        chunks[0].update(importance_score=7, chunker_type="sausage", content="NUL \0")
        chunks[1].update(chunk_index=9, start_offset=5, end_offset=2)

    archive = with_chunks(here.export(roots.id, trees.id), roots.id, broken)
    archive = with_chunks(archive, trees.id, lambda chunks: chunks[0].pop("content"))

    with pytest.raises(InvalidInputError) as refused:
        there.import_(archive)

    for told in ("importance_score", "chunker_type", "NUL", "end_offset", "content", str(trees.id)):
        assert told in refused.value.message
    assert everything(there)[0] == [[], [], [], [], []]


@pytest.mark.parametrize("version", ["2.0", None])
def test_an_unknown_version_is_refused(
    here: Installation, there: Installation, roots: Document, version: str | None
) -> None:
    for name in (f"documents/{roots.id}/chunks.json", f"rows/{roots.id}/document.json"):

        def change(files: dict[str, bytes], name: str = name) -> None:
            files[name] = json.dumps({**json.loads(files[name]), "version": version}).encode()

        with pytest.raises(InvalidInputError, match="version"):
            there.import_(edited(here.export(roots.id), change))
    files = entries(here.export(roots.id))
    files["manifest.json"] = json.dumps(
        {**json.loads(files["manifest.json"]), "version": version}
    ).encode()
    with pytest.raises(InvalidInputError, match="version"):
        there.import_(zipped(files))
    assert everything(there)[0] == [[], [], [], [], []]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda f, name: f.update({name: bytes(len(f[name]))}), "has not the hash"),
        (lambda f, name: f.update({name: b"other"}), "not as large"),
        (lambda f, name: f.pop(name), "missing"),
        (lambda f, name: f.update({"surplus.txt": b""}), "not in the manifest"),
        (lambda f, name: f.pop("manifest.json"), "no export of Rhizome"),
    ],
)
def test_an_archive_that_is_not_what_its_manifest_says_is_refused(
    here: Installation,
    there: Installation,
    roots: Document,
    change: Callable[[dict[str, bytes], str], object],
    told: str,
) -> None:
    files = entries(here.export(roots.id))
    change(files, f"documents/{roots.id}/content.md")
    with pytest.raises(InvalidInputError, match=told):
        there.import_(zipped(files))
    assert everything(there) == [[[], [], [], [], []], []]


@pytest.mark.parametrize("name", ["stage-chunking.json", "a/stage-x.part.u.ckpt"])
def test_a_planted_checkpoint_is_refused(
    here: Installation, there: Installation, roots: Document, name: str
) -> None:
    def plant(files: dict[str, bytes]) -> None:
        files[f"documents/{roots.id}/{name}"] = b"{}"

    with pytest.raises(RefusedArchiveError, match="no file of its document"):
        there.import_(edited(here.export(roots.id), plant))


def test_limits_are_settings(here: Installation, there: Installation, roots: Document) -> None:
    archive = here.export(roots.id)
    few = there.services.settings.model_copy(update={"max_import_files": 3})
    narrow = replace(there, services=replace(there.services, settings=few))
    with pytest.raises(RefusedArchiveError, match="more than 3"):
        narrow.import_(archive)


def test_notes_and_tables_cannot_be_imported(
    here: Installation, there: Installation, roots: Document
) -> None:
    with pytest.raises(InvalidInputError, match="export with the format zip"):
        there.import_(here.export(roots.id, format="markdown"))


def test_one_document_of_an_archive_can_be_imported(
    here: Installation, there: Installation, roots: Document, trees: Document
) -> None:
    archive = here.export(roots.id, trees.id)
    output = there.import_(archive, document_id=str(trees.id))
    assert [one["documentId"] for one in output["documents"]] == [str(trees.id)]
    with pytest.raises(InvalidInputError, match="has no document"):
        there.import_(archive, document_id=str(uuid4()))
