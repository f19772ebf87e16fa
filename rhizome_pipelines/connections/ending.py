"""The end of finding connections: the rows are replaced, and the file says what is stored then.

The file is read from the rows. A chunk of another document that has its strongest connections
already keeps none of a weaker one that was found here; a person may have drawn or judged some.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from rhizome_pipelines.connections.describing import (
    SLICE,
    DescribedEdge,
    RememberedTexts,
    Texts,
    described,
)
from rhizome_pipelines.connections.edge_table import Limits
from rhizome_pipelines.connections.edges_file import write_edges
from rhizome_pipelines.connections.engine import ConnectionEngine
from rhizome_pipelines.connections.judging import shares
from rhizome_pipelines.connections.ports import Edge, EdgeSink
from rhizome_pipelines.connections.ranking import Ranked
from rhizome_pipelines.connections.statistics import ConnectionStatistics
from rhizome_pipelines.stages.stage import Pulse

_TOLD_EVERY = 1_000
_WORDS = ("explanation", "target_document_title", "target_snippet")

Item = TypeVar("Item")


@dataclass(frozen=True)
class Ending:
    """What is written of one document's connections, and where. `texts` reads the user's chunks."""

    user_id: UUID
    document_id: UUID
    sink: EdgeSink
    engines: Sequence[ConnectionEngine]
    limits: Limits
    texts: Texts

    def replace_rows(
        self,
        found: Ranked,
        compared: Sequence[UUID],
        only: Collection[UUID] | None,
        pulse: Pulse,
    ) -> None:
        """Put words to what was found, and make it the document's connections."""
        texts = RememberedTexts(self.texts)
        describe, change = shares(pulse, 2)
        edges = (one.edge for one in described(found.nearby(), self.engines, texts))
        passing = _told(edges, len(found.edges), "described", describe)
        self.sink.replace(
            self.user_id,
            self.document_id,
            self.limits,
            compared,
            passing,
            only=only,
            pulse=change,
        )

    def write_file(self, path: Path, model: str, pulse: Pulse) -> ConnectionStatistics:
        """Write all connections that are stored of the document; what was counted on the way."""
        pulse(0.0, "looking at what is stored")
        count = self.sink.count(self.user_id, self.document_id)
        stored = with_texts(
            self.sink.edges(self.user_id, self.document_id), RememberedTexts(self.texts)
        )
        statistics = ConnectionStatistics(self.document_id, list(self.limits))
        passing = statistics.passing(_told(stored, count, "written to the file", pulse))
        write_edges(path, self.document_id, model, (one.edge for one in passing))
        return statistics


def with_texts(edges: Iterable[Edge], texts: Texts) -> Iterator[DescribedEdge]:
    """Stored edges with the chunks that they connect; those of a chunk that is gone are left out.

    What another program has stored may lack words: those are empty then.
    """
    stream = iter(edges)
    while part := list(islice(stream, SLICE)):
        found = texts(sorted({end for edge in part for end in (edge.source, edge.target)}))
        for edge in part:
            source, target = found.get(edge.source), found.get(edge.target)
            if source is not None and target is not None:
                yield DescribedEdge(_complete(edge), source, target)


def _complete(edge: Edge) -> Edge:
    stored = edge.metadata
    words: Mapping[str, Any] = {
        name: stored[name] if isinstance(stored.get(name), str) else "" for name in _WORDS
    }
    score = stored.get("score")
    if not isinstance(score, int | float) or isinstance(score, bool):
        score = edge.strength
    return replace(edge, metadata={**stored, **words, "score": float(score)})


def _told(items: Iterable[Item], total: int, what: str, pulse: Pulse) -> Iterator[Item]:
    for done, item in enumerate(items):
        if done % _TOLD_EVERY == 0:
            pulse(min(done / max(total, 1), 1.0), f"{done:,} of {total:,} connections {what}")
        yield item
