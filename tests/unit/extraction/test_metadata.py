"""Reading `metadata.json` back."""

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from rhizome_pipelines.extraction.metadata import ExtractionFacts, PageFact, read_metadata
from rhizome_pipelines.lifecycle.documents import SourceType
from rhizome_pipelines.lifecycle.errors import InvalidInputError

FACTS = ExtractionFacts(
    document_id=UUID(int=1),
    title="On rivers",
    source=SourceType.TXT,
    word_count=3,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    processed_at=datetime(2026, 1, 2, tzinfo=UTC),
    pages=[PageFact(page=1, offset=0, utf16_offset=0)],
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read_metadata(FACTS.to_json()) == FACTS
    path = tmp_path / "metadata.json"
    path.write_bytes(FACTS.to_json())
    assert read_metadata(path) == FACTS


def test_the_fields_of_the_contract_are_there() -> None:
    contract = {
        "version", "document_id", "title", "author", "source", "processing_mode", "word_count",
        "page_count", "language", "created_at", "processed_at",
    }  # fmt: skip
    assert contract <= set(json.loads(FACTS.to_json()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "2.0"}, "version '2.0'"),
        ({"version": None}, "not readable"),
        ({"word_count": -1}, "word_count"),
        ({"source": "scroll"}, "source"),
        ({"pages": [{"page": 0}]}, "pages"),
    ],
)
def test_what_cannot_be_used_is_invalid(change: dict[str, object], words: str) -> None:
    data = {**json.loads(FACTS.to_json()), **change}
    with pytest.raises(InvalidInputError, match=words):
        read_metadata(json.dumps(data).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b'{"a": 1}', b"[" * 100_000])
def test_what_is_no_metadata_is_invalid(data: bytes) -> None:
    with pytest.raises(InvalidInputError):
        read_metadata(data)
