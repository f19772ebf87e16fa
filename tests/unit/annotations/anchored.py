"""A document in memory: its text cut into chunks, annotations on it, and what became of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from rhizome_pipelines.annotations import (
    Anchor,
    AnchorStore,
    ChunkText,
    ReanchorReport,
    reanchor_document,
)

DOCUMENT = UUID(int=1)


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def sliced(text: str, anchor: Anchor) -> str:
    """As a client in JavaScript slices."""
    return text.encode("utf-16-le")[anchor.start * 2 : anchor.end * 2].decode("utf-16-le")


def chunks_of(text: str, size: int = 400) -> list[ChunkText]:
    """Cut every `size` characters, blanks between the chunks left out."""
    chunks = []
    for index, begin in enumerate(range(0, len(text), size)):
        piece = text[begin : begin + size]
        start = units(text[:begin]) + units(piece) - units(piece.lstrip())
        content = piece.strip()
        chunks.append(
            ChunkText(uuid5(DOCUMENT, str(index)), index, start, start + units(content), content)
        )
    return chunks


def marked(text: str, begin: int, end: int, context: int = 50) -> Anchor:
    """The annotation of `text[begin:end]`, as a client makes it."""
    start = units(text[:begin])
    return Anchor(
        start,
        start + units(text[begin:end]),
        text[begin:end],
        text[max(0, begin - context) : begin],
        text[end : end + context],
    )


@dataclass
class Shelf(AnchorStore):
    """The annotations of one document."""

    kept: dict[UUID, Anchor | None] = field(default_factory=dict)
    writes: int = 0

    def anchors(self, document_id: UUID) -> Mapping[UUID, Anchor | None]:
        return dict(self.kept)

    def move(self, document_id: UUID, moved: Mapping[UUID, Anchor]) -> None:
        self.writes += len(moved)
        self.kept.update(moved)

    def change(self, old: str | None, new: str) -> ReanchorReport:
        """The text becomes another; an `old` of None is not known any more."""
        before = chunks_of(old) if old is not None else []
        return reanchor_document(
            self, DOCUMENT, self.anchors(DOCUMENT), before, lambda: new, chunks_of(new)
        )


def after_change(anchor: Anchor, old: str | None, new: str) -> Anchor:
    """One annotation through one change."""
    shelf = Shelf({UUID(int=2): anchor})
    shelf.change(old, new)
    (moved,) = shelf.kept.values()
    assert moved is not None
    return moved
