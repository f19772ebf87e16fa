"""Edits, the manifest and removal: what lasts after a job, and what goes."""

import json
from pathlib import Path

import pytest

from rhizome_pipelines.checkpoints.fingerprint import Fingerprint
from rhizome_pipelines.checkpoints.hashing import sha256, short_hash
from rhizome_pipelines.checkpoints.manifest import Manifest, ManifestDetails, write_manifest
from rhizome_pipelines.checkpoints.results import (
    CheckpointSource,
    StageCheckpoint,
    Unusable,
)
from rhizome_pipelines.checkpoints.store import CheckpointStore
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PermanentError
from tests.memory_store import MemoryStore
from tests.unit.checkpoints.checkpoint_world import (
    FINGERPRINT,
    KEYS,
    LATER,
    NOW,
    OTHER_KEYS,
    PAYLOAD,
    finish,
)

# Edits, the manifest, removal


def test_an_edit_is_a_new_input_once_it_is_accepted(
    store: CheckpointStore, objects: MemoryStore, tmp_path: Path
) -> None:
    made = finish(store, tmp_path)
    objects.write(KEYS.chunks, b"edited by a person")
    assert isinstance(store.read_stage("chunking", FINGERPRINT), Unusable)

    accepted = store.accept_edit("chunking", "chunks.json", LATER)

    assert store.read_stage("chunking", FINGERPRINT) == accepted
    assert accepted.content_digest != made.content_digest
    assert accepted.file.edited == ("chunks.json",)
    assert accepted.outputs["chunks.json"].hash == sha256(b"edited by a person")
    assert store.accept_edit("chunking", "chunks.json", NOW) == accepted


def test_an_edit_needs_a_checkpoint_to_go_with(store: CheckpointStore, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="there is no stage file"):
        store.accept_edit("chunking", "chunks.json", NOW)
    finish(store, tmp_path)
    with pytest.raises(PermanentError, match=r"content\.md"):
        store.accept_edit("chunking", "content.md", NOW)


def manifest_of(store: CheckpointStore, checkpoint: StageCheckpoint) -> Manifest:
    store.objects.write(KEYS.source("pdf"), b"%PDF")
    return write_manifest(
        store.objects,
        KEYS,
        [checkpoint],
        ManifestDetails("local", chunk_count=3, word_count=9, counts={"chunks": 3}),
        source_key=KEYS.source("pdf"),
        created_at=NOW,
    )


def test_a_stage_lasts_in_the_manifest(
    store: CheckpointStore, objects: MemoryStore, tmp_path: Path
) -> None:
    made = finish(store, tmp_path)
    manifest = manifest_of(store, made)
    store.discard_all()

    lasting = store.load_final("chunking")
    assert lasting.source is CheckpointSource.MANIFEST
    assert lasting.file == made.file
    assert lasting.pointer.path == KEYS.manifest
    assert lasting.pointer.hash == short_hash(sha256(objects.objects[KEYS.manifest]))
    assert Manifest.from_bytes(objects.objects[KEYS.manifest]) == manifest
    files = json.loads(objects.objects[KEYS.manifest])["files"]
    assert files["chunks"] == {
        "path": KEYS.chunks,
        "size": 7,
        "hash": sha256(b"[1,2,3]"),
        "count": 3,
    }
    assert files["source"] == {"path": KEYS.source("pdf"), "size": 4, "hash": sha256(b"%PDF")}


def test_a_changed_record_in_the_manifest_is_not_used(
    store: CheckpointStore, objects: MemoryStore, tmp_path: Path
) -> None:
    manifest_of(store, finish(store, tmp_path))
    store.discard_all()
    manifest = json.loads(objects.objects[KEYS.manifest])
    for field, value in manifest["stages"]["chunking"].items():
        changed = json.loads(json.dumps(manifest))
        changed["stages"]["chunking"][field] = [value]
        objects.write(KEYS.manifest, json.dumps(changed).encode())
        with pytest.raises(PermanentError, match="altered"):
            store.load_final("chunking")
        del changed["stages"]["chunking"][field]
        objects.write(KEYS.manifest, json.dumps(changed).encode())
        with pytest.raises(PermanentError, match="altered"):
            store.load_final("chunking")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": "2.0"}, "version '2.0' is not known"),
        ({"document_id": str(OTHER_KEYS.document_id)}, "another document"),
        ({"stages": {}}, "keeps nothing of this stage"),
        ({"stages": {"chunking": 5}}, "keeps nothing of this stage"),
    ],
)
def test_a_manifest_that_does_not_fit_is_named(
    store: CheckpointStore,
    objects: MemoryStore,
    tmp_path: Path,
    change: dict[str, object],
    reason: str,
) -> None:
    manifest_of(store, finish(store, tmp_path))
    store.discard_all()
    fields = json.loads(objects.objects[KEYS.manifest]) | change
    objects.write(KEYS.manifest, json.dumps(fields).encode())
    with pytest.raises(PermanentError, match=reason) as caught:
        store.load_final("chunking")
    assert "there is no stage file" in caught.value.message


