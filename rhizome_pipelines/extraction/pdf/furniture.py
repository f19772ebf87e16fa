"""Running headers, footers and page numbers: which lines at a page's edge are not its text.

A row at the edge is furniture if the same text, digits aside, stands at the same height on
several pages nearby (headers differ by chapter and between odd and even pages); or if it
stands exactly where furniture stands on pages nearby, and shows the page number or keeps
a distance to the text.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median_low

from rhizome_pipelines.extraction.pdf.page import Line, Page, Reading

ZONE = 0.16
"""Share of the page's height, at top and bottom, in which furniture is looked for."""
DEPTH = 4
"""Rows looked at on each edge."""
NEIGHBOURS = 12
"""Pages looked at before and after."""
DRIFT = 4.0
"""Points that the same row may differ in height."""
BAND_DRIFT = 2.0
MODEST = 1.3
"""Of the usual size of the page's lines."""
MIN_REPEATS = 2
"""On how many other pages nearby a row must be found again."""
MAX_LENGTH = 200

NUMBER = re.compile(r"\d+")
ROMAN = re.compile(r"[ivxlc]{1,8}")
# ASCII only: without regard to case, `İ` would pass for an `i`.
PAGE_NUMBER = re.compile(r"(?:(?<=\s)|^)(\d{1,5}|[ivxlc]{1,8})(?=\s|$)", re.I | re.A)
ROMAN_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


@dataclass(frozen=True, slots=True)
class EdgeRow:
    """A row of text near an edge. `gap` is the distance in points to the next row inwards."""

    pattern: str
    y: float
    gap: float
    height: float
    modest: bool
    """Not larger than most lines of the page: the title of a slide is no furniture."""
    numbers: frozenset[int]
    """Each number in it less the number of the page: equal on all pages for a page number."""


@dataclass(frozen=True, slots=True)
class Edges:
    """A page's rows near its top and bottom, from the outermost inwards."""

    top: Sequence[EdgeRow]
    bottom: Sequence[EdgeRow]


def edges_of(page: Page) -> Edges:
    """What is remembered of a page to find furniture on its neighbours."""
    if page.reading is not Reading.LAYOUT or page.height <= 0:
        return Edges((), ())
    rows = _rows(page)
    top = [row for row in rows[: DEPTH + 1] if row[0].y < ZONE * page.height]
    bottom = [row for row in rows[-DEPTH - 1 :] if row[0].bottom > (1 - ZONE) * page.height]
    return Edges(
        tuple(_edge_rows(page.number, top, rows)),
        tuple(_edge_rows(page.number, bottom[::-1], rows[::-1])),
    )


def furniture_of(page: Page, edges: Sequence[Edges]) -> set[int]:
    """Indices of the page's content that are furniture. `edges[i]` belongs to page `i + 1`."""
    index = page.number - 1
    near = range(max(0, index - NEIGHBOURS), min(len(edges), index + NEIGHBOURS + 1))
    others = [i for i in near if i != index]
    heights: list[float] = []
    for side in ("top", "bottom"):
        rows: Sequence[EdgeRow] = getattr(edges[index], side)
        repeated = [_repeats(row, (getattr(edges[i], side) for i in others)) for row in rows]
        banded = [
            _in_band(row, depth, [getattr(edges[i], side) for i in others])
            for depth, row in enumerate(rows)
        ]
        count = 0
        for depth in range(len(rows)):
            if repeated[depth] or banded[depth]:
                count = depth + 1
            elif count < depth:
                break
        heights += [row.y for row in rows[:count]]
    return {
        index
        for index, item in enumerate(page.content)
        if isinstance(item, Line)
        and any(abs(item.y - y) <= 0.5 * max(item.height, 1.0) for y in heights)
    }


def _rows(page: Page) -> list[list[Line]]:
    rows: list[list[Line]] = []
    for line in sorted(page.lines, key=lambda line: (line.y, line.x)):
        if rows and line.y - rows[-1][0].y <= 0.5 * max(line.height, 1.0):
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows


def _edge_rows(
    page: int, edge: Sequence[Sequence[Line]], rows: Sequence[Sequence[Line]]
) -> Iterable[EdgeRow]:
    usual = median_low(line.size for row in rows for line in row) if rows else 0.0
    for position, row in enumerate(edge[:DEPTH]):
        text = " ".join(line.text for line in sorted(row, key=lambda line: line.x))
        following = rows[position + 1] if position + 1 < len(rows) else None
        gap = abs(following[0].y - row[0].y) if following is not None else 1000.0
        yield EdgeRow(
            pattern=_pattern(text),
            y=row[0].y,
            gap=round(gap, 1),
            height=row[0].height,
            modest=row[0].size <= MODEST * usual,
            numbers=frozenset(_page_offsets(text, page)),
        )


def _pattern(text: str) -> str:
    text = NUMBER.sub("#", text[: MAX_LENGTH + 1].casefold().strip())
    return "#" if ROMAN.fullmatch(text) else text


def _page_offsets(text: str, page: int) -> Iterable[int]:
    for match in PAGE_NUMBER.finditer(text[: MAX_LENGTH + 1]):
        value = match.group(1)
        yield (int(value) if value.isdecimal() else _roman(value.lower())) - page


def _roman(text: str) -> int:
    values = [ROMAN_VALUES[letter] for letter in text]
    return sum(
        -value if value < following else value
        for value, following in zip(values, [*values[1:], 0], strict=True)
    )


def _repeats(row: EdgeRow, others: Iterable[Sequence[EdgeRow]]) -> bool:
    if len(row.pattern) > MAX_LENGTH:
        return False
    numbers_only = not any(character.isalpha() for character in row.pattern)
    found = 0
    for rows in others:
        found += any(
            other.pattern == row.pattern
            and abs(other.y - row.y) <= DRIFT
            and (not numbers_only or row.numbers & other.numbers or "#" not in row.pattern)
            for other in rows
        )
        if found >= MIN_REPEATS:
            return True
    return False


def _in_band(row: EdgeRow, depth: int, others: Sequence[Sequence[EdgeRow]]) -> bool:
    """Whether furniture of other texts stands at this height on enough pages nearby."""
    if len(row.pattern) > MAX_LENGTH:
        return False
    band = [
        rows[depth]
        for rows in others
        if depth < len(rows) and abs(rows[depth].y - row.y) <= BAND_DRIFT
    ]
    if len(band) < MIN_REPEATS:
        return False
    if any(row.numbers & other.numbers for other in band):
        shared = sum(1 for other in band if row.numbers & other.numbers)
        return shared >= MIN_REPEATS
    wordless = not any(map(str.isalpha, row.pattern))
    if wordless or not row.modest or row.gap < 2.0 * max(row.height, 1.0):
        return False
    patterns = Counter(other.pattern for other in band)
    stem = _stem(row.pattern)
    same_stem = sum(1 for other in band if stem and _stem(other.pattern) == stem)
    return max(patterns.values()) > MIN_REPEATS or same_stem >= MIN_REPEATS


def _stem(pattern: str) -> str:
    """`chapter #` of `chapter #. overview`; empty without a number after a word."""
    head, number, _ = pattern.partition("#")
    return head + number if number and any(map(str.isalpha, head)) else ""
