"""Annotations as re-anchoring sees them: what was marked, where it stands, how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from uuid import UUID

POSITION, CHUNK_REF = "Position", "ChunkRef"
"""The components of an annotation that say where it stands."""


class RecoveryMethod(StrEnum):
    """`components.recovery_method`: how an annotation's place was found."""

    EXACT = "exact"
    """The marked words, where they belong or where alone they stand."""
    CONTEXT = "context"
    """By the text before and behind."""
    CHUNK_BOUNDED = "chunk_bounded"
    """Similar words, within the chunks around the place."""
    TRIGRAM = "trigram"
    """Similar words, somewhere in the text."""
    LOST = "lost"
    """Not found: the annotation stays as it was."""


AUTOMATIC = 0.85
"""The least confidence with which a place is taken without a person's review."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """The columns `recovery_method`, `recovery_confidence` (0–1) and `needs_review`."""

    method: RecoveryMethod | None = None
    confidence: float | None = None
    needs_review: bool = False


@dataclass(frozen=True, slots=True)
class ChunkText:
    """A current chunk; offsets in UTF-16 code units of its document's text."""

    id: UUID
    index: int
    start: int | None
    end: int | None
    content: str


@dataclass(frozen=True, slots=True)
class Pointer:
    """The chunks that an annotation lies in, and the index of the first."""

    chunk_ids: tuple[UUID, ...] = ()
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where an annotation stands; `start` and `end` in UTF-16 code units.

    `quote` is the text that was marked, `before` and `after` what stood around it.
    """

    start: int
    end: int
    quote: str
    before: str = ""
    after: str = ""
    pointer: Pointer = Pointer()
    recovery: Recovery = Recovery()


@dataclass(frozen=True)
class ReanchorReport:
    """What became of a document's annotations, by entity.

    `placed` counts all of them by the method by which they stand now (those that were never
    moved as `exact`); `unreadable` have no text or no place that could be looked for.
    """

    placed: Mapping[RecoveryMethod, int] = field(default_factory=dict)
    changed: Sequence[UUID] = ()
    needs_review: Sequence[UUID] = ()
    lost: Sequence[UUID] = ()
    unreadable: Sequence[UUID] = ()


class AnchorStore(Protocol):
    """Where annotations are kept."""

    def anchors(self, document_id: UUID) -> Mapping[UUID, Anchor | None]:
        """Those of a document by entity; None for one that cannot be read."""

    def move(self, document_id: UUID, moved: Mapping[UUID, Anchor]) -> None:
        """Write where they stand now. What a person wrote (quote, note, tags) stays."""
