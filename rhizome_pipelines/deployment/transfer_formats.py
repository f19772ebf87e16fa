"""The files of documents for transfer, read and written as the stages of documents do it."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from rhizome_pipelines.checkpoints.json_items import check_shape, read_head
from rhizome_pipelines.chunking import read_chunks
from rhizome_pipelines.chunking.records import ChunksFile, encode_record
from rhizome_pipelines.embedding.ports import EmbeddingSpace
from rhizome_pipelines.embedding.vectors_file import VectorsFile, check_schema, read_vectors
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.transfer.ports import DocumentFormats, Record, Space, Vectors

_MAX_DIMENSIONS = 16_000
"""pgvector's own limit."""


class StageFormats(DocumentFormats):
    """`DocumentFormats` over chunking and embedding."""

    def read_chunks(self, path: Path) -> Iterator[Record]:
        """See `DocumentFormats`."""
        return read_chunks(path)

    def document_of(self, path: Path) -> object:
        """See `DocumentFormats`."""
        check_shape(path, "chunks.json")
        return read_head(path, "chunks.json", {"document_id"}).get("document_id")

    def write_chunks(
        self, path: Path, document_id: UUID, created_at: datetime, records: Iterable[Record]
    ) -> None:
        """See `DocumentFormats`."""
        with path.open("wb") as file:
            chunks = ChunksFile(file, document_id, "local", created_at)
            for record in records:
                chunks.add(encode_record(record))
            chunks.close()

    def space(self, path: Path, rows: int) -> Space:
        """See `DocumentFormats`. Nothing but the footer is read."""
        try:
            with pq.ParquetFile(path, pre_buffer=False) as file:
                schema, found = file.schema_arrow, file.metadata.num_rows
                check_schema(schema)
                told = schema.metadata or {}
                width = schema.field("vector").type.list_size
        except (pa.ArrowException, KeyError, OSError) as error:
            raise InvalidInputError("embeddings.parquet is not a readable table.") from error
        if found != rows or not 0 < width <= _MAX_DIMENSIONS:
            raise InvalidInputError(
                f"embeddings.parquet has {found:,} vectors of {width} dimensions for {rows:,} "
                "chunks."
            )
        return Space(told.get(b"model", b"").decode(errors="replace")[:200], width)

    def read_vectors(self, path: Path) -> Iterator[Vectors]:
        """See `DocumentFormats`."""
        try:
            for _, vectors in read_vectors(path):
                yield vectors
        except (pa.ArrowException, ValueError, KeyError, OSError) as error:
            raise InvalidInputError("embeddings.parquet is damaged.") from error

    def write_vectors(
        self, path: Path, document_id: UUID, space: Space, blocks: Iterable[Vectors]
    ) -> None:
        """See `DocumentFormats`."""
        with VectorsFile(path, document_id, EmbeddingSpace(space.model, space.dimensions)) as file:
            for block in blocks:
                file.add(block)
