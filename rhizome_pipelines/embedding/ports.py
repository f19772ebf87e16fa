"""What the embedding stage asks of the outside: a place for a document's embedded chunks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
"""Shape (dimensions,), length 1 unless the text was empty."""


@dataclass(frozen=True)
class EmbeddingSpace:
    """Which model made the vectors. Vectors of two spaces are never compared."""

    model: str
    dimensions: int


@dataclass(frozen=True)
class EmbeddedChunk:
    """One chunk ready for its row: `record` is the chunk as in `chunks.json`."""

    id: UUID
    record: Mapping[str, Any]
    vector: Vector


class ChunkSink(Protocol):
    """Where the rows of `chunks` are kept."""

    def replace(
        self,
        document_id: UUID,
        space: EmbeddingSpace,
        digest: str,
        chunks: Iterable[EmbeddedChunk],
    ) -> int:
        """Replace all current chunks of the document in one transaction; their number.

        Rows whose id stays are updated in place, so that what hangs on them (judged
        connections, annotations) stays. `digest` identifies this set of vectors and is
        recorded with the model. Vectors narrower than the column are padded with zeros.
        Raises InvalidInputError if they are wider.
        """

    def digest(self, document_id: UUID, space: EmbeddingSpace) -> str | None:
        """The digest of the set that is stored whole, or None."""
