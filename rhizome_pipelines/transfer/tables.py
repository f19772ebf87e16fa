"""The format `parquet`: chunks, embeddings and connections as three tables, a file a document.

`pandas.read_parquet("chunks")` reads a folder as one table. They are joined on `document_id` and
`chunk_index`.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from rhizome_pipelines.checkpoints.hashing import canonical_json
from rhizome_pipelines.transfer.collecting import Collector, Wanted, from_disk
from rhizome_pipelines.transfer.ports import DocumentRows, Record
from rhizome_pipelines.transfer.segments import Outgoing

_ROWS = 2_000
_JSON = pa.string()
_TIME = pa.timestamp("us", tz="UTC")

CHUNKS = pa.schema(
    [
        ("document_id", pa.string()),
        ("document_title", pa.string()),
        ("chunk_index", pa.int32()),
        ("content", pa.string()),
        ("start_offset", pa.int32()),
        ("end_offset", pa.int32()),
        ("page_start", pa.int32()),
        ("page_end", pa.int32()),
        ("heading_level", pa.int32()),
        ("heading_path", pa.list_(pa.string())),
        ("section_marker", pa.string()),
        ("word_count", pa.int32()),
        ("token_count", pa.int32()),
        ("summary", pa.string()),
        ("importance_score", pa.float64()),
        ("themes", _JSON),
        ("emotional_metadata", _JSON),
        ("conceptual_metadata", _JSON),
        ("domain_metadata", _JSON),
        ("metadata_extracted_at", _TIME),
        ("bboxes", _JSON),
        ("position_confidence", pa.string()),
        ("position_method", pa.string()),
        ("position_validated", pa.bool_()),
        ("chunker_type", pa.string()),
    ]
)
EMBEDDINGS = pa.schema(
    [
        ("document_id", pa.string()),
        ("chunk_index", pa.int32()),
        ("model", pa.string()),
        ("vector", pa.list_(pa.float32())),
    ]
)
CONNECTIONS = pa.schema(
    [
        ("source_document_id", pa.string()),
        ("source_index", pa.int32()),
        ("target_document_id", pa.string()),
        ("target_index", pa.int32()),
        ("target_title", pa.string()),
        ("connection_type", pa.string()),
        ("strength", pa.float64()),
        ("auto_detected", pa.bool_()),
        ("user_validated", pa.bool_()),
        ("user_starred", pa.bool_()),
        ("validated_at", _TIME),
        ("discovered_at", _TIME),
        ("metadata", _JSON),
    ]
)


class TablesCollector(Collector):
    """Rows as tables; JSON as text, offsets in UTF-16 code units."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted

    def collect(self, document_id: UUID, rows: DocumentRows, scratch: Path) -> Sequence[Outgoing]:
        """See `Collector`. A table without rows is a file without rows: the folder is there."""
        beside = self._wanted.document_ids
        told = {"document_id": str(document_id), "document_title": rows.document["title"]}
        tables = {
            "chunks": _write(
                scratch / "chunks", CHUNKS, ({**record, **told} for record in rows.chunks())
            ),
            "connections": _write(scratch / "connections", CONNECTIONS, rows.connections(beside)),
            "embeddings": _write(scratch / "embeddings", EMBEDDINGS, _embeddings(told, rows)),
        }
        return [
            Outgoing(f"{table}/{document_id}.parquet", from_disk(path))
            for table, path in tables.items()
        ]


def _embeddings(told: Record, rows: DocumentRows) -> Iterator[Record]:
    index = 0
    for block in rows.vectors():
        for vector in block:
            model = rows.space.model if rows.space else None
            yield {**told, "chunk_index": index, "model": model, "vector": vector}
            index += 1


def _write(path: Path, schema: Any, records: Iterable[Record]) -> Path:
    stream = iter(records)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while rows := [_row(schema, record) for record in islice(stream, _ROWS)]:
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
    return path


def _row(schema: Any, record: Record) -> dict[str, Any]:
    return {
        field.name: _value(field, record.get(field.name))
        for field in schema
        if record.get(field.name) is not None
    }


def _value(field: Any, value: Any) -> Any:
    if field.type == _TIME:
        return datetime.fromisoformat(value)
    if field.name in _JSON_COLUMNS:
        return canonical_json({"": value})[4:-1].decode()
    return value


_JSON_COLUMNS = frozenset(
    {
        "themes",
        "emotional_metadata",
        "conceptual_metadata",
        "domain_metadata",
        "bboxes",
        "metadata",
    }
)
