"""One document, one stage, and a checkpoint of it, for the tests of the store."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from rhizome_pipelines.checkpoints.fingerprint import Fingerprint
from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.checkpoints.results import (
    StageCheckpoint,
    Unusable,
)
from rhizome_pipelines.checkpoints.store import CheckpointStore

USER = UUID("00000000-0000-4000-8000-000000000001")
KEYS = DocumentKeys(USER, UUID("00000000-0000-4000-8000-000000000002"))
OTHER_KEYS = DocumentKeys(USER, UUID("00000000-0000-4000-8000-000000000003"))
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2026, 2, 2, 3, 4, 5, tzinfo=UTC)
FINGERPRINT = Fingerprint("chunking", "1", {"chunk_chars": "1000", "content.md": "a" * 64})
FACTS = {"chunks": 3, "title": "Ünï 😀", "ratio": 0.1, "none": None}
PAYLOAD = b"\x00binary\npayload\xff"


def finish(store: CheckpointStore, tmp_path: Path, data: bytes = b"[1,2,3]") -> StageCheckpoint:
    local = tmp_path / "chunks"
    local.write_bytes(data)
    outputs = {"chunks.json": store.store_output("chunks.json", local)}
    return store.write_stage(FINGERPRINT, outputs, FACTS, units_total=2, timestamp=NOW)


def reasons_of(found: object) -> str:
    assert isinstance(found, Unusable)
    assert found.reasons
    return "; ".join(found.reasons)
