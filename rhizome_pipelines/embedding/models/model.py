"""What an embedding model is, and what all of them do alike."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rhizome_pipelines.embedding.ports import EmbeddingSpace

Vectors = NDArray[np.float32]
"""Shape (texts, dimensions); rows of length 1, of an empty text a row of zeros."""


class EmbeddingModel(Protocol):
    """Texts in, vectors out."""

    @property
    def name(self) -> str:
        """The model as it is recorded; vectors are compared with those of the same name only."""

    @property
    def version(self) -> str:
        """Changes whenever the same text would get another vector."""

    @property
    def space(self) -> EmbeddingSpace:
        """Name and dimensions. An endpoint whose dimensions are not set is asked for one vector."""

    @property
    def batch_size(self) -> int:
        """Texts that are well embedded together."""

    @property
    def connection_threshold(self) -> float | None:
        """Least cosine that means a connection, measured for this model; None if it was not."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row a text, in order.

        Raises TransientError if the model cannot be reached, PermanentError if it cannot be used.
        """


def unit_rows(rows: NDArray[np.float32]) -> Vectors:
    """Rows scaled to length 1; rows of zeros stay."""
    wide = rows.astype(np.float64)
    norms = np.sqrt((wide * wide).sum(axis=1, keepdims=True))
    return (wide / np.where(norms == 0.0, 1.0, norms)).astype(np.float32)
