"""What transfer asks of the outside: rows of documents, and the files that other stages write."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

Record = Mapping[str, Any]
"""A JSON object, such as one chunk of `chunks.json`."""

Vectors = NDArray[np.float32]
"""Shape (chunks, dimensions)."""


@dataclass(frozen=True)
class Space:
    """Which model made vectors, and how wide they are."""

    model: str
    dimensions: int


class DocumentFormats(Protocol):
    """The files that stages of documents write, as those stages read and write them."""

    def read_chunks(self, path: Path) -> Iterator[Record]:
        """The records of a `chunks.json`. Raises InvalidInputError at what is wrong."""

    def document_of(self, path: Path) -> object:
        """What a `chunks.json` names as its document. Raises InvalidInputError for bad JSON."""

    def write_chunks(
        self, path: Path, document_id: UUID, created_at: datetime, records: Iterable[Record]
    ) -> None:
        """Write a `chunks.json`."""

    def space(self, path: Path, rows: int) -> Space:
        """Of an `embeddings.parquet` that should have `rows` rows. Raises InvalidInputError."""

    def read_vectors(self, path: Path) -> Iterator[Vectors]:
        """Its vectors in blocks, in the order of the chunks."""

    def write_vectors(
        self, path: Path, document_id: UUID, space: Space, blocks: Iterable[Vectors]
    ) -> None:
        """Write an `embeddings.parquet`."""


class DocumentRows(Protocol):
    """All that the database knows of one document, as it was at one moment."""

    @property
    def document(self) -> Record:
        """The document's row as JSON."""

    @property
    def chunk_count(self) -> int:
        """Current chunks."""

    @property
    def space(self) -> Space | None:
        """Of the vectors, if every current chunk has one and all are of the same model."""

    def chunks(self) -> Iterator[Record]:
        """Records as in `chunks.json`, by index."""

    def vectors(self) -> Iterator[Vectors]:
        """The vectors in blocks, by index, without padding."""

    def connections(self, beside: Collection[UUID]) -> Iterator[Record]:
        """Connections from the document, and those to it from documents that are not `beside` it.

        So each is told once when all of `beside` are exported together.
        """

    def annotations(self) -> Iterator[Record]:
        """What people have written at the document's text."""


class ExportRows(Protocol):
    """The rows of one user's documents."""

    def titles(self, document_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        """Titles of those that are the user's; the others are left out."""

    def open(self, document_id: UUID) -> AbstractContextManager[DocumentRows]:
        """A document's rows. Raises InvalidInputError if it is gone."""


Told = Callable[[int], None]
"""Told that so many more bytes are done."""
