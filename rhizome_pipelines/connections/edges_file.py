"""`connections.parquet`: a document's connections with their words, loadable by pandas.

Columns: `source`, `target` (UUIDs of chunks as text), `type`, `strength`, `explanation`,
`target_document_title`, `target_snippet`, `score` (0–1, of the pair by all engines together) and
`details`, a JSON object of what else is stored beside the connection. The schema's metadata says
version, document_id, model.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from rhizome_pipelines.connections.ports import ConnectionType, Edge

VERSION = "1.0"
ROW_GROUP = 4_096

_WORDS = ("explanation", "target_document_title", "target_snippet")
_NAMED = (*_WORDS, "score")


def write_edges(path: Path, document_id: UUID, model: str, edges: Iterable[Edge]) -> None:
    """Write the file, one row group in memory."""
    schema = pa.schema(
        [
            pa.field("source", pa.string(), nullable=False),
            pa.field("target", pa.string(), nullable=False),
            pa.field("type", pa.string(), nullable=False),
            pa.field("strength", pa.float64(), nullable=False),
            *(pa.field(name, pa.string(), nullable=False) for name in _WORDS),
            pa.field("score", pa.float64(), nullable=False),
            pa.field("details", pa.string(), nullable=False),
        ],
        metadata={"version": VERSION, "document_id": str(document_id), "model": model},
    )
    stream = iter(edges)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while rows := [_row(edge) for edge in islice(stream, ROW_GROUP)]:
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))


def read_edges(path: Path) -> Iterator[Edge]:
    """The edges of a file that `write_edges` wrote, in order."""
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(batch_size=1_024, use_threads=False):
            for row in batch.to_pylist():
                yield Edge(
                    UUID(row["source"]),
                    UUID(row["target"]),
                    ConnectionType(row["type"]),
                    row["strength"],
                    {**json.loads(row["details"]), **{name: row[name] for name in _NAMED}},
                )


def _row(edge: Edge) -> dict[str, Any]:
    details = {name: value for name, value in edge.metadata.items() if name not in _NAMED}
    return {
        "source": str(edge.source),
        "target": str(edge.target),
        "type": edge.type.value,
        "strength": edge.strength,
        **{name: edge.metadata[name] for name in _NAMED},
        "details": json.dumps(details, ensure_ascii=False, sort_keys=True),
    }
