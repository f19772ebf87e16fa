"""Headings of a document without an outline: the hints of layout analysis, made sane."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rhizome_pipelines.extraction.pdf.contents import is_contents_line
from rhizome_pipelines.extraction.pdf.page import Line, Page

MAX_LENGTH = 120
MAX_LEVELS = 6
NUMBERED = re.compile(
    r"(?:(?i:chapter|part|appendix|section)\s+)?(?:\d+(?:\.\d+)*\.?|[A-Z](?:\.\d+)+\.?|[A-Z]\.)\s+\S"
)
SENTENCE = re.compile(r"[.,;:]$")
LARGER = 1.08
"""Of the size of body text: larger than this stands out by itself."""


@dataclass
class HeadingSizes:
    """Sizes of the plausible headings of a document, gathered page by page."""

    _counts: dict[float, int] = field(default_factory=dict)

    def add(self, page: Page, candidates: Iterator[int]) -> None:
        """Count the sizes of these lines of the page."""
        for index in candidates:
            line = page.content[index]
            if isinstance(line, Line):
                size = round(line.size)
                self._counts[size] = self._counts.get(size, 0) + 1

    def levels(self, body_size: float) -> Mapping[float, int]:
        """The level (1–6) of each size, the largest first; body text's size and below come last."""
        sizes = sorted((size for size in self._counts if size > body_size), reverse=True)
        ranked = {size: min(rank, MAX_LEVELS) for rank, size in enumerate(sizes, start=1)}
        last = min(len(sizes) + 1, MAX_LEVELS)
        return {**ranked, **{size: last for size in self._counts if size <= body_size}}


def plausible_headings(page: Page, body_size: float) -> Iterator[tuple[int, int]]:
    """The page's lines that layout analysis calls headings and that look like one.

    Each as its index and the index of the heading's first line.
    """
    above: Line | None = None
    first = 0
    for index, item in enumerate(page.content):
        if not isinstance(item, Line):
            above = None
        elif above is not None and _goes_on(above, item, body_size):
            above = item
            yield index, first
        elif _is_hinted(item, body_size) and is_plausible(item, body_size):
            above, first = item, index
            yield index, first
        else:
            above = None


def _is_hinted(line: Line, body_size: float) -> bool:
    """Layout analysis overlooks a numbered heading right below another heading."""
    return bool(line.heading) or (
        line.size > LARGER * body_size and NUMBERED.match(line.text) is not None
    )


def _goes_on(above: Line, line: Line, body_size: float) -> bool:
    """Whether a heading was broken and this is its next line."""
    return (
        line.size > LARGER * body_size
        and abs(line.size - above.size) < 0.3
        and NUMBERED.match(line.text) is None
        and line.bold == above.bold
        and 0 < line.y - above.y < 1.6 * line.size
    )


def is_plausible(line: Line, body_size: float) -> bool:
    """Whether a line said to be a heading stands out from body text, and is no sentence."""
    text = line.text
    if len(text) > MAX_LENGTH or line.advance or is_contents_line(text):
        return False
    if not any(character.isalpha() for character in text):
        return False
    if line.size > LARGER * body_size:
        return not text.endswith((",", ";"))
    if line.size < 0.95 * body_size or SENTENCE.search(text):
        return False
    return line.bold or NUMBERED.match(text) is not None
