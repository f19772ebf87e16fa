"""Faults of what is given, told in one clear sentence each."""

import json
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.transfer.export_manifest import ExportManifest
from rhizome_pipelines.transfer.fault_words import faults_in_words
from rhizome_pipelines.transfer.incoming import AnnotationRecord
from rhizome_pipelines.transfer.inputs import ExportInput
from rhizome_pipelines.transfer.records import ChunkRecord


def told(model: type[BaseModel], given: object) -> str:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(given)
    return faults_in_words(refused.value)


CHUNK: dict[str, Any] = {"chunk_index": 0, "content": "Roots"}
DOCUMENT: dict[str, Any] = {
    "version": "1.0",
    "document_id": "00000000-0000-4000-8000-000000000001",
    "source_type": "txt",
    "created_at": "2026-01-01T00:00:00Z",
}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"chunk_index": "x"}, "chunk_index is no whole number"),
        ({"chunk_index": -1}, "chunk_index is less than 0"),
        ({"chunk_index": 2**31}, "chunk_index is not less than 2,147,483,648"),
        ({"content": 5}, "content is no text"),
        ({"content": "\0"}, "content holds a NUL or half a surrogate pair, which cannot be stored"),
        ({"content": "x" * 4_000_001}, "content has more than 4,000,000 characters"),
        ({"importance_score": 7}, "importance_score is more than 1"),
        ({"importance_score": float("inf")}, "importance_score is no finite number"),
        ({"position_validated": 1}, "position_validated is neither true nor false"),
        ({"heading_path": "x"}, "heading_path is no list"),
        ({"metadata_extracted_at": "x"}, "metadata_extracted_at is no date with time (ISO 8601)"),
        ({"position_confidence": "x"},
         "position_confidence is not 'exact', 'high', 'medium' or 'synthetic'"),
        ({"start_offset": 2, "end_offset": 1}, "end_offset is before start_offset"),
    ],
)  # fmt: skip
def test_a_fault_is_a_sentence(change: dict[str, Any], sentence: str) -> None:
    assert told(ChunkRecord, {**CHUNK, **change}) == sentence


def test_what_is_missing_and_what_is_too_long_is_said() -> None:
    assert told(ChunkRecord, {"chunk_index": 0}) == "content is missing"
    assert told(
        AnnotationRecord, {"entity_id": DOCUMENT["document_id"], "components": [{}] * 10_001}
    ) == ("components has more than 10,000 entries")


def test_a_list_is_not_called_empty_for_what_is_wrong_in_it() -> None:
    assert told(ExportInput, {"document_ids": ["x"]}) == "document_ids.0 is no UUID"
    assert told(ExportInput, {"document_ids": []}) == "document_ids is empty"


def test_a_place_deep_within_is_shortened() -> None:
    deep: Any = "\0"
    for _ in range(60):
        deep = [deep]
    for given in (deep, [[object()]]):
        found = told(ChunkRecord, {**CHUNK, "themes": given})
        assert found.startswith("themes")
        assert len(found) < 200


def test_nothing_of_pydantic_is_left_in_a_manifests_faults() -> None:
    manifest = {
        "version": "1.0",
        "kind": "other",
        "format": "rar",
        "created_at": {},
        "document_count": "many",
        "documents": [
            {"document_id": 1, "title": [], "files": [{"path": 1, "size": -1, "hash": "x"}]}
        ],
    }
    with pytest.raises(InvalidInputError) as refused:
        ExportManifest.read(json.dumps(manifest).encode())
    for word in ("Input", "should", "Value", "error", "validation"):
        assert word not in refused.value.message
