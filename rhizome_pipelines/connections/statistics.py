"""What a document's connections are together: the stage's facts."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from rhizome_pipelines.connections.describing import DescribedEdge
from rhizome_pipelines.connections.explanation import snippet
from rhizome_pipelines.connections.ports import ConnectionType
from rhizome_pipelines.connections.weights import Weights

_BEST = 10
_DOCUMENTS = 20
_BINS = 20


class ConnectionStatistics:
    """Counts edges as they pass."""

    def __init__(self, document_id: UUID, types: Sequence[ConnectionType]) -> None:
        """`types` are those that were looked for: each is told, if only as none."""
        self._document_id = document_id
        self._types: Counter[str] = Counter({kind.value: 0 for kind in types})
        self._documents: Counter[UUID] = Counter()
        self._titles: dict[UUID, str] = {}
        self._bins = [0] * _BINS
        self._best: list[tuple[tuple[float, int, int, str], DescribedEdge]] = []
        self.outgoing = 0
        self.total = 0

    def passing(self, edges: Iterable[DescribedEdge]) -> Iterator[DescribedEdge]:
        """The same edges, counted."""
        for edge in edges:
            self._count(edge)
            yield edge

    def _count(self, found: DescribedEdge) -> None:
        edge = found.edge
        outgoing = found.source.document_id == self._document_id
        other = found.target if outgoing else found.source
        self.total += 1
        self.outgoing += outgoing
        self._types[edge.type.value] += 1
        self._documents[other.document_id] += 1
        self._titles[other.document_id] = other.document_title
        self._bins[min(int(edge.strength * _BINS), _BINS - 1)] += 1
        if outgoing:
            self._keep_best(found)

    def _keep_best(self, found: DescribedEdge) -> None:
        edge = found.edge
        entry = ((edge.metadata["score"], -edge.source.int, -edge.target.int, edge.type), found)
        if len(self._best) < _BEST:
            heapq.heappush(self._best, entry)
        elif entry[0] > self._best[0][0]:
            heapq.heapreplace(self._best, entry)

    def by_engine(self, weights: Weights, told: Mapping[str, int]) -> list[dict[str, Any]]:
        """What each engine has found, and how it went with those who judge.

        `told`: their numbers, named `{engine}.{name}`.
        """
        return [
            {
                "engine": kind,
                "connections": count,
                "weight": weights.share(ConnectionType(kind)),
                **{
                    name.partition(".")[2]: number
                    for name, number in sorted(told.items())
                    if name.startswith(f"{kind}.")
                },
            }
            for kind, count in self._types.items()
        ]

    def facts(self) -> dict[str, Any]:
        """The numbers, as JSON values; bins of `strengths` are [from, count], 0.05 wide."""
        documents = sorted(self._documents.items(), key=lambda item: (-item[1], item[0]))
        return {
            "connections": self.total,
            "outgoing": self.outgoing,
            "incoming": self.total - self.outgoing,
            "by_type": dict(sorted(self._types.items())),
            "by_document": [
                {"document_id": str(document), "title": self._titles[document], "count": count}
                for document, count in documents[:_DOCUMENTS]
            ],
            "connected_documents": len(documents),
            "strengths": [
                [number / _BINS, count] for number, count in enumerate(self._bins) if count
            ],
            "best": [_example(found) for _, found in sorted(self._best, key=_falling)],
        }


def _falling(
    entry: tuple[tuple[float, int, int, str], DescribedEdge],
) -> tuple[float, int, int, str]:
    score, source, target, kind = entry[0]
    return -score, -source, -target, kind


def _example(found: DescribedEdge) -> dict[str, Any]:
    return {
        "type": found.edge.type.value,
        "strength": found.edge.strength,
        "score": found.edge.metadata["score"],
        "explanation": found.edge.metadata["explanation"],
        "source_chunk_index": found.source.chunk_index,
        "source_snippet": snippet(found.source.content),
        "target_document_title": found.target.document_title,
        "target_chunk_index": found.target.chunk_index,
        "target_snippet": found.edge.metadata["target_snippet"],
    }
