"""A manifest that changes its user: what lasts of the stages can be used under the new keys."""

import json
from pathlib import Path
from uuid import UUID

from rhizome_pipelines.checkpoints.fingerprint import Fingerprint
from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.checkpoints.manifest import ManifestDetails, write_manifest
from rhizome_pipelines.checkpoints.portable_manifest import (
    made_at_home,
    made_portable,
    manifest_bytes,
    read_manifest,
    with_other_file,
)
from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.checkpoints.stage_file import StoredOutput
from rhizome_pipelines.checkpoints.store import CheckpointStore
from tests.memory_store import MemoryStore
from tests.unit.checkpoints.checkpoint_world import KEYS, NOW

OTHER = DocumentKeys(UUID(int=99), KEYS.document_id)


def written(tmp_path: Path) -> tuple[MemoryStore, bytes]:
    objects = MemoryStore()
    store = CheckpointStore(objects, KEYS)
    (tmp_path / "chunks").write_text("{}")
    outputs = {"chunks.json": store.store_output("chunks.json", tmp_path / "chunks")}
    found = store.write_stage(
        Fingerprint("chunking", "1", {}), outputs, {"n": 1}, units_total=1, timestamp=NOW
    )
    objects.write(f"{KEYS.user_id}/uploads/source.pdf", b"pdf")
    details = ManifestDetails("local", 1, 2, counts={"chunks": 1})
    key = f"{KEYS.user_id}/uploads/source.pdf"
    write_manifest(objects, KEYS, [found], details, source_key=key, created_at=NOW)
    return objects, objects.read(KEYS.manifest)


def test_a_manifest_goes_to_another_user_and_back(tmp_path: Path) -> None:
    objects, original = written(tmp_path)
    renamed = {f"{KEYS.user_id}/uploads/source.pdf": "source.pdf"}
    fields = read_manifest(original)
    made_portable(fields, KEYS, renamed)
    portable = manifest_bytes(fields)
    assert str(KEYS.user_id).encode() not in portable

    moved = read_manifest(portable)
    made_at_home(moved, OTHER)
    objects.write(OTHER.manifest, manifest_bytes(moved))
    objects.write(OTHER.chunks, objects.read(KEYS.chunks))
    found = CheckpointStore(objects, OTHER).read_manifest_record("chunking")
    assert isinstance(found, StageCheckpoint)
    assert found.facts == {"n": 1}

    again = read_manifest(objects.read(OTHER.manifest))
    made_portable(again, OTHER, {})
    assert manifest_bytes(again) == portable


def test_a_file_that_is_another_takes_the_stages_with_it(tmp_path: Path) -> None:
    _, original = written(tmp_path)
    fields = read_manifest(original)
    output = StoredOutput(path="x", size=7, hash="0" * 64)
    with_other_file(fields, "chunks", "chunks.json", output, ["chunking"])
    assert fields["files"]["chunks"] == {
        "path": "chunks.json", "size": 7, "hash": "0" * 64, "count": 1
    }  # fmt: skip
    assert fields["stages"] == {}


def test_a_manifest_of_another_shape_is_passed_through() -> None:
    strange = {"version": "1.0", "files": [1], "stages": {"a": 1, "b": {"outputs": {"c": 5}}}}
    fields = read_manifest(json.dumps(strange).encode())
    made_portable(fields, KEYS, {})
    made_at_home(fields, KEYS)
    assert fields["files"] == [1]
