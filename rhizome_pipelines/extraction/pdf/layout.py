"""From the text items and regions of a page to lines and tables in reading order.

The reading process gives items (a piece of text with one position and font) and the regions
that layout analysis found. The regions give the reading order, the tables and hints on
headings; what a paragraph, a list or code is, is decided later, from lines.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from rhizome_pipelines.extraction.pdf.characters import clean, letters
from rhizome_pipelines.extraction.pdf.columns import column_groups
from rhizome_pipelines.extraction.pdf.contents import (
    ELLIPSIS,
    is_contents,
    is_contents_line,
    is_contents_row,
)
from rhizome_pipelines.extraction.pdf.fonts import is_bold, monospaced_advance
from rhizome_pipelines.extraction.pdf.items import Item, rows_of
from rhizome_pipelines.extraction.pdf.page import PLAIN_PITCH, Line, Page, Reading, Table

MAX_COMPARISONS = 5_000_000
"""Items times regions; a page beyond it is read from top to bottom without regions."""
SECTION_NUMBER = re.compile(r"\d+(?:\.\d+)+")
MIN_FILLED = 0.6
"""Share of a table's cells that hold text."""
MAX_TORN = 0.15
"""Share of the text items in a table that may not be found in any one of its cells."""
MAX_SLANT = 15.0
"""Degrees; text turned further and outside of all regions is a watermark or a margin note."""


@dataclass(frozen=True, slots=True)
class Region:
    kind: str
    x: float
    y: float
    width: float
    height: float
    level: int
    rows: Sequence[Sequence[str]]

    def holds(self, item: Item) -> bool:
        """Whether the item's centre lies within (2 points of tolerance)."""
        x, y = item.x + item.width / 2, item.y + item.height / 2
        return (
            self.x - 2 <= x <= self.x + self.width + 2
            and self.y - 2 <= y <= self.y + self.height + 2
        )


def page_from_raw(raw: Mapping[str, Any]) -> Page:
    """The page that the reading process told of, in whichever way it could be read."""
    if "items" in raw:
        content, reading = tuple(_content(raw)), Reading.LAYOUT
    elif "text" in raw:
        content, reading = tuple(_plain_lines(raw["text"])), Reading.PLAIN
    else:
        content, reading = (), Reading.FAILED
    return Page(
        number=raw["page"],
        width=raw.get("width", 0.0),
        height=raw.get("height", 0.0),
        content=content,
        reading=reading,
    )


def _plain_lines(text: str) -> Iterator[Line]:
    for number, line in enumerate(text.splitlines()):
        cleaned = clean(line)
        if cleaned:
            y = number * PLAIN_PITCH
            yield Line(cleaned, y=y, height=PLAIN_PITCH * 0.8, size=PLAIN_PITCH * 0.8)


def _content(raw: Mapping[str, Any]) -> Iterator[Line | Table]:
    items = [item for item in (Item(*values) for values in raw["items"]) if item.text.strip()]
    if _is_contents_page(items):
        yield from (_contents_line(row) for row in rows_of(items))
        return
    regions = [
        region
        for region in (_region(block) for block in raw["blocks"])
        if region is not None and region.kind not in ("rule", "figure")
    ]
    if len(items) * len(regions) > MAX_COMPARISONS:
        regions = []
    if not regions:
        yield from _lines(items, 0)
        return
    for region, members in _assigned(items, regions):
        lines = list(_lines(members, region.level if region.kind == "heading" else 0))
        if region.kind == "table" and _is_table(region.rows, members, lines):
            yield Table(region.rows, y=region.y, height=region.height)
        else:
            yield from lines


def _is_contents_page(items: Sequence[Item]) -> bool:
    rows = list(rows_of(items))
    numbers = [int(row[-1].text) for row in rows if _is_contents(row) and row[-1].text.isdecimal()]
    roman = sum(1 for row in rows if _is_contents(row) and not row[-1].text.isdecimal())
    return is_contents(len(rows) - roman, numbers)


def _is_contents(row: Sequence[Item]) -> bool:
    if len(row) < 2:
        return False
    gap = row[-1].x - row[-2].x - row[-2].width
    return is_contents_row([item.text for item in row], gap, row[-1].size)


def _contents_line(row: Sequence[Item]) -> Line:
    if not _is_contents(row):
        return _line(row, 0)
    line = _line(row[:-1], 0)
    return replace(line, text=f"{line.text} {ELLIPSIS} {clean(row[-1].text)}", advance=0.0)


