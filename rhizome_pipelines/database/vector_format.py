"""pgvector's binary format, as its `vector_send` and `vector_recv` have it.

int16 dimensions, int16 unused (0), then float32 for each dimension, all big-endian.
https://github.com/pgvector/pgvector/blob/master/src/vector.c
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from psycopg.adapt import Dumper
from psycopg.pq import Format

from rhizome_pipelines.database.connection import Connection
from rhizome_pipelines.lifecycle.errors import InvalidInputError


class EncodedVector(bytes):
    """A vector in pgvector's binary format."""

    __slots__ = ()


def encode_vector(vector: NDArray[np.float32], width: int) -> EncodedVector:
    """Encode a vector of shape (n,), n ≤ width, padded with zeros to `width`."""
    record = np.zeros(1, dtype=_record(width))
    record["width"] = width
    record["values"][0, : vector.shape[0]] = vector
    return EncodedVector(record.tobytes())


def decode_vectors(rows: Sequence[bytes], dimensions: int) -> NDArray[np.float32]:
    """Shape (len(rows), dimensions): vectors of one width, with the padding cut off."""
    if not rows:
        return np.zeros((0, dimensions), dtype=np.float32)
    width = (len(rows[0]) - 4) // 4
    records = np.frombuffer(b"".join(rows), dtype=_record(width))
    return records["values"][:, :dimensions].astype(np.float32)


def _record(width: int) -> np.dtype[np.void]:
    return np.dtype([("width", ">i2"), ("unused", ">i2"), ("values", ">f4", (width,))])


def column_width(connection: Connection, dimensions: int) -> int:
    """Width of the column `chunks.embedding`, as the catalogue has it.

    A column of no fixed width takes vectors as they are. Raises InvalidInputError if vectors of
    `dimensions` are too wide for it.
    """
    row = connection.execute(
        "select atttypmod from pg_attribute "
        "where attrelid = 'chunks'::regclass and attname = 'embedding'"
    ).fetchone()
    width = -1 if row is None else int(row[0])
    if width < 0:
        return dimensions
    if dimensions > width:
        raise InvalidInputError(
            f"The embedding model makes vectors of {dimensions} dimensions, but the column "
            f"chunks.embedding holds only {width}. Choose a model of at most {width} dimensions."
        )
    return width


def register_vectors(connection: Connection) -> int:
    """Let the connection send EncodedVectors; the oid of the column's type."""
    row = connection.execute(
        "select atttypid::int8 from pg_attribute "
        "where attrelid = 'chunks'::regclass and attname = 'embedding'"
    ).fetchone()
    vector_oid = 0 if row is None else int(row[0])

    class VectorDumper(Dumper):
        format = Format.BINARY
        oid = vector_oid

        def dump(self, obj: EncodedVector) -> bytes:
            return obj

    connection.adapters.register_dumper(EncodedVector, VectorDumper)
    return vector_oid
