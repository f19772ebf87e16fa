"""The first pass over a document's pages: small facts that the second pass needs of all pages."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rhizome_pipelines.extraction.pdf.blocks import Style
from rhizome_pipelines.extraction.pdf.furniture import Edges, edges_of
from rhizome_pipelines.extraction.pdf.outline import (
    Bookmark,
    count_entries,
    is_trusted,
    match_page,
)
from rhizome_pipelines.extraction.pdf.page import Line, Page, Reading, Table
from rhizome_pipelines.extraction.pdf.words import Vocabulary

MONOSPACED_SHARE = 0.7
DEFAULT_SIZE = 10.0


class Survey:
    """Takes each page once, in order; keeps a few hundred bytes of each."""

    def __init__(self, outline: Mapping[int, Sequence[Bookmark]]) -> None:
        self._outline = outline
        self._entries = count_entries(outline)
        self._overdue: list[Bookmark] = []
        self._found = 0
        self._sizes: Counter[float] = Counter()
        self._characters = 0
        self._monospaced = 0
        self.vocabulary = Vocabulary()
        self.edges: list[Edges] = []
        self.bookmarks: dict[int, Sequence[Bookmark]] = {}
        """Entries of the outline by the page on which their titles were found."""
        self.pages_by_reading: dict[Reading, list[int]] = {reading: [] for reading in Reading}
        self.pages_without_text: list[int] = []

    def add(self, page: Page) -> None:
        """Take in the next page."""
        self.edges.append(edges_of(page))
        self.pages_by_reading[page.reading].append(page.number)
        lines = list(page.lines)
        if not any(_has_text(item) for item in page.content):
            self.pages_without_text.append(page.number)
        self.vocabulary.add_lines(line.text for line in lines if not line.advance)
        for line in lines:
            self._sizes[round(line.size * 2) / 2] += len(line.text)
            self._characters += len(line.text)
            self._monospaced += len(line.text) if line.advance else 0
        self._match_outline(page)

    def _match_outline(self, page: Page) -> None:
        entries = self._outline.get(page.number, ())
        if not entries and not self._overdue:
            return
        # A target at the very end of a page may mean the heading at the top of the next.
        all_entries = [*(replace(entry, y=None) for entry in self._overdue), *entries]
        _, missing = match_page(page, all_entries)
        present = [entry for entry in all_entries if entry not in missing]
        self._overdue = [entry for entry in entries if entry in missing]
        self._found += len(present)
        if present:
            self.bookmarks[page.number] = present

    @property
    def outline_is_trusted(self) -> bool:
        """Whether the outline alone tells what is a heading."""
        return is_trusted(self._entries, self._found, len(self.edges))

    @property
    def style(self) -> Style:
        """The size of body text (the most characters), and whether all is monospaced."""
        sizes = {size: count for size, count in self._sizes.items() if size > 0}
        body = min(sizes, key=lambda size: (-sizes[size], size)) if sizes else DEFAULT_SIZE
        return Style(body, self._monospaced > MONOSPACED_SHARE * max(self._characters, 1))


def _has_text(item: Line | Table) -> bool:
    texts = [item.text] if isinstance(item, Line) else [cell for row in item.rows for cell in row]
    return any(character.isalnum() for text in texts for character in text)