def _region(block: Mapping[str, Any]) -> Region | None:
    if block["box"] is None:
        return None
    rows = [block["header"], *block["rows"]] if block.get("header") else block.get("rows", ())
    cleaned = tuple(tuple(clean(cell) for cell in row) for row in rows)
    level = min(max(block["level"] or 1, 1), 6)
    x, y, width, height = block["box"]
    return Region(block["kind"], x, y, width, height, level, cleaned)


def _is_table(rows: Sequence[Sequence[str]], items: Sequence[Item], lines: Sequence[Line]) -> bool:
    """Layout analysis sees tables in code, lists and contents, and in prose below `3.2  Title`.

    A true one has a filled grid, and its columns do not cut through pieces of text.
    """
    cells = [letters(cell) for row in rows for cell in row]
    torn = sum(1 for item in items if not any(letters(item.text) in cell for cell in cells))
    if torn > MAX_TORN * len(items) or len(items) * len(cells) > MAX_COMPARISONS:
        return False
    unlike = sum(1 for line in lines if line.advance or is_contents_line(line.text))
    if unlike > 0.3 * len(lines):
        return False
    if rows and rows[0] and SECTION_NUMBER.fullmatch(rows[0][0]):
        return False
    if len(rows) < 2 or len(rows[0]) < 2 or any(len(row) != len(rows[0]) for row in rows):
        return False
    if sum(1 for row in rows for cell in row if cell) < MIN_FILLED * len(cells):
        return False
    return sum(1 for cell in rows[0] if cell) * 2 >= len(rows[0])


def _assigned(
    items: Sequence[Item], regions: Sequence[Region]
) -> Iterator[tuple[Region, list[Item]]]:
    members: list[list[Item]] = [[] for _ in regions]
    strays: list[Item] = []
    for item in items:
        holding = [index for index, region in enumerate(regions) if region.holds(item)]
        if holding:
            smallest = min(holding, key=lambda i: regions[i].width * regions[i].height)
            members[smallest].append(item)
        elif abs((item.rotation + 180) % 360 - 180) <= MAX_SLANT:
            strays.append(item)
    before: dict[int, list[Item]] = {}
    for item in strays:
        before.setdefault(_place(item, regions), []).append(item)
    for index, region in enumerate(regions):
        if index in before:
            yield _stray_region(before[index]), before[index]
        yield region, members[index]
    if len(regions) in before:
        yield _stray_region(before[len(regions)]), before[len(regions)]


def _place(item: Item, regions: Sequence[Region]) -> int:
    """Before which region an item outside of all regions is read."""
    above = [
        index
        for index, region in enumerate(regions)
        if region.x < item.x + item.width
        and item.x < region.x + region.width
        and -2 <= item.y - region.y - region.height <= item.height
    ]
    if above:
        return above[-1] + 1
    for index, region in enumerate(regions):
        beside = item.x > region.x + region.width or item.x + item.width < region.x
        if not beside and region.y >= item.bottom - 2:
            return index
    return len(regions)


def _stray_region(items: Sequence[Item]) -> Region:
    return Region("stray", items[0].x, items[0].y, 0.0, 0.0, 1, ())


def _lines(items: Sequence[Item], heading: int) -> Iterator[Line]:
    for group in column_groups(items):
        for row in rows_of(group):
            line = _line(row, heading)
            if line.text:
                yield line


def _line(row: Sequence[Item], heading: int) -> Line:
    advances = [monospaced_advance(i.font, i.text.rstrip(), i.width, i.size) for i in row]
    advance = advances[0] if all(advances) and advances[0] is not None else 0.0
    text = row[0].text
    for previous, item in pairwise(row):
        gap = item.x - previous.x - previous.width
        if advance:
            text = text.rstrip() + " " * max(1, round(gap / advance)) + item.text
        elif gap > 0.15 * item.size and not text.endswith(" "):
            text += " " + item.text
        else:
            text += item.text
    left, top = row[0].x, min(item.y for item in row)
    height = max(item.bottom for item in row) - top
    longest = max(row, key=lambda item: len(item.text))
    # An item has the size of its first character, which may be the raised mark of a footnote.
    size = longest.size if longest.size > 0.75 * height else 0.87 * height
    return Line(
        text=clean(text, keep_spaces=bool(advance)),
        x=left,
        y=top,
        width=round(max(item.x + item.width for item in row) - left, 1),
        height=round(height, 1),
        size=round(size, 1),
        bold=all(is_bold(item.font) for item in row),
        advance=round(advance, 3),
        heading=heading,
    )
