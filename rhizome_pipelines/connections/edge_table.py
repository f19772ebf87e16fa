"""Edges in columns: 21 bytes each, and a part's bytes made of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rhizome_pipelines.connections.ports import ConnectionType
from rhizome_pipelines.connections.strongest import strongest

Ids = NDArray[np.uint64]
"""UUIDs, shape (n, 2): the upper and the lower 64 bits, so that rows sort as Postgres sorts."""

TYPES: Sequence[ConnectionType] = tuple(ConnectionType)

_COMPARED = b"compared"
_MANY = 2_000_000


def ids_of(uuids: Iterable[UUID]) -> Ids:
    """UUIDs as numbers."""
    packed = b"".join(uuid.bytes for uuid in uuids)
    return np.frombuffer(packed, dtype=">u8").reshape(-1, 2).astype(np.uint64)


def uuids_of(ids: Ids) -> list[UUID]:
    """Numbers as UUIDs."""
    return [UUID(int=upper << 64 | lower) for upper, lower in ids.tolist()]


@dataclass(frozen=True)
class EdgeTable:
    """Directed edges. `source` and `target` (int32) are rows of `ids`; `type` (int8) of TYPES."""

    ids: Ids
    source: NDArray[np.int32]
    target: NDArray[np.int32]
    type: NDArray[np.int8]
    strength: NDArray[np.float64]

    def __len__(self) -> int:
        """Number of edges."""
        return len(self.strength)

    @classmethod
    def empty(cls) -> "EdgeTable":
        """No edges."""
        return cls(
            np.empty((0, 2), np.uint64),
            np.empty(0, np.int32),
            np.empty(0, np.int32),
            np.empty(0, np.int8),
            np.empty(0),
        )

    @classmethod
    def joined(cls, tables: Sequence["EdgeTable"]) -> "EdgeTable":
        """One table of all; its `ids` are sorted and each is there once."""
        offsets = np.cumsum([0, *(len(table.ids) for table in tables)])
        ids, rank = _distinct(np.concatenate([table.ids for table in tables]))
        shifted = list(zip(tables, offsets, strict=False))
        return cls(
            ids,
            rank[np.concatenate([t.source + offset for t, offset in shifted])],
            rank[np.concatenate([t.target + offset for t, offset in shifted])],
            np.concatenate([t.type for t in tables]),
            np.concatenate([t.strength for t in tables]),
        )

    def trimmed(self, per_chunk: int) -> "EdgeTable":
        """The strongest of each source chunk and type, sorted by source, type, strength, target.

        Needs sorted `ids`, as `joined` makes them: the lower id wins a tie.
        """
        groups = self.source.astype(np.int64) * len(TYPES) + self.type
        kept = strongest(groups, self.strength, (self.target,), per_chunk)
        return EdgeTable(
            self.ids, self.source[kept], self.target[kept], self.type[kept], self.strength[kept]
        )


class EdgeMerger:
    """Joins the tables of parts, trimming as it goes so that memory stays bounded."""

    def __init__(self, per_chunk: int) -> None:
        self._per_chunk = per_chunk
        self._tables: list[EdgeTable] = [EdgeTable.empty()]

    def add(self, table: EdgeTable) -> None:
        """Take one more table."""
        self._tables.append(table)
        if sum(map(len, self._tables)) > _MANY:
            self._tables = [self.result()]

    def result(self) -> EdgeTable:
        """All edges that are among the strongest of their source chunk."""
        return EdgeTable.joined(self._tables).trimmed(self._per_chunk)


def encode_part(table: EdgeTable, compared: str) -> bytes:
    """Parquet bytes; `compared` is the digest of the corpus that was compared with."""
    schema = pa.schema(
        [
            pa.field("source", pa.binary(16)),
            pa.field("target", pa.binary(16)),
            pa.field("type", pa.int8()),
            pa.field("strength", pa.float64()),
        ],
        metadata={_COMPARED: compared.encode()},
    )
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for start in range(0, len(table), 65_536):
            rows = slice(start, start + 65_536)
            columns = [
                _binary(table.ids[table.source[rows]]),
                _binary(table.ids[table.target[rows]]),
                pa.array(table.type[rows]),
                pa.array(table.strength[rows]),
            ]
            writer.write_table(pa.table(columns, schema=schema))
    data: bytes = sink.getvalue().to_pybytes()
    return data


def part_compared_with(data: bytes) -> str:
    """The digest of the corpus that a part was compared with."""
    metadata = pq.read_schema(pa.BufferReader(data)).metadata
    compared: bytes = metadata[_COMPARED]
    return compared.decode()


def decode_part(data: bytes) -> EdgeTable:
    """The edges of a part."""
    table = pq.read_table(pa.BufferReader(data)).combine_chunks()
    both = np.concatenate([_ids(table["source"]), _ids(table["target"])])
    count = table.num_rows
    return EdgeTable(
        both,
        np.arange(count, dtype=np.int32),
        np.arange(count, 2 * count, dtype=np.int32),
        table["type"].to_numpy(),
        table["strength"].to_numpy(),
    )


def _distinct(ids: Ids) -> tuple[Ids, NDArray[np.int32]]:
    """The sorted ids, each once, and for each given id its place among them."""
    order = np.lexsort((ids[:, 1], ids[:, 0]))
    ordered = ids[order]
    first = np.ones(len(ids), dtype=bool)
    first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    places = np.empty(len(ids), dtype=np.int32)
    places[order] = np.cumsum(first, dtype=np.int32) - 1
    return ordered[first], places


def _binary(ids: Ids) -> Any:
    packed = pa.py_buffer(ids.astype(">u8").tobytes())
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(ids), [None, packed])


def _ids(column: Any) -> Ids:
    packed = b"".join(
        chunk.buffers()[1].to_pybytes()[16 * chunk.offset : 16 * (chunk.offset + len(chunk))]
        for chunk in column.chunks
    )
    return np.frombuffer(packed, dtype=">u8").reshape(-1, 2).astype(np.uint64)
