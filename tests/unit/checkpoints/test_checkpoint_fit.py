"""What does not fit a checkpoint is named: other settings, inputs, documents, versions."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rhizome_pipelines.checkpoints.fingerprint import Fingerprint
from rhizome_pipelines.checkpoints.objects import StorageUnavailableError
from rhizome_pipelines.checkpoints.results import (
    Unusable,
)
from rhizome_pipelines.checkpoints.store import CheckpointStore
from tests.memory_store import MemoryStore
from tests.unit.checkpoints.checkpoint_world import (
    FINGERPRINT,
    KEYS,
    NOW,
    OTHER_KEYS,
    PAYLOAD,
    finish,
    reasons_of,
)

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
