"""Chunks as JSON: one chunk's record, and the file `chunks.json` around all of them."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from rhizome_pipelines.checkpoints.json_items import read_entries
from rhizome_pipelines.chunking.boundaries import Span
from rhizome_pipelines.chunking.config import Strategy
from rhizome_pipelines.chunking.metadata import ChunkMetadata
from rhizome_pipelines.lifecycle.errors import InvalidInputError

VERSION = "1.0"
"""Of the envelope. Any other is refused."""

Record = Mapping[str, Any]
"""One chunk, named as the columns of `chunks`, without id, document_id and embedding."""


def chunk_record(
    content: str,
    index: int,
    span: Span,
    pages: tuple[int, int] | None,
    token_count: int,
    strategy: Strategy,
    metadata: ChunkMetadata | None,
    extracted_at: datetime,
) -> dict[str, Any]:
    """The record of one chunk; offsets in UTF-16 code units of `content.md`.

    `extracted_at` is written only with metadata.
    """
    deepest = span.headings[-1] if span.headings else None
    return {
        "chunk_index": index,
        "content": content,
        "start_offset": span.start.units,
        "end_offset": span.end.units,
        "heading_path": [heading.title for heading in span.headings],
        "heading_level": deepest.level if deepest else None,
        "section_marker": section_marker(deepest.title) if deepest else None,
        "page_start": pages[0] if pages else None,
        "page_end": pages[1] if pages else None,
        "word_count": len(content.split()),
        "token_count": token_count,
        "position_confidence": "exact",
        "position_method": "source_offsets",
        "position_validated": True,
        "chunker_type": strategy.value,
        "is_current": True,
        "bboxes": None,
        **metadata_columns(metadata, extracted_at),
    }


def section_marker(title: str) -> str | None:
    """A heading's anchor, made as GitHub makes it: lower case, spaces to hyphens."""
    kept = "".join(c for c in title.lower() if c.isalnum() or c in " -_")
    return kept.strip().replace(" ", "-")[:120] or None


def metadata_columns(metadata: ChunkMetadata | None, extracted_at: datetime) -> dict[str, Any]:
    """The columns that tell about the content; all null, and no themes, without metadata."""
    if metadata is None:
        return {
            "summary": None,
            "themes": [],
            "importance_score": None,
            "emotional_metadata": None,
            "conceptual_metadata": None,
            "domain_metadata": None,
            "metadata_extracted_at": None,
        }
    source = {"method": metadata.method.value}
    if metadata.model is not None:
        source["model"] = metadata.model
    concepts = [{"text": c.text, "importance": c.importance} for c in metadata.concepts]
    return {
        "summary": metadata.summary,
        "themes": list(metadata.themes),
        "importance_score": metadata.importance,
        "emotional_metadata": {
            "polarity": metadata.polarity,
            "primaryEmotion": metadata.emotion.value,
            "intensity": metadata.intensity,
            **source,
        },
        "conceptual_metadata": {"concepts": concepts, **source},
        "domain_metadata": {
            "primaryDomain": metadata.domain,
            "confidence": metadata.confidence,
            **source,
        },
        "metadata_extracted_at": extracted_at.isoformat(),
    }


def encode_record(record: Record) -> bytes:
    """One line of JSON in UTF-8, without its end."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


class ChunksFile:
    """Writes `chunks.json` chunk by chunk, each on a line of its own."""

    def __init__(self, file: BinaryIO, document_id: UUID, mode: str, created_at: datetime) -> None:
        """`mode` is `local` or `cloud`: whether a service saw the text."""
        head = {
            "version": VERSION,
            "document_id": str(document_id),
            "processing_mode": mode,
            "created_at": created_at.isoformat(),
        }
        self._file = file
        self._separator = b"\n"
        file.write(encode_record(head)[:-1] + b',"chunks":[')

    def add(self, line: bytes) -> None:
        """Append one encoded record."""
        self._file.write(self._separator + line)
        self._separator = b",\n"

    def close(self) -> None:
        """Write the end. The file itself stays open."""
        self._file.write(b"\n]}\n")


def read_chunks(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a `chunks.json`, one by one, in the file's order.

    Raises InvalidInputError, before the first record, if the version is not ours or the file's
    shape is none that we make; and at the place where the file is not what it should be.
    """
    for record in read_entries(path, "chunks", VERSION):
        if not isinstance(record, dict):
            raise InvalidInputError("chunks.json holds something that is not a chunk.")
        yield record
