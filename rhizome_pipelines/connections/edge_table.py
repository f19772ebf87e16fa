"""Edges in columns: 25 bytes each, and a part's bytes made of them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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

Limits = Mapping[ConnectionType, int]
"""The most edges of each type that a source chunk keeps."""

NO_NOTE = -1

_COMPARED = b"compared"
_TOLD = b"told"
_MANY = 1_000_000


def ids_of(uuids: Iterable[UUID]) -> Ids:
    """UUIDs as numbers."""
    packed = b"".join(uuid.bytes for uuid in uuids)
    return np.frombuffer(packed, dtype=">u8").reshape(-1, 2).astype(np.uint64)


def uuids_of(ids: Ids) -> list[UUID]:
    """Numbers as UUIDs."""
    return [UUID(int=upper << 64 | lower) for upper, lower in ids.tolist()]


@dataclass(frozen=True)
class EdgeTable:
    """Directed edges. `source` and `target` (int32) are rows of `ids`; `type` (int8) of TYPES.

    `note` (int32) is a place in `notes`, JSON objects of those edges that an engine has judged by
    reading; NO_NOTE for the others.
    """

    ids: Ids
    source: NDArray[np.int32]
    target: NDArray[np.int32]
    type: NDArray[np.int8]
    strength: NDArray[np.float64]
    note: NDArray[np.int32]
    notes: Sequence[str] = ()

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
            np.empty(0, np.int32),
        )

    @classmethod
    def joined(cls, tables: Sequence["EdgeTable"]) -> "EdgeTable":
        """One table of all; its `ids` are sorted and each is there once."""
        offsets = np.cumsum([0, *(len(table.ids) for table in tables)])
        ids, rank = _distinct(np.concatenate([table.ids for table in tables]))
        shifted = list(zip(tables, offsets, strict=False))
        notes = np.cumsum([0, *(len(table.notes) for table in tables)])
        return cls(
            ids,
            rank[np.concatenate([t.source + offset for t, offset in shifted])],
            rank[np.concatenate([t.target + offset for t, offset in shifted])],
            np.concatenate([t.type for t in tables]),
            np.concatenate([t.strength for t in tables]),
            np.concatenate(
                [
                    np.where(t.note == NO_NOTE, NO_NOTE, t.note + offset).astype(np.int32)
                    for t, offset in zip(tables, notes, strict=False)
                ]
            ),
            [note for table in tables for note in table.notes],
        )

    def trimmed(self, limits: Limits) -> "EdgeTable":
        """The strongest of each source chunk and type, sorted by source, type, strength, target.

        Needs sorted `ids`, as `joined` makes them: the lower id wins a tie. What `limits` does
        not name is left out.
        """
        most = np.array([limits.get(kind, 0) for kind in TYPES])
        groups = self.source.astype(np.int64) * len(TYPES) + self.type
        return self.take(strongest(groups, self.strength, (self.target,), most[self.type]))

    def take(self, rows: NDArray[np.intp]) -> "EdgeTable":
        """These edges, in this order."""
        return replace(
            self,
            source=self.source[rows],
            target=self.target[rows],
            type=self.type[rows],
            strength=self.strength[rows],
            note=self.note[rows],
        )


class EdgeMerger:
    """Joins the tables of parts, trimming as it goes so that memory stays bounded."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._tables: list[EdgeTable] = [EdgeTable.empty()]

    def add(self, table: EdgeTable) -> None:
        """Take one more table."""
        self._tables.append(table)
        if sum(map(len, self._tables)) > _MANY:
            self._tables = [self.result()]

    def result(self) -> EdgeTable:
        """All edges that are among the strongest of their source chunk."""
        return EdgeTable.joined(self._tables).trimmed(self._limits)


def encode_part(table: EdgeTable, compared: str, told: Mapping[str, int] | None = None) -> bytes:
    """Parquet bytes; `compared` is the digest of the corpus that was compared with.

    `told` are numbers on how the edges were found, to be added up over all parts.
    """
    schema = pa.schema(
        [
            pa.field("source", pa.binary(16)),
            pa.field("target", pa.binary(16)),
            pa.field("type", pa.int8()),
            pa.field("strength", pa.float64()),
            pa.field("note", pa.string()),
        ],
        metadata={
            _COMPARED: compared.encode(),
            _TOLD: json.dumps(told or {}, sort_keys=True).encode(),
        },
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
                pa.array([_note(table, place) for place in table.note[rows].tolist()], pa.string()),
            ]
            writer.write_table(pa.table(columns, schema=schema))
    data: bytes = sink.getvalue().to_pybytes()
    return data


def part_compared_with(data: bytes) -> str:
    """The digest of the corpus that a part was compared with."""
    metadata = pq.read_schema(pa.BufferReader(data)).metadata
    compared: bytes = metadata[_COMPARED]
    return compared.decode()


def part_told(data: bytes) -> Mapping[str, int]:
    """The numbers of a part."""
    found: Mapping[str, int] = json.loads(
        pq.read_schema(pa.BufferReader(data)).metadata.get(_TOLD, b"{}")
    )
    return found


def decode_part(data: bytes) -> EdgeTable:
    """The edges of a part."""
    table = pq.read_table(pa.BufferReader(data)).combine_chunks()
    both = np.concatenate([_ids(table["source"]), _ids(table["target"])])
    count = table.num_rows
    noted = np.flatnonzero(table["note"].is_valid().to_numpy())
    note = np.full(count, NO_NOTE, np.int32)
    note[noted] = np.arange(len(noted), dtype=np.int32)
    return EdgeTable(
        both,
        np.arange(count, dtype=np.int32),
        np.arange(count, 2 * count, dtype=np.int32),
        table["type"].to_numpy(),
        table["strength"].to_numpy(),
        note,
        table["note"].take(pa.array(noted)).to_pylist(),
    )


def _note(table: EdgeTable, place: int) -> str | None:
    return None if place == NO_NOTE else table.notes[place]


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
