"""Some of a document's chunks, looked at alone; what is stored of the others stays as it is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from rhizome_pipelines.checkpoints.hashing import sha256
from rhizome_pipelines.connections.describing import SLICE, DescribedEdge, Texts
from rhizome_pipelines.connections.ports import Edge, VectorBlock


@dataclass(frozen=True)
class Selection:
    """The chunks' ids, at least one."""

    ids: frozenset[UUID]

    @property
    def digest(self) -> str:
        """SHA-256 of the ids (64 hex), whatever their order."""
        return sha256(b"".join(sorted(one.bytes for one in self.ids)))

    def of(self, blocks: Iterable[VectorBlock]) -> Iterator[VectorBlock]:
        """What the blocks have of these chunks, in their order."""
        for block in blocks:
            wanted = [place for place, one in enumerate(block.ids) if one in self.ids]
            if wanted:
                yield VectorBlock(
                    [block.ids[place] for place in wanted],
                    [block.document_ids[place] for place in wanted],
                    block.vectors[wanted],
                )


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
    words = {
        "explanation": "",
        "score": edge.strength,
        "target_document_title": "",
        "target_snippet": "",
    }
    return Edge(
        edge.source, edge.target, edge.type, edge.strength, {**words, **dict(edge.metadata)}
    )
