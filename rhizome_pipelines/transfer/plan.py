"""What an import does with each document, and what it finds: told in a preview and afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.transfer.document_reader import FoundDocument
from rhizome_pipelines.transfer.inputs import ImportStrategy
from rhizome_pipelines.transfer.matching import Matching, Place

SHOWN = 20
"""Chunks without a partner that are told by their index."""
NO_CHUNKS = "It has no chunks in the archive, and stays as it is."


class Decision(StrEnum):
    """What becomes of a document."""

    ADD = "add"
    SKIP = "skip"
    REPLACE = "replace"
    MERGE = "merge"


@dataclass(frozen=True)
class Existing:
    """A document that is there. `own`: it is this user's; `places`: its chunks."""

    own: bool
    title: str
    chunk_count: int


class Library(Protocol):
    """What is there before an import."""

    def existing(self, document_ids: Sequence[UUID]) -> Mapping[UUID, Existing]:
        """Those that are there, whoever owns them."""

    def places(self, document_id: UUID) -> Sequence[Place]:
        """A document's current chunks."""


class PlannedDocument(BaseModel):
    """A document of the bundle, read and decided on. Counts are of chunks.

    `model` and `dimensions` are of vectors that can be used as they are; None if there are none.
    `unmatched`: the first of the archive's chunks that have no partner, where chunks are matched.
    `note`: why something else becomes of it than was asked for; empty if nothing else does.
    """

    model_config = ConfigDict(frozen=True)

    document_id: UUID
    title: str
    decision: Decision
    chunk_count: int
    chunks_sha256: str
    columns: tuple[str, ...]
    model: str | None = None
    dimensions: int = 0
    connections: int = 0
    annotations: int = 0
    added: int = 0
    changed: int = 0
    deleted: int = 0
    unmatched: tuple[int, ...] = ()
    note: str = ""

    @property
    def clears(self) -> bool:
        """Whether it takes the place of a document that is there, and brings no chunks."""
        return self.decision is Decision.REPLACE and not self.chunk_count

    @property
    def brings_rows(self) -> bool:
        """Whether its chunks become rows (and its files files)."""
        return self.decision in {Decision.ADD, Decision.REPLACE}


class Plan(BaseModel):
    """The whole import, before anything is changed."""

    model_config = ConfigDict(frozen=True)

    documents: tuple[PlannedDocument, ...]


def decide(found: FoundDocument, existing: Existing | None, strategy: ImportStrategy) -> Decision:
    """What becomes of a document.

    Raises InvalidInputError for another user's, and for one that cannot be made of what is there.
    """
    document_id = found.document_id
    if existing is None:
        if not found.complete:
            raise InvalidInputError(
                f"There is no document {document_id} of this user, and a chunks.json alone does "
                "not make one: import an archive, or add the document first."
            )
        return Decision.ADD
    if not existing.own:
        raise InvalidInputError(
            f"The id of document {document_id} is taken by another user's document."
        )
    if not found.chunk_count:
        return _without_chunks(found, existing, strategy)
    if existing.chunk_count == 0:
        return Decision.REPLACE  # there is nothing to keep
    match strategy:
        case ImportStrategy.SKIP:
            return Decision.SKIP
        case ImportStrategy.REPLACE:
            return Decision.REPLACE
        case ImportStrategy.MERGE_SMART:
            return Decision.MERGE


def _without_chunks(found: FoundDocument, existing: Existing, strategy: ImportStrategy) -> Decision:
    """Of a document that brings no chunks: it never takes away those that are here."""
    if existing.chunk_count == 0:
        replaced = strategy is ImportStrategy.REPLACE
        return Decision.REPLACE if replaced else Decision.SKIP
    if strategy is not ImportStrategy.SKIP and not found.complete:
        raise InvalidInputError(
            f"Document {found.document_id} has chunks here, but what is imported has none to take "
            "their place."
        )
    return Decision.SKIP


def still_sparing(plan: Plan, existing: Mapping[UUID, Existing]) -> Plan:
    """The plan, but that documents which bring no chunks spare those that have come meanwhile."""
    return Plan(
        documents=tuple(
            one.model_copy(update={"decision": Decision.SKIP, "note": NO_CHUNKS})
            if one.clears and one.document_id in existing and existing[one.document_id].chunk_count
            else one
            for one in plan.documents
        )
    )


def counted(planned: PlannedDocument, matching: Matching | None) -> PlannedDocument:
    """The plan with what would change, by how the archive's chunks match those that are there."""
    found = matching or Matching((), (), range(planned.chunk_count))
    changes: dict[str, object] = {}
    match planned.decision:
        case Decision.ADD | Decision.REPLACE:
            changes = {"added": len(found.only_here), "deleted": len(found.only_there)}
        case Decision.MERGE:
            changes = {"changed": len(found.pairs), "unmatched": tuple(found.only_here[:SHOWN])}
        case Decision.SKIP:
            pass
    return planned.model_copy(update=changes)
