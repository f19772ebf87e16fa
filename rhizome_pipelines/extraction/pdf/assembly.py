"""From the parts of all windows to one markdown text, page after page.

Two passes: the first gathers facts about the whole document and keeps the pages in a file of
the scratch folder, the second writes. Memory does not grow with the text, only by a few
hundred bytes a page.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from rhizome_pipelines.extraction.extractor import PageStart
from rhizome_pipelines.extraction.pdf.blocks import (
    SENTENCE_END,
    Block,
    Kind,
    Style,
    blocks_of,
)
from rhizome_pipelines.extraction.pdf.characters import SOFT_HYPHEN
from rhizome_pipelines.extraction.pdf.furniture import furniture_of
from rhizome_pipelines.extraction.pdf.headings import MAX_LEVELS, HeadingSizes, plausible_headings
from rhizome_pipelines.extraction.pdf.markdown import MarkdownWriter
from rhizome_pipelines.extraction.pdf.outline import match_page
from rhizome_pipelines.extraction.pdf.page import Heading, Line, Page, decode_part
from rhizome_pipelines.extraction.pdf.survey import Survey

FOOTNOTE = 0.93
"""Of the size of body text: smaller text at a page's end does not part a paragraph."""
TITLE = 1.25
MAX_TITLE = 200


class Assembly:
    """Assembles one document; the passes are called once each, in order."""

    def __init__(self, survey: Survey, scratch: Path) -> None:
        self._survey = survey
        self._spool = scratch / "pages.jsonl"
        self._title: str | None = None
        self._first_heading: str | None = None

    def gather(self, parts: Iterable[bytes]) -> None:
        """First pass: read the parts one by one."""
        with self._spool.open("wb") as spool:
            for part in parts:
                for page in decode_part(part):
                    self._survey.add(page)
                spool.write(part + b"\n")

    def write(self, content: TextIO) -> Sequence[PageStart]:
        """Second pass: write the markdown; where each page begins in it."""
        style = self._survey.style
        levels = self._heading_levels(style)
        writer = MarkdownWriter(content, self._survey.vocabulary)
        joiner = _Joiner(writer, style)
        for page in self._pages():
            furniture = furniture_of(page, self._survey.edges)
            entries = self._survey.bookmarks.get(page.number, ())
            headings, _ = match_page(page, entries, furniture)
            if not self._survey.outline_is_trusted:
                for index, first in plausible_headings(page, style.body_size):
                    line = page.content[first]
                    assert isinstance(line, Line)  # noqa: S101  candidates are lines
                    level = levels.get(round(line.size), MAX_LEVELS)
                    headings.setdefault(index, Heading(level, first))
            self._note_title(page, furniture, style)
            kept = [
                (index, item)
                for index, item in enumerate(page.content)
                if index not in furniture or index in headings
            ]
            blocks = list(blocks_of(page, kept, headings, style))
            self._note_heading(blocks)
            joiner.add(blocks)
        joiner.finish()
        writer.finish(len(self._survey.edges))
        return writer.pages

    @property
    def title(self) -> str | None:
        """The largest text of the first page that has any, else the first heading."""
        return self._title or self._first_heading

    def _heading_levels(self, style: Style) -> dict[float, int]:
        if self._survey.outline_is_trusted:
            return {}
        sizes = HeadingSizes()
        for page in self._pages():
            furniture = furniture_of(page, self._survey.edges)
            candidates = plausible_headings(page, style.body_size)
            sizes.add(page, (index for index, _ in candidates if index not in furniture))
        return dict(sizes.levels(style.body_size))

    def _pages(self) -> Iterator[Page]:
        with self._spool.open("rb") as spool:
            for part in spool:
                yield from decode_part(part)

    def _note_title(self, page: Page, furniture: set[int], style: Style) -> None:
        if self._title is not None:
            return
        lines = [
            item
            for index, item in enumerate(page.content)
            if isinstance(item, Line) and index not in furniture
        ]
        if not lines:
            return
        largest = max(line.size for line in lines)
        if largest < TITLE * style.body_size:
            self._title = ""
            return
        text = " ".join(line.text for line in lines if line.size > 0.95 * largest)
        self._title = text if len(text) <= MAX_TITLE and any(map(str.isalpha, text)) else ""

    def _note_heading(self, blocks: Sequence[Block]) -> None:
        if self._first_heading is None:
            first = next((block for block in blocks if block.kind is Kind.HEADING), None)
            if first is not None:
                self._first_heading = " ".join(first.lines)[:MAX_TITLE]


class _Joiner:
    """Puts together what a page break parted."""

    def __init__(self, writer: MarkdownWriter, style: Style) -> None:
        self._writer = writer
        self._style = style
        self._held: Block | None = None
        self._after: list[Block] = []
        """Footnotes below the held block: written after it."""

    def add(self, blocks: Sequence[Block]) -> None:
        """Take the blocks of the next page; a page without any changes nothing."""
        if not blocks:
            return
        held = self._held
        if held is not None and _continues(held, blocks[0]):
            held.breaks.append((len(held.lines), blocks[0].page))
            held.lines += blocks[0].lines
            held.full = blocks[0].full
            blocks = blocks[1:]
            if not blocks:
                return
        self._release()
        end = len(blocks)
        while end > 1 and self._is_footnote(blocks[end - 1]):
            end -= 1
        for block in blocks[: end - 1]:
            self._writer.write(block)
        self._held, self._after = blocks[end - 1], list(blocks[end:])

    def finish(self) -> None:
        """Write what is held."""
        self._release()

    def _release(self) -> None:
        if self._held is not None:
            self._writer.write(self._held)
        for block in self._after:
            self._writer.write(block)
        self._held, self._after = None, []

    def _is_footnote(self, block: Block) -> bool:
        flowing = block.kind in (Kind.PARAGRAPH, Kind.ITEM)
        return flowing and 0 < block.size < FOOTNOTE * self._style.body_size


def _continues(upper: Block, lower: Block) -> bool:
    """Whether a page's first block goes on with the last one of the page before."""
    if upper.kind is Kind.CODE or lower.kind is Kind.CODE:
        return upper.kind is lower.kind
    if upper.kind not in (Kind.PARAGRAPH, Kind.ITEM) or lower.kind is not Kind.PARAGRAPH:
        return False
    if abs(upper.size - lower.size) > 0.1 * max(upper.size, lower.size):
        return False
    end, start = upper.lines[-1], lower.lines[0]
    if end.endswith(("-", SOFT_HYPHEN)) and start[0].isalnum():
        return True
    if SENTENCE_END.search(end):
        return False
    return start[0].islower() or upper.full
