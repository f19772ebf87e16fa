"""Vectors as Parquet: the parts of the stage, and `embeddings.parquet` made of them.

Columns: `chunk_index` int32, `id` string (UUID), `vector` fixed-size list of float32. The
schema's metadata says version, document_id, model and dimensions.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import UUID, uuid5

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rhizome_pipelines.embedding.models.model import Vectors
from rhizome_pipelines.embedding.ports import EmbeddingSpace
from rhizome_pipelines.lifecycle.errors import InvalidInputError

NAME = "embeddings.parquet"
"""What the file is called in sentences: a local copy of it has another name."""
VERSION = "1.0"
ROW_GROUP = 1_024
"""Rows; 3 MB of vectors with 768 dimensions. Arrow holds several of them at a time."""

_WRITING: Mapping[str, Any] = {"compression": "zstd", "use_dictionary": False}


def chunk_id(document_id: UUID, index: int) -> UUID:
    """The id of a chunk's row: the same whenever the document is processed again."""
    return uuid5(document_id, str(index))


def encode_part(document_id: UUID, space: EmbeddingSpace, first: int, vectors: Vectors) -> bytes:
    """Parquet bytes of the vectors of chunks `first`, `first` + 1, …."""
    sink = pa.BufferOutputStream()
    table = _table(document_id, space, range(first, first + len(vectors)), vectors)
    pq.write_table(table, sink, **_WRITING)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def decode_part(data: bytes) -> Vectors:
    """The vectors of a part, shape (chunks, dimensions)."""
    return _vectors(pq.read_table(pa.BufferReader(data), columns=["vector"])["vector"])


class VectorsFile:
    """Writes `embeddings.parquet` row group by row group; a context manager."""

    def __init__(self, path: Path, document_id: UUID, space: EmbeddingSpace) -> None:
        self._document_id = document_id
        self._space = space
        self._writer = pq.ParquetWriter(path, _schema(document_id, space), **_WRITING)
        self._held: list[Vectors] = []
        self._written = 0

    def add(self, vectors: Vectors) -> None:
        """Append the vectors of the next chunks."""
        self._held.append(vectors)
        while sum(map(len, self._held)) >= ROW_GROUP:
            held = np.concatenate(self._held)
            self._write(held[:ROW_GROUP])
            self._held = [held[ROW_GROUP:]]

    def _write(self, vectors: Vectors) -> None:
        indexes = range(self._written, self._written + len(vectors))
        self._writer.write_table(_table(self._document_id, self._space, indexes, vectors))
        self._written += len(vectors)

    def __enter__(self) -> "VectorsFile":
        """The file is open from the beginning."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write what is held, unless an error ends it, and the footer."""
        if kind is None and any(map(len, self._held)):
            self._write(np.concatenate(self._held))
        self._writer.close()


def read_vectors(path: Path, block: int = ROW_GROUP) -> Iterator[tuple[list[UUID], Vectors]]:
    """Ids and vectors of an `embeddings.parquet`, in order, at most `block` rows at a time.

    Raises InvalidInputError if it is not such a file, or its version is unknown.
    """
    try:
        file = pq.ParquetFile(path, pre_buffer=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise InvalidInputError(
            f"{NAME} is not a readable Parquet file; embed the document again."
        ) from error
    with file:
        check_schema(file.schema_arrow)
        for batch in file.iter_batches(
            batch_size=block, columns=["id", "vector"], use_threads=False
        ):
            if batch["id"].null_count:
                raise InvalidInputError(f"{NAME} has rows without an id.")
            yield [UUID(text) for text in batch["id"].to_pylist()], _vectors(batch["vector"])


def check_schema(schema: Any) -> None:
    """Raises InvalidInputError for a table of another version, or without vectors of one width."""
    version = (schema.metadata or {}).get(b"version", b"").decode(errors="replace")
    if version != VERSION:
        told = f"has version {version[:20]!r}" if version else "does not say its version"
        raise InvalidInputError(f"{NAME} {told}; only {VERSION!r} can be read.")
    missing = [name for name in ("id", "vector") if schema.get_field_index(name) < 0]
    if missing:
        raise InvalidInputError(f"{NAME} has not exactly one column {missing[0]!r}.")
    if not pa.types.is_string(schema.field("id").type):
        raise InvalidInputError(f"The column 'id' of {NAME} holds no texts.")
    kind = schema.field("vector").type
    if not (pa.types.is_fixed_size_list(kind) and pa.types.is_floating(kind.value_type)):
        raise InvalidInputError(
            f"The column 'vector' of {NAME} holds {str(kind)[:60]}, not lists of numbers that are "
            "all as long (a fixed-size list of float32)."
        )


def _schema(document_id: UUID, space: EmbeddingSpace) -> Any:
    return pa.schema(
        [
            pa.field("chunk_index", pa.int32(), nullable=False),
            pa.field("id", pa.string(), nullable=False),
            pa.field("vector", pa.list_(pa.float32(), space.dimensions), nullable=False),
        ],
        metadata={
            "version": VERSION,
            "document_id": str(document_id),
            "model": space.model,
            "dimensions": str(space.dimensions),
        },
    )


def _table(
    document_id: UUID, space: EmbeddingSpace, indexes: Sequence[int], vectors: Vectors
) -> Any:
    flat = pa.array(np.ascontiguousarray(vectors).reshape(-1))
    return pa.table(
        [
            pa.array(indexes, type=pa.int32()),
            pa.array([str(chunk_id(document_id, index)) for index in indexes]),
            pa.FixedSizeListArray.from_arrays(flat, space.dimensions),
        ],
        schema=_schema(document_id, space),
    )


def _vectors(column: Any) -> Vectors:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    width = array.type.list_size
    flat: NDArray[np.float32] = array.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(-1, width)
