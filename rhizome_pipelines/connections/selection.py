"""Some of a document's chunks, looked at alone; what is stored of the others stays as it is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from rhizome_pipelines.checkpoints.hashing import sha256
from rhizome_pipelines.connections.ports import VectorBlock


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
