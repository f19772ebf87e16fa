"""A user's corpus and edges in memory: what the ports say, in the fewest lines."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from rhizome_pipelines.connections.ports import (
    ChunkText,
    ChunkTraits,
    ConnectionType,
    CorpusDocument,
    Edge,
    EdgeCounts,
    Judgement,
    VectorBlock,
)
from rhizome_pipelines.stages.stage import Pulse, silent

USER = UUID(int=1)


@dataclass(frozen=True)
class StoredDocument:
    id: UUID
    title: str
    texts: tuple[str, ...]
    vectors: NDArray[np.float32]
    traits: tuple[ChunkTraits, ...] = ()

    @property
    def ids(self) -> list[UUID]:
        return [uuid5(self.id, str(index)) for index in range(len(self.vectors))]

    @property
    def digest(self) -> str:
        return sha256(self.vectors.tobytes()).hexdigest()


@dataclass
class MemoryCorpus:
    stored: dict[UUID, StoredDocument] = field(default_factory=dict)
    streams: int = 0

    def add(self, document: StoredDocument) -> StoredDocument:
        self.stored[document.id] = document
        return document

    def documents(self, user_id: UUID, model: str) -> Sequence[CorpusDocument]:
        return [
            CorpusDocument(d.id, d.title, len(d.vectors), d.digest)
            for d in sorted(self.stored.values(), key=lambda d: d.id)
        ]

    def vectors(
        self, user_id: UUID, model: str, document_ids: Sequence[UUID], block: int
    ) -> Iterator[VectorBlock]:
        self.streams += 1
        rows = [
            (chunk, document.id, vector)
            for document in sorted(self.stored.values(), key=lambda d: d.id)
            if document.id in set(document_ids)
            for chunk, vector in zip(document.ids, document.vectors, strict=True)
        ]
        for start in range(0, len(rows), block):
            ids, documents, vectors = zip(*rows[start : start + block], strict=True)
            yield VectorBlock(ids, documents, np.array(vectors))

    def texts(self, user_id: UUID, chunk_ids: Sequence[UUID]) -> Mapping[UUID, ChunkText]:
        wanted = set(chunk_ids)
        return {
            chunk: ChunkText(chunk, document.id, document.title, index, text, ("Chapter",))
            for document in self.stored.values()
            for index, (chunk, text) in enumerate(zip(document.ids, document.texts, strict=True))
            if chunk in wanted
        }

    def traits(self, user_id: UUID, chunk_ids: Sequence[UUID]) -> Mapping[UUID, ChunkTraits]:
        wanted = set(chunk_ids)
        return {
            chunk: traits
            for document in self.stored.values()
            for chunk, traits in zip(document.ids, document.traits, strict=False)
            if chunk in wanted
        }


@dataclass
class MemoryEdges:
    """Keeps what `EdgeSink` asks for; nobody judges here."""

    corpus: MemoryCorpus
    stored: dict[tuple[UUID, UUID, ConnectionType], Edge] = field(default_factory=dict)

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
        own = set(self.corpus.stored[document_id].ids if only is None else only)
        others = {c for d in compared for c in self.corpus.stored[d].ids}
        kept = {
            k: e
            for k, e in self.stored.items()
            if not (own & {e.source, e.target} and others & {e.source, e.target})
        }
        kept |= {(edge.source, edge.target, edge.type): edge for edge in edges}
        by_chunk: dict[tuple[UUID, ConnectionType], list[Edge]] = {}
        for edge in kept.values():
            by_chunk.setdefault((edge.source, edge.type), []).append(edge)
        self.stored = {
            (edge.source, edge.target, edge.type): edge
            for (_, kind), group in by_chunk.items()
            for edge in sorted(group, key=lambda e: (-e.strength, e.target))[: limits[kind]]
        }
        return EdgeCounts(len(self.stored), 0, 0, 0)

    def edges(self, user_id: UUID, document_id: UUID) -> Iterator[Edge]:
        def place(edge: Edge) -> tuple[UUID, float, UUID, ConnectionType]:
            return edge.source, -edge.metadata.get("score", edge.strength), edge.target, edge.type

        own = set(self.corpus.stored[document_id].ids)
        touching = (edge for edge in self.stored.values() if own & {edge.source, edge.target})
        yield from sorted(touching, key=place)

    def count(self, user_id: UUID, document_id: UUID) -> int:
        own = set(self.corpus.stored[document_id].ids)
        return sum(bool(own & {edge.source, edge.target}) for edge in self.stored.values())