def test_a_damaged_final_is_named_by_the_manifest_too(
    store: CheckpointStore, objects: MemoryStore, tmp_path: Path
) -> None:
    manifest_of(store, finish(store, tmp_path))
    objects.write(KEYS.chunks, b"[1,2,4]")
    with pytest.raises(PermanentError) as caught:
        store.load_final("chunking")
    assert caught.value.message.count("output chunks.json was altered") == 2


def test_another_programs_manifest_is_read_or_refused() -> None:
    ours = {"version": "1.0", "document_id": str(KEYS.document_id), "created_at": "2026-01-02T03Z"}
    theirs = ours | {
        "processing_mode": "cloud",
        "files": {"content": {"path": "p", "size": 1, "hash": "h", "extra": 1}},
        "chunk_count": 0,
        "word_count": 0,
        "created_at": "2026-01-02T03:04:05Z",
    }
    assert Manifest.from_bytes(json.dumps(theirs).encode()).files["content"].size == 1
    for bad in (theirs | {"version": "0.9"}, theirs | {"files": 5}, ours, {}):
        with pytest.raises(InvalidInputError):
            Manifest.from_bytes(json.dumps(bad).encode())


def test_a_source_of_another_user_is_refused(store: CheckpointStore, tmp_path: Path) -> None:
    checkpoint = finish(store, tmp_path)
    with pytest.raises(InvalidInputError):
        write_manifest(
            store.objects,
            KEYS,
            [checkpoint],
            ManifestDetails("local", 0, 0),
            source_key=f"{KEYS.document_id}/x/source.pdf",
            created_at=NOW,
        )


def test_removal_takes_checkpoints_and_leaves_finals(
    store: CheckpointStore, objects: MemoryStore, tmp_path: Path
) -> None:
    finish(store, tmp_path)
    other_stage = Fingerprint("chunking-x", "1", {})
    for unit in ("u", "v"):
        store.write_part(unit, b"", FINGERPRINT, NOW)
        store.write_part(unit, b"", other_stage, NOW)

    store.discard_parts("chunking")
    assert store.parts("chunking") == {}
    assert set(store.parts("chunking-x")) == {"u", "v"}
    store.discard_stage("chunking")
    assert isinstance(store.read_stage("chunking", None), Unusable)
    store.discard_all()
    assert list(objects.objects) == [KEYS.chunks]


def test_inspection_lists_what_lies_there(
    store: CheckpointStore, objects: MemoryStore, tmp_path: Path
) -> None:
    stage = finish(store, tmp_path)
    part = store.write_part("u", PAYLOAD, FINGERPRINT, LATER)
    found = store.inspect()
    assert [(one.stage, one.unit, one.path, one.hash, one.timestamp) for one in found] == [
        ("chunking", None, stage.pointer.path, stage.pointer.hash, NOW),
        ("chunking", "u", part.path, part.hash, LATER),
    ]
    assert all(one.valid and one.size == len(objects.objects[one.path]) for one in found)
    objects.delete([KEYS.chunks])
    assert [one.reasons for one in store.inspect()] == [("output chunks.json is gone",), ()]


def test_bulk_is_no_part_and_goes_with_the_parts() -> None:
    objects = MemoryStore()
    store = CheckpointStore(objects, KEYS)
    for stage in ("chunking", "embeddings"):
        objects.write(KEYS.bulk(stage, "unit-1"), b"bytes that a part refers to")

    assert store.parts("chunking") == {}
    assert store.inspect() == []

    store.discard_parts("chunking")
    assert [*objects.objects] == [KEYS.bulk("embeddings", "unit-1")]
    store.discard_all()
    assert not objects.objects
