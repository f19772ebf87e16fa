"""Puts words to edges: reads both texts, lets the engine explain, takes a snippet."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from rhizome_pipelines.connections.edge_table import TYPES, EdgeTable, uuids_of
from rhizome_pipelines.connections.engine import ConnectionEngine
from rhizome_pipelines.connections.explanation import snippet
from rhizome_pipelines.connections.ports import ChunkText, ConnectionType, Edge

SLICE = 2_000
"""Edges whose texts are in memory at once."""

Texts = Callable[[Sequence[UUID]], Mapping[UUID, ChunkText]]


@dataclass(frozen=True)
class DescribedEdge:
    """An edge with the two chunks that it connects."""

    edge: Edge
    source: ChunkText
    target: ChunkText


def described(
    table: EdgeTable, engines: Sequence[ConnectionEngine], texts: Texts
) -> Iterator[DescribedEdge]:
    """The table's edges in order; those of a chunk that is gone are left out."""
    by_type = {engine.type: engine for engine in engines}
    for start in range(0, len(table), SLICE):
        rows = slice(start, start + SLICE)
        sources = uuids_of(table.ids[table.source[rows]])
        targets = uuids_of(table.ids[table.target[rows]])
        found = texts(sorted({*sources, *targets}))
        strengths = table.strength[rows].tolist()
        types = [TYPES[number] for number in table.type[rows].tolist()]
        for source, target, kind, strength in zip(sources, targets, types, strengths, strict=True):
            one, two = found.get(source), found.get(target)
            if one is not None and two is not None:
                yield _described(one, two, kind, strength, by_type[kind])


def _described(
    source: ChunkText,
    target: ChunkText,
    kind: ConnectionType,
    strength: float,
    engine: ConnectionEngine,
) -> DescribedEdge:
    metadata = {
        "explanation": engine.explain(source, target, strength),
        "target_document_title": target.document_title,
        "target_snippet": snippet(target.content),
    }
    return DescribedEdge(Edge(source.id, target.id, kind, strength, metadata), source, target)
