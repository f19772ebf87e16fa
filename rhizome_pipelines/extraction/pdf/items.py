"""Pieces of text as the reading process tells of them, and the rows they stand in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """A piece of text with one position and font; points from the page's top left."""

    text: str
    x: float
    y: float
    width: float
    height: float
    font: str
    size: float
    rotation: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height


def rows_of(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Items side by side, from left to right; the rows from top to bottom."""
    row: list[Item] = []
    for item in sorted(items, key=lambda item: (item.y + item.height / 2, item.x)):
        if row and not _same_row(row[0], item):
            yield sorted(row, key=lambda item: item.x)
            row = []
        row.append(item)
    if row:
        yield sorted(row, key=lambda item: item.x)


def _same_row(first: Item, other: Item) -> bool:
    overlap = min(first.bottom, other.bottom) - max(first.y, other.y)
    return overlap > 0.5 * min(first.height, other.height)
