"""The documents that a document is compared with, fixed once for the whole stage.

A document that comes later need not be added: it finds this one when its own turn comes. The
same holds for one that is embedded anew: its own connections follow.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from rhizome_pipelines.checkpoints.hashing import canonical_json, sha256
from rhizome_pipelines.connections.ports import CorpusDocument

_VERSION = "1.0"


@dataclass(frozen=True)
class PinnedDocument:
    """A document and the digest of the vectors that it had."""

    id: UUID
    digest: str
    chunk_count: int


@dataclass(frozen=True)
class PinnedCorpus:
    """Documents sorted by id."""

    documents: tuple[PinnedDocument, ...]

    @classmethod
    def of(cls, documents: Sequence[CorpusDocument]) -> "PinnedCorpus":
        """Fix these documents."""
        pinned = (PinnedDocument(d.id, d.digest, d.chunk_count) for d in documents)
        return cls(tuple(sorted(pinned, key=lambda document: document.id)))

    @cached_property
    def digest(self) -> str:
        """64 hex digits; the same for the same documents with the same vectors."""
        return sha256(self.encode())

    @property
    def ids(self) -> list[UUID]:
        """Of the documents, in order."""
        return [document.id for document in self.documents]

    @property
    def chunk_count(self) -> int:
        """Chunks of all documents."""
        return sum(document.chunk_count for document in self.documents)

    def still_in(self, documents: Sequence[CorpusDocument]) -> "PinnedCorpus":
        """Those that are there with the vectors that were pinned."""
        there = {(document.id, document.digest) for document in documents}
        return PinnedCorpus(tuple(d for d in self.documents if (d.id, d.digest) in there))

    def encode(self) -> bytes:
        """As the stage's first part."""
        documents = [[str(d.id), d.digest, d.chunk_count] for d in self.documents]
        return canonical_json({"version": _VERSION, "documents": documents})

    @classmethod
    def decode(cls, data: bytes) -> "PinnedCorpus":
        """Read a part, which the store has verified."""
        documents = json.loads(data)["documents"]
        return cls(tuple(PinnedDocument(UUID(i), digest, n) for i, digest, n in documents))
