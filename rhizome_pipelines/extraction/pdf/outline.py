"""The PDF's outline (bookmarks) matched to lines on the pages it points at."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rhizome_pipelines.extraction.pdf.characters import clean
from rhizome_pipelines.extraction.pdf.contents import CONTENTS_LINE
from rhizome_pipelines.extraction.pdf.page import Line, Page

NUMBERING = re.compile(
    r"(?:(?:chapter|appendix|part|section|kapitel|chapitre|anhang)\s+)?"
    r"(?:\d+|[A-Z]|[IVX]+)?(?:\.\d+)*[.:)]?\s+",
    re.I,
)
MAX_HEADING_LINES = 4
MIN_COVERAGE = 1 / 20
"""Entries per page from which an outline is taken as complete."""
MIN_FOUND = 0.5
"""Share of its entries that must be found for an outline to be trusted alone."""


@dataclass(frozen=True, slots=True)
class Bookmark:
    """An outline entry: level from 1, page from 1, `y` in points from the page's bottom."""

    level: int
    title: str
    page: int
    y: float | None


def bookmarks(described: Iterable[Sequence[Any]]) -> dict[int, list[Bookmark]]:
    """The entries that the reading process told of, by page; those without a title left out."""
    found: dict[int, list[Bookmark]] = {}
    for level, raw_title, page, y in described:
        title = clean(raw_title)
        if _letters(title):
            entry = Bookmark(min(max(level + 1, 1), 6), title, page, y)
            found.setdefault(page, []).append(entry)
    return found


def match_page(page: Page, entries: Sequence[Bookmark]) -> tuple[dict[int, int], list[Bookmark]]:
    """Heading levels by index of the page's content, and the entries that were not found."""
    levels: dict[int, int] = {}
    missing: list[Bookmark] = []
    candidates = list(_candidates(page))
    for entry in entries:
        wanted = _forms(entry.title)
        best = None
        for first, count, forms in candidates:
            if not forms & wanted or any(first + i in levels for i in range(count)):
                continue
            line = page.content[first]
            assert isinstance(line, Line)  # noqa: S101  candidates are lines
            away = abs(page.height - entry.y - line.y) if entry.y is not None else line.y
            rank = (-round(line.size), not line.bold, round(away), count)
            if best is None or rank < best[0]:
                best = (rank, first, count)
        if best is None:
            missing.append(entry)
            continue
        _, first, count = best
        levels.update({first + i: entry.level for i in range(count)})
    return levels, missing


def is_trusted(entries: int, found: int, pages: int) -> bool:
    """Whether the outline alone tells what is a heading."""
    return entries >= max(1, pages * MIN_COVERAGE) and found >= MIN_FOUND * entries


def _candidates(page: Page) -> Iterator[tuple[int, int, frozenset[str]]]:
    for first, item in enumerate(page.content):
        if not isinstance(item, Line) or CONTENTS_LINE.match(item.text):
            continue
        text = ""
        for count in range(1, MAX_HEADING_LINES + 1):
            if first + count > len(page.content):
                break
            line = page.content[first + count - 1]
            if not isinstance(line, Line) or abs(line.size - item.size) > 0.6:
                break
            text = f"{text.removesuffix('-')} {line.text}" if text else line.text
            if len(text) > 400:
                break
            yield first, count, _forms(text)


def _forms(text: str) -> frozenset[str]:
    """A title as it is compared: letters and digits only, with and without its number."""
    bare = NUMBERING.sub("", text, count=1) if NUMBERING.match(text) else text
    return frozenset(form for form in (_letters(text), _letters(bare)) if form)


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def count_entries(entries: Mapping[int, Sequence[Bookmark]]) -> int:
    """All entries of an outline by page."""
    return sum(len(found) for found in entries.values())
