"""A page as the assembly sees it: lines and tables in reading order; its form in parts."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

PLAIN_PITCH = 12.0
"""Distance of lines in points that is assumed where positions are unknown."""


class Reading(StrEnum):
    """How a page could be read."""

    LAYOUT = "layout"
    PLAIN = "plain"
    """Only its characters: the layout analysis failed on it."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text. Position and size are in points from the page's top left.

    `advance` is the width of a character where the whole line is monospaced, else 0.
    `heading` is the level (1–6) that layout analysis suggests, else 0.
    """

    text: str
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0
    size: float = 0.0
    bold: bool = False
    advance: float = 0.0
    heading: int = 0

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height


@dataclass(frozen=True, slots=True)
class Heading:
    """What a line is known to be: part of the heading that begins at index `first` of the page."""

    level: int
    first: int


@dataclass(frozen=True, slots=True)
class Table:
    """A table's cells; every row has as many cells as the first one."""

    rows: Sequence[Sequence[str]]
    y: float = 0.0
    height: float = 0.0

    @property
    def bottom(self) -> float:
        return self.y + self.height


@dataclass(frozen=True, slots=True)
class Page:
    """A page: `number` from 1, size in points, what is on it in reading order."""

    number: int
    width: float
    height: float
    content: Sequence[Line | Table]
    reading: Reading = Reading.LAYOUT

    @property
    def lines(self) -> Iterator[Line]:
        return (item for item in self.content if isinstance(item, Line))


def encode_page(page: Page) -> dict[str, Any]:
    """As JSON: a line is an array, a table an object."""
    return {
        "page": page.number,
        "width": page.width,
        "height": page.height,
        "reading": page.reading.value,
        "content": [_encode(item) for item in page.content],
    }


def _encode(item: Line | Table) -> Any:
    if isinstance(item, Table):
        return {"rows": item.rows, "y": item.y, "height": item.height}
    return [
        item.text,
        item.x,
        item.y,
        item.width,
        item.height,
        item.size,
        int(item.bold),
        round(item.advance, 3),
        item.heading,
    ]


def decode_page(value: Any) -> Page:
    """The inverse of `encode_page`."""
    return Page(
        number=value["page"],
        width=value["width"],
        height=value["height"],
        reading=Reading(value["reading"]),
        content=[_decode(item) for item in value["content"]],
    )


def _decode(item: Any) -> Line | Table:
    if isinstance(item, dict):
        return Table(rows=item["rows"], y=item["y"], height=item["height"])
    text, x, y, width, height, size, bold, advance, heading = item
    return Line(text, x, y, width, height, size, bool(bold), advance, heading)


def encode_part(pages: Sequence[Page]) -> bytes:
    """A unit's part: UTF-8 JSON `{"pages": […]}`."""
    value = {"pages": [encode_page(page) for page in pages]}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def decode_part(part: bytes) -> list[Page]:
    """The pages of a unit's part."""
    return [decode_page(value) for value in json.loads(part)["pages"]]
