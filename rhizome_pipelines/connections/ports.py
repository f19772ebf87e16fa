"""What finding connections asks of the outside: the user's corpus, and a place for the edges."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from rhizome_pipelines.stages.stage import Pulse, silent


class ConnectionType(StrEnum):
    """`connections.connection_type`."""

    SEMANTIC_SIMILARITY = "semantic_similarity"
    CONTRADICTION_DETECTION = "contradiction_detection"
    THEMATIC_BRIDGE = "thematic_bridge"


@dataclass(frozen=True)
class CorpusDocument:
    """A document of the user whose chunks are embedded. `digest` identifies its set of vectors."""

    id: UUID
    title: str
    chunk_count: int
    digest: str


@dataclass(frozen=True)
class VectorBlock:
    """Consecutive current chunks, in the order (document_id, chunk_index).

    `vectors`: float32, shape (len(ids), dimensions of the model, padding cut off), rows of
    length 1.
    """

    ids: Sequence[UUID]
    document_ids: Sequence[UUID]
    vectors: NDArray[np.float32]


@dataclass(frozen=True)
class ChunkText:
    """What is shown of a chunk."""

    id: UUID
    document_id: UUID
    document_title: str
    chunk_index: int
    content: str
    heading_path: Sequence[str]


@dataclass(frozen=True)
class ChunkTraits:
    """What metadata say of a chunk; empty, 0 or False where they say nothing.

    `concepts` are phrases as they are stored; `polarity` is −1…1, `importance` and `confidence`
    (in the domain) 0–1. `key`: the
    chunk is one of the 50 most important of its document, the earlier one winning a tie.
    """

    concepts: Sequence[str] = ()
    polarity: float = 0.0
    importance: float = 0.0
    domain: str = ""
    key: bool = False
    confidence: float = 1.0


@dataclass(frozen=True)
class Edge:
    """A connection from one chunk to another. `strength` is 0–1."""

    source: UUID
    target: UUID
    type: ConnectionType
    strength: float
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Judgement:
    """What a person thinks of a stored connection; `validated` False is a rejection."""

    connection: UUID
    validated: bool | None
    starred: bool


@dataclass(frozen=True)
class JudgedConnection:
    """A connection that a person has judged or drawn, with all that is needed to restore it.

    `record` is its row as JSON values, with the documents and indexes of both chunks.
    """

    judgement: Judgement
    auto_detected: bool
    record: Mapping[str, Any]


@dataclass(frozen=True)
class StoredConnections:
    """What is stored of a document: the ids of each type, sorted; when the newest was found."""

    ids: Mapping[ConnectionType, Sequence[UUID]]
    newest: datetime | None


@dataclass(frozen=True)
class EdgeCounts:
    """What a replacement did: rows added, updated in place, removed, and left alone as judged."""

    added: int
    updated: int
    removed: int
    judged: int


class Corpus(Protocol):
    """The embedded, current chunks of one user in one embedding space; nobody else's."""

    def documents(self, user_id: UUID, model: str) -> Sequence[CorpusDocument]:
        """All embedded documents of the user in that model's space, sorted by id."""

    def vectors(
        self, user_id: UUID, model: str, document_ids: Sequence[UUID], block: int
    ) -> Iterator[VectorBlock]:
        """The vectors of these documents in blocks of at most `block` rows, streamed."""

    def texts(self, user_id: UUID, chunk_ids: Sequence[UUID]) -> Mapping[UUID, ChunkText]:
        """What is shown of these chunks; ids that are not the user's are left out."""

    def traits(self, user_id: UUID, chunk_ids: Sequence[UUID]) -> Mapping[UUID, ChunkTraits]:
        """What metadata say of these chunks; ids that are not the user's are left out."""


class EdgeSink(Protocol):
    """Where the rows of `connections` are kept."""

    def replace(
        self,
        user_id: UUID,
        document_id: UUID,
        limits: Mapping[ConnectionType, int],
        compared: Sequence[UUID],
        edges: Iterable[Edge],
        discard: Sequence[Judgement] = (),
        *,
        only: Collection[UUID] | None = None,
        pulse: Pulse = silent,
    ) -> EdgeCounts:
        """Make `edges` the document's connections of the types in `limits`, in one transaction.

        `edges` go from the document's chunks to others and from others to the document's.
        `compared` are the documents that it was compared with. Those that are stored, connect
        the document with one of them, are of these types and not in `edges` are removed, unless
        a person judged or starred them; those with other documents, which came meanwhile and
        found this one, are left alone. Stored ones are updated in place; of a judged or starred
        one nothing changes, and a rejected one does not come back the other way round.
        Afterwards each source chunk keeps the strongest of each type, as many as `limits` says
        (judged and starred always stay). `discard` are judgements that no longer count, if they
        are still the same; what a person drew by hand always stays. With `only`, some of the
        document's chunks, nothing changes of its others. `pulse` is told of the rows' changes, not
        of `edges`; nothing changes if it raises.
        Edges whose chunks are gone or are not the user's are passed over.
        """

    def edges(self, user_id: UUID, document_id: UUID) -> Iterator[Edge]:
        """All that is stored of the document: what starts at it or leads to it, each once.

        Whoever has made it, and whatever a person thinks of it. Sorted by source; of one source
        the best score first, then by target and type.
        """

    def count(self, user_id: UUID, document_id: UUID) -> int:
        """How many there are in `edges`."""


class ConnectionArchive(Protocol):
    """What is stored of a document's connections, in both directions, of one user alone."""

    def stored(
        self, user_id: UUID, document_id: UUID, types: Sequence[ConnectionType]
    ) -> StoredConnections:
        """All of these types."""

    def judged(
        self, user_id: UUID, document_id: UUID, types: Sequence[ConnectionType]
    ) -> Sequence[JudgedConnection]:
        """Those of these types that a person has judged, starred or drawn, sorted by id."""

    def embedded_since(self, user_id: UUID, moment: datetime) -> frozenset[UUID]:
        """The user's documents that were embedded after `moment`."""
