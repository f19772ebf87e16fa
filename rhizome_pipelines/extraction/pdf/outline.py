"""The PDF's outline (bookmarks) matched to lines on the pages it points at."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rhizome_pipelines.extraction.pdf.characters import clean, letters
from rhizome_pipelines.extraction.pdf.contents import is_contents_line
from rhizome_pipelines.extraction.pdf.page import Heading, Line, Page

NUMBERING = re.compile(
    r"(?:(?:chapter|appendix|part|section|kapitel|chapitre|anhang)\s+)?"
    r"(?:\d+|[A-Z]|[IVX]+)?(?:\.\d+)*[.:)]?\s+",
    re.I,
)
MAX_HEADING_LINES = 4
MAX_HEADING = 120
MAX_NUMBERING = 40
"""Characters by which a heading may be longer than its bookmark."""
NEAR = 24.0
"""Points between a bookmark's target and the top of its line."""
FAR = 60.0
"""Points from the target beyond which another line that fits is the better one."""
TOP = 0.2
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


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Successive lines of one size that may be a heading; `line` is the first."""

    first: int
    count: int
    line: Line
    forms: frozenset[str]


def bookmarks(described: Iterable[Sequence[Any]]) -> dict[int, list[Bookmark]]:
    """The entries that the reading process told of, by page; those without a title left out."""
    found: dict[int, list[Bookmark]] = {}
    for level, raw_title, page, y in described:
        title = clean(raw_title)
        if letters(title):
            entry = Bookmark(min(max(level + 1, 1), 6), title, page, y)
            found.setdefault(page, []).append(entry)
    return found


def match_page(
    page: Page, entries: Sequence[Bookmark], furniture: Collection[int] = ()
) -> tuple[dict[int, Heading], list[Bookmark]]:
    """Headings by index of the page's content, and the entries that were not found.

    Lines of `furniture` (running headers show titles, too) are taken only if no other fits.
    """
    if not entries:
        return {}, []
    headings: dict[int, Heading] = {}
    missing: list[Bookmark] = []
    longest = max(len(entry.title) for entry in entries) + MAX_NUMBERING
    candidates = list(_candidates(page, max(longest, MAX_HEADING)))
    for entry in entries:
        wanted = _forms(entry.title)

        def rank(
            candidate: _Candidate, entry: Bookmark = entry, wanted: frozenset[str] = wanted
        ) -> tuple[float, ...]:
            return candidate.first in furniture, *_rank(candidate, entry, wanted, page)

        fitting = [
            candidate
            for candidate in candidates
            if _fits(candidate, entry, wanted, page)
            and not any(candidate.first + i in headings for i in range(candidate.count))
        ]
        if not fitting:
            missing.append(entry)
            continue
        best = min(fitting, key=rank)
        heading = Heading(entry.level, best.first)
        headings.update({best.first + i: heading for i in range(best.count)})
    return headings, missing


def _fits(candidate: _Candidate, entry: Bookmark, wanted: frozenset[str], page: Page) -> bool:
    if candidate.forms & wanted:
        return True
    # Reference manuals have more in a heading's line than in its bookmark.
    if entry.y is None or candidate.count > 1 or len(candidate.line.text) > MAX_HEADING:
        return False
    away = page.height - entry.y - candidate.line.y
    begins = any(form.startswith(title) for form in candidate.forms for title in wanted)
    return begins and abs(away) <= NEAR


def _rank(
    candidate: _Candidate, entry: Bookmark, wanted: frozenset[str], page: Page
) -> tuple[float, ...]:
    line = candidate.line
    away = abs(page.height - entry.y - line.y) if entry.y is not None else line.y
    exact = bool(candidate.forms & wanted)
    # A target near the top may mean the page as a whole; one further down means its place.
    placed = entry.y is not None and page.height - entry.y > TOP * page.height
    astray = placed and away > FAR
    return (astray, not exact, -round(line.size), not line.bold, round(away), candidate.count)


def is_trusted(entries: int, found: int, pages: int) -> bool:
    """Whether the outline alone tells what is a heading."""
    return entries >= max(1, pages * MIN_COVERAGE) and found >= MIN_FOUND * entries


def _candidates(page: Page, longest: int) -> Iterator[_Candidate]:
    for first, item in enumerate(page.content):
        if not isinstance(item, Line) or is_contents_line(item.text):
            continue
        text = ""
        for count in range(1, MAX_HEADING_LINES + 1):
            if first + count > len(page.content):
                break
            line = page.content[first + count - 1]
            if not isinstance(line, Line) or abs(line.size - item.size) > 0.6:
                break
            text = f"{text.removesuffix('-')} {line.text}" if text else line.text
            if len(text) > longest:
                break
            yield _Candidate(first, count, item, _forms(text))


def _forms(text: str) -> frozenset[str]:
    """A title as it is compared: letters and digits only, with and without its number."""
    bare = NUMBERING.sub("", text, count=1) if NUMBERING.match(text) else text
    return frozenset(form for form in (letters(text), letters(bare)) if form)


def count_entries(entries: Mapping[int, Sequence[Bookmark]]) -> int:
    """All entries of an outline by page."""
    return sum(len(found) for found in entries.values())
