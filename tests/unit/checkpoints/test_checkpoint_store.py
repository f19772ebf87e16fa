"""A checkpoint is used if it is intact and fits; else not, and every reason is named."""

import json
from pathlib import Path

import pytest

from rhizome_pipelines.checkpoints.envelope import seal
from rhizome_pipelines.checkpoints.fingerprint import Fingerprint
from rhizome_pipelines.checkpoints.hashing import sha256, short_hash
from rhizome_pipelines.checkpoints.results import (
    CheckpointSource,
    PartFound,
    StageCheckpoint,
)
from rhizome_pipelines.checkpoints.store import CheckpointStore
from rhizome_pipelines.checkpoints.verification import MAX_ENVELOPE_BYTES
from rhizome_pipelines.lifecycle.errors import PermanentError
from tests.memory_store import MemoryStore
from tests.unit.checkpoints.checkpoint_world import (
    FACTS,
    FINGERPRINT,
    KEYS,
    LATER,
    NOW,
    PAYLOAD,
    finish,
    reasons_of,
)

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
