"""Puts words to edges: reads both texts, lets the engine explain, takes a snippet."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from rhizome_pipelines.connections.edge_table import NO_NOTE, TYPES, uuids_of
from rhizome_pipelines.connections.engine import ConnectionEngine
from rhizome_pipelines.connections.explanation import snippet
from rhizome_pipelines.connections.ports import ChunkText, Edge
from rhizome_pipelines.connections.ranking import Ranked

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
    ranked: Ranked, engines: Sequence[ConnectionEngine], texts: Texts
) -> Iterator[DescribedEdge]:
    """The edges in order; those of a chunk that is gone are left out."""
    by_type = {engine.type: engine for engine in engines}
    table = ranked.edges
    for start in range(0, len(table), SLICE):
        rows = slice(start, start + SLICE)
        sources = uuids_of(table.ids[table.source[rows]])
        targets = uuids_of(table.ids[table.target[rows]])
        found = texts(sorted({*sources, *targets}))
        for row, (source, target) in enumerate(zip(sources, targets, strict=True), start):
            one, two = found.get(source), found.get(target)
            if one is not None and two is not None:
                engine = by_type[TYPES[table.type[row]]]
                yield _described(one, two, ranked, row, engine)


def _described(
    source: ChunkText, target: ChunkText, ranked: Ranked, row: int, engine: ConnectionEngine
) -> DescribedEdge:
    place = int(ranked.edges.note[row])
    strength = float(ranked.edges.strength[row])
    metadata = {
        **(
            {"explanation": engine.explain(source, target, strength)}
            if place == NO_NOTE
            else json.loads(ranked.edges.notes[place])
        ),
        **ranked.reasons(row),
        "target_document_title": target.document_title,
        "target_snippet": snippet(target.content),
    }
    edge = Edge(source.id, target.id, engine.type, strength, metadata)
    return DescribedEdge(edge, source, target)
