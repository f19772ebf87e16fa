"""What an import asks of the outside: a place for rows, a model, somebody who finds connections."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from rhizome_pipelines.transfer.incoming import (
    AnnotationRecord,
    ConnectionRecord,
    DocumentRecord,
)
from rhizome_pipelines.transfer.matching import Place
from rhizome_pipelines.transfer.plan import Decision
from rhizome_pipelines.transfer.ports import Record, Space, Vectors


class Embedder(Protocol):
    """The embedding model in use."""

    @property
    def model(self) -> str:
        """Its name, as vectors record it."""

    @property
    def version(self) -> str:
        """Of its weights or its endpoint."""

    @property
    def batch_size(self) -> int:
        """Chunks that are embedded at once."""

    def embed(self, records: Sequence[Record]) -> Vectors:
        """A vector for each chunk. Raises TransientError when an endpoint does not answer."""


@dataclass(frozen=True)
class IncomingDocument:
    """A document on its way into the database. All streams can be opened again.

    `row`: what the archive tells of its row, None to leave that as it is. `columns`: those of the
    chunks that any of them fills. `merged` answers places that are there with pairs of (index
    there, record), and is used for MERGE alone.
    """

    document_id: UUID
    decision: Decision
    title: str
    row: DocumentRecord | None
    columns: Sequence[str]
    space: Space | None
    chunks: Callable[[], Iterator[tuple[Record, Any]]]
    """Records with their vectors (None without a space)."""
    digest: str | None
    """Of the set of vectors."""
    connections: Callable[[], Iterator[ConnectionRecord]]
    annotations: Callable[[], Iterator[AnnotationRecord]]
    text: Callable[[], str] | None
    """Reads `content.md`, where there is one."""
    merged: Callable[[Sequence[Place]], Iterator[tuple[int, Record]]]


class AppliedDocument(BaseModel):
    """What has become of a document. Connections are `carried` if a person had judged them.

    `lost`: connections whose chunks have no counterpart now, `judged_lost` those of them that a
    person had judged. `reanchored`: annotations that were
    there before, `to_review` and `annotations_lost` among them.
    """

    model_config = ConfigDict(frozen=True)

    document_id: UUID
    title: str = ""
    chunks: int = 0
    connections: int = 0
    carried: int = 0
    lost: int = 0
    judged_lost: tuple[dict[str, Any], ...] = ()
    annotations: int = 0
    reanchored: int = 0
    to_review: int = 0
    annotations_lost: int = 0


class ImportSink(Protocol):
    """Where imported rows are kept."""

    def digests(self, document_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        """The sets of vectors that are stored whole, of the user's own documents."""

    def apply(self, documents: Iterable[IncomingDocument]) -> Sequence[AppliedDocument]:
        """All of it in one transaction: everything or nothing. Done again, it is the same."""


RequestDetection = Callable[[Sequence[UUID]], Mapping[UUID, UUID]]
"""Asks for connections of documents to be looked for; the jobs' ids. Done again, it is the same."""
