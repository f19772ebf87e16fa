"""A checkpoint is used if it is intact and fits; else not, and every reason is named."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from rhizome_pipelines.checkpoints.envelope import seal
from rhizome_pipelines.checkpoints.fingerprint import Fingerprint
from rhizome_pipelines.checkpoints.hashing import sha256, short_hash
from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.checkpoints.manifest import Manifest, ManifestDetails, write_manifest
from rhizome_pipelines.checkpoints.objects import StorageUnavailableError
from rhizome_pipelines.checkpoints.results import (
    CheckpointSource,
    PartFound,
    StageCheckpoint,
    Unusable,
)
from rhizome_pipelines.checkpoints.store import CheckpointStore
from rhizome_pipelines.checkpoints.verification import MAX_ENVELOPE_BYTES
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PermanentError
from tests.memory_store import MemoryStore

USER = UUID("00000000-0000-4000-8000-000000000001")
KEYS = DocumentKeys(USER, UUID("00000000-0000-4000-8000-000000000002"))
OTHER_KEYS = DocumentKeys(USER, UUID("00000000-0000-4000-8000-000000000003"))
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2026, 2, 2, 3, 4, 5, tzinfo=UTC)
FINGERPRINT = Fingerprint("chunking", "1", {"chunk_chars": "1000", "content.md": "a" * 64})
FACTS = {"chunks": 3, "title": "Ünï 😀", "ratio": 0.1, "none": None}
PAYLOAD = b"\x00binary\npayload\xff"


@pytest.fixture
def objects() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def store(objects: MemoryStore) -> CheckpointStore:
    return CheckpointStore(objects, KEYS)


def finish(store: CheckpointStore, tmp_path: Path, data: bytes = b"[1,2,3]") -> StageCheckpoint:
    local = tmp_path / "chunks"
    local.write_bytes(data)
    outputs = {"chunks.json": store.store_output("chunks.json", local)}
    return store.write_stage(FINGERPRINT, outputs, FACTS, units_total=2, timestamp=NOW)


def reasons_of(found: object) -> str:
    assert isinstance(found, Unusable)
    assert found.reasons
    return "; ".join(found.reasons)


# What was written is found


@pytest.mark.parametrize("payload", [b"", b"\n", b'{"a": 1}\n', PAYLOAD, bytes(range(256)) * 99])
def test_a_part_is_found_as_it_was_written(
    store: CheckpointStore, objects: MemoryStore, payload: bytes
) -> None:
    pointer = store.write_part("batch-1", payload, FINGERPRINT, NOW)

    assert store.read_part("chunking", "batch-1", FINGERPRINT) == PartFound(payload, pointer, NOW)
    assert pointer.path == KEYS.part("chunking", "batch-1")
    assert pointer.hash == short_hash(sha256(objects.objects[pointer.path]))
    assert len(pointer.hash) == 16
    header = json.loads(objects.objects[pointer.path].split(b"\n", 1)[0])
    assert (header["version"], header["final"]) == ("1.0", False)
    assert (header["document_id"], header["stage"]) == (str(KEYS.document_id), "chunking")


def test_a_stage_is_found_as_it_was_written(
    store: CheckpointStore, objects: MemoryStore, tmp_path: Path
) -> None:
    written = finish(store, tmp_path)

    assert store.read_stage("chunking", FINGERPRINT) == written
    assert store.read_stage("chunking", None) == written
    assert store.load_final("chunking") == written
    assert written.facts == FACTS
    assert written.source is CheckpointSource.STAGE_FILE
    assert written.pointer.hash == short_hash(sha256(objects.objects[KEYS.stage("chunking")]))
    assert written.outputs["chunks.json"].hash == sha256(objects.objects[KEYS.chunks])
    envelope = json.loads(objects.objects[KEYS.stage("chunking")])
    assert (envelope["version"], envelope["final"]) == ("1.0", True)
    assert envelope["document_id"] == str(KEYS.document_id)
    with store.open_output(written, "chunks.json") as path:
        assert path.read_bytes() == b"[1,2,3]"


def test_the_content_digest_is_of_the_result_alone(store: CheckpointStore, tmp_path: Path) -> None:
    one = finish(store, tmp_path)
    again = store.write_stage(FINGERPRINT, one.outputs, FACTS, units_total=2, timestamp=LATER)
    other_settings = store.write_stage(
        Fingerprint("chunking", "2", {}), one.outputs, FACTS, units_total=9, timestamp=LATER
    )
    assert one.content_digest == again.content_digest == other_settings.content_digest
    assert one.pointer.hash != again.pointer.hash
    assert finish(store, tmp_path, b"other").content_digest != one.content_digest
    other_facts = store.write_stage(FINGERPRINT, one.outputs, {}, units_total=2, timestamp=NOW)
    assert other_facts.content_digest != one.content_digest


@pytest.mark.parametrize("facts", [{"x": float("nan")}, {"x": object()}, {"x": "\ud800"}])
def test_facts_that_are_not_json_are_refused(
    store: CheckpointStore, objects: MemoryStore, facts: dict[str, object]
) -> None:
    with pytest.raises(PermanentError, match="chunking"):
        store.write_stage(FINGERPRINT, {}, facts, units_total=0, timestamp=NOW)
    assert objects.objects == {}


# Any alteration is found


def alterations(data: bytes) -> list[bytes]:
    """Each byte changed in two ways, every truncation, additions at both ends."""
    flipped = [
        data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]
        for at in range(len(data))
        for mask in (0x01, 0x20)
    ]
    return [*flipped, *(data[:end] for end in range(len(data))), data + b"\n", b" " + data]


def test_an_altered_part_is_never_used(store: CheckpointStore, objects: MemoryStore) -> None:
    key = store.write_part("batch-1", PAYLOAD, FINGERPRINT, NOW).path
    for altered in alterations(objects.objects[key]):
        objects.objects[key] = altered
        assert reasons_of(store.read_part("chunking", "batch-1", FINGERPRINT))
        assert [found.valid for found in store.inspect()] == [False]


def test_an_altered_stage_file_is_never_used(
    store: CheckpointStore, objects: MemoryStore, tmp_path: Path
) -> None:
    finish(store, tmp_path)
    key = KEYS.stage("chunking")
    for altered in alterations(objects.objects[key]):
        objects.objects[key] = altered
        assert reasons_of(store.read_stage("chunking", FINGERPRINT))
        assert reasons_of(store.read_stage("chunking", None))


def test_an_altered_output_is_never_used(
    store: CheckpointStore, objects: MemoryStore, tmp_path: Path
) -> None:
    checkpoint = finish(store, tmp_path)
    for altered in alterations(objects.objects[KEYS.chunks]):
        objects.objects[KEYS.chunks] = altered
        assert "output chunks.json" in reasons_of(store.read_stage("chunking", FINGERPRINT))
        with (
            pytest.raises(PermanentError, match=r"chunks\.json"),
            store.open_output(checkpoint, "chunks.json"),
        ):
            pytest.fail("an altered output was opened")


def test_an_output_of_another_size_is_named(
    store: CheckpointStore, objects: MemoryStore, tmp_path: Path
) -> None:
    finish(store, tmp_path)
    objects.write(KEYS.chunks, b"[1,2,3]\n")
    found = reasons_of(store.read_stage("chunking", None))
    assert found == "output chunks.json has 8 bytes, not 7"


def test_a_deleted_output_is_named(store: CheckpointStore, tmp_path: Path) -> None:
    finish(store, tmp_path)
    store.objects.delete([KEYS.chunks])
    assert reasons_of(store.read_stage("chunking", FINGERPRINT)) == "output chunks.json is gone"


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"null\nx", b"[]\n", b"\xff\xfe\n", b"[" * 100_000 + b"\n", b"1" * 5000]
)
def test_rubbish_is_no_checkpoint(
    store: CheckpointStore, objects: MemoryStore, data: bytes
) -> None:
    objects.write(KEYS.part("chunking", "u"), data)
    objects.write(KEYS.stage("chunking"), data)
    objects.write(KEYS.manifest, data)
    assert reasons_of(store.read_part("chunking", "u", FINGERPRINT))
    assert reasons_of(store.read_stage("chunking", None))
    assert reasons_of(store.read_manifest_record("chunking"))
    assert [found.valid for found in store.inspect()] == [False, False]


def resealed(envelope: bytes, **changes: object) -> bytes:
    """The envelope with changed fields and a digest that fits again, as a forger would make it."""
    return seal({**json.loads(envelope), **changes})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"fingerprint": "0" * 64}, "fingerprint does not fit"),
        ({"dependencies": {"chunk_chars": "1"}}, "fingerprint does not fit"),
        ({"content_digest": "0" * 64}, "content digest does not fit"),
        ({"facts": {"chunks": 4}}, "content digest does not fit"),
        ({"final": False}, "lacks fields or holds wrong ones"),
        ({"surplus": 1}, "lacks fields or holds wrong ones"),
        (
            {"outputs": {"chunks.json": {"path": "other/x", "size": 0, "hash": "0" * 64}}},
            "does not lie in the document's folder",
        ),
        (
            {"outputs": {"../x": {"path": KEYS.prefix + "../x", "size": 0, "hash": "0" * 64}}},
            "does not lie in the document's folder",
        ),
    ],
)
def test_a_forged_stage_file_is_not_used(
    store: CheckpointStore,
    objects: MemoryStore,
    tmp_path: Path,
    changes: dict[str, object],
    reason: str,
) -> None:
    finish(store, tmp_path)
    key = KEYS.stage("chunking")
    objects.write(key, resealed(objects.objects[key], **changes))
    assert reason in reasons_of(store.read_stage("chunking", None))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"fingerprint": "0" * 64}, "fingerprint does not fit"),
        ({"payload_size": 1}, f"it holds {len(PAYLOAD)} bytes where its header says 1"),
        ({"final": True}, "lacks fields or holds wrong ones"),
        ({"payload_sha256": None}, "lacks fields or holds wrong ones"),
    ],
)
def test_a_forged_part_is_not_used(
    store: CheckpointStore, objects: MemoryStore, changes: dict[str, object], reason: str
) -> None:
    key = store.write_part("u", PAYLOAD, FINGERPRINT, NOW).path
    header, _, payload = objects.objects[key].partition(b"\n")
    objects.write(key, resealed(header, **changes) + b"\n" + payload)
    assert reason in reasons_of(store.read_part("chunking", "u", FINGERPRINT))


def test_what_is_too_large_is_not_read_into_memory(
    store: CheckpointStore, objects: MemoryStore, tmp_path: Path
) -> None:
    finish(store, tmp_path)
    key = KEYS.stage("chunking")
    data = objects.objects[key]
    objects.write(key, b" " * (MAX_ENVELOPE_BYTES + 1))
    assert "more than" in reasons_of(store.read_stage("chunking", None))
    assert [found.hash for found in store.inspect()] == [None]
    objects.write(key, data)
    assert isinstance(store.read_stage("chunking", None), StageCheckpoint)


# What does not fit is named


def test_missing_is_said_to_be_missing(store: CheckpointStore) -> None:
    for found in (
        store.read_part("chunking", "u", FINGERPRINT),
        store.read_stage("chunking", FINGERPRINT),
        store.read_manifest_record("chunking"),
    ):
        assert isinstance(found, Unusable)
        assert found.missing


def test_another_setting_input_and_version_are_all_named(
    store: CheckpointStore, tmp_path: Path
) -> None:
    finish(store, tmp_path)
    store.write_part("u", PAYLOAD, FINGERPRINT, NOW)
    now = Fingerprint("chunking", "2", {"chunk_chars": "1200", "content.md": "b" * 64})
    expected = (
        "made by code version 1, now 2",
        "setting chunk_chars was 1000, now 1200",
        "input content.md has another hash",
    )
    assert store.read_stage("chunking", now) == Unusable(expected)
    assert store.read_part("chunking", "u", now) == Unusable(expected)


def test_a_checkpoint_of_another_document_is_named(
    store: CheckpointStore, objects: MemoryStore, tmp_path: Path
) -> None:
    finish(store, tmp_path)
    store.write_part("u", PAYLOAD, FINGERPRINT, NOW)
    for key in [*objects.objects]:
        objects.write(OTHER_KEYS.prefix + key.rpartition("/")[2], objects.objects[key])
    other = CheckpointStore(objects, OTHER_KEYS)

    found = reasons_of(other.read_stage("chunking", FINGERPRINT))
    assert f"another document, {KEYS.document_id}" in found
    assert "does not lie in the document's folder" in found
    assert "another document" in reasons_of(other.read_part("chunking", "u", FINGERPRINT))


def test_a_checkpoint_of_another_stage_or_unit_is_named(
    store: CheckpointStore, objects: MemoryStore, tmp_path: Path
) -> None:
    finish(store, tmp_path)
    part = store.write_part("u", PAYLOAD, FINGERPRINT, NOW).path
    objects.write(KEYS.stage("embeddings"), objects.objects[KEYS.stage("chunking")])
    objects.write(KEYS.part("embeddings", "v"), objects.objects[part])
    assert "another stage, 'chunking'" in reasons_of(store.read_stage("embeddings", None))
    found = reasons_of(store.read_part("embeddings", "v", FINGERPRINT))
    assert "another stage, 'chunking'; it belongs to another unit, 'u'" in found


def with_version_2(data: bytes) -> bytes:
    return data.replace(b'"version":"1.0"', b'"version":"2.0"')


def test_an_unknown_version_is_named(
    store: CheckpointStore, objects: MemoryStore, tmp_path: Path
) -> None:
    finish(store, tmp_path)
    store.write_part("u", PAYLOAD, FINGERPRINT, NOW)
    for key in (KEYS.stage("chunking"), KEYS.part("chunking", "u")):
        objects.write(key, with_version_2(objects.objects[key]))
    assert "version '2.0' is not known" in reasons_of(store.read_stage("chunking", None))
    assert "version '2.0' is not known" in reasons_of(store.read_part("chunking", "u", FINGERPRINT))


def test_a_storage_failure_is_never_taken_for_a_missing_checkpoint(
    store: CheckpointStore, objects: MemoryStore, tmp_path: Path
) -> None:
    checkpoint = finish(store, tmp_path)
    objects.available = False
    calls: list[Callable[[], object]] = [
        lambda: store.read_part("chunking", "u", FINGERPRINT),
        lambda: store.read_stage("chunking", None),
        lambda: store.read_manifest_record("chunking"),
        lambda: store.load_final("chunking"),
        lambda: store.parts("chunking"),
        lambda: store.write_part("u", b"", FINGERPRINT, NOW),
        lambda: store.open_output(checkpoint, "chunks.json").__enter__(),
        store.inspect,
        store.discard_all,
        lambda: store.discard_parts("chunking"),
        lambda: store.discard_stage("chunking"),
    ]
    for call in calls:
        with pytest.raises(StorageUnavailableError):
            call()


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
