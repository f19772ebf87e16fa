"""Puts words to edges: reads both texts, lets the engine explain, takes a snippet."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

import numpy as np

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


class RememberedTexts:
    """Texts that are asked for once, as long as they are among the last `most` asked for."""

    def __init__(self, texts: Texts, most: int = 4_096) -> None:
        self._texts = texts
        self._most = most
        self._known: dict[UUID, ChunkText] = {}

    def __call__(self, chunk_ids: Sequence[UUID]) -> Mapping[UUID, ChunkText]:
        """As `Texts`."""
        missing = [one for one in chunk_ids if one not in self._known]
        fresh = self._texts(missing) if missing else {}
        found = {one: self._known.pop(one) for one in chunk_ids if one in self._known} | dict(fresh)
        self._known |= found
        for oldest in list(islice(self._known, max(len(self._known) - self._most, 0))):
            del self._known[oldest]
        return found


def described(
    ranked: Ranked, engines: Sequence[ConnectionEngine], texts: Texts
) -> Iterator[DescribedEdge]:
    """The edges in order; those of a chunk that is gone are left out."""
    by_type = {engine.type: engine for engine in engines}
    table = ranked.edges
    for start in range(0, len(table), SLICE):
        sources, targets = table.source[start : start + SLICE], table.target[start : start + SLICE]
        ends = np.unique(np.concatenate([sources, targets]))
        uuids = uuids_of(table.ids[ends])
        known = texts(uuids)
        found = dict(zip(ends.tolist(), map(known.get, uuids), strict=True))
        pairs = zip(sources.tolist(), targets.tolist(), strict=True)
        for row, (source, target) in enumerate(pairs, start):
            one, two = found[source], found[target]
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
