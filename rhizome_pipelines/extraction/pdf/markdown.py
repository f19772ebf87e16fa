"""Blocks as markdown text, with the offsets at which pages begin inside of them."""

import re
from collections.abc import Sequence
from typing import TextIO, assert_never

from rhizome_pipelines.extraction.extractor import PageStart
from rhizome_pipelines.extraction.pdf.blocks import Block, Kind
from rhizome_pipelines.extraction.pdf.characters import SOFT_HYPHEN
from rhizome_pipelines.extraction.pdf.words import Vocabulary

SPECIAL = re.compile(r"([*`\\]|(?<![^\W_])_|_(?![^\W_])|<(?=[A-Za-z/!?]))")
LINE_START = re.compile(r"(?:[#>+=|~-]|\d{1,9}(?=[.)](?:\s|$)))")
DIVIDED = re.compile(r"([^\W\d_]+-) ([^\W\d_]+)")
FENCE = re.compile(r"`{3,}")


def escape(text: str) -> str:
    """Text whose characters mean themselves in markdown, wherever on a line it stands."""
    return SPECIAL.sub(r"\\\1", text)


def escape_start(text: str) -> str:
    """Escaped text that would open a heading, quote, list, table or rule at a line's start."""
    found = LINE_START.match(text)
    if found is None:
        return text
    end = found.end() if found.group().isdecimal() else 0
    return f"{text[:end]}\\{text[end:]}"


class MarkdownWriter:
    """Writes blocks to `content` and keeps count of code points.

    `pages` grows by one entry for each page that was begun; offsets never fall.
    """

    def __init__(self, content: TextIO, vocabulary: Vocabulary) -> None:
        self._content = content
        self._vocabulary = vocabulary
        self._last: Kind | None = None
        self._items: list[tuple[float, int]] = []
        self._begun = 0
        self.offset = 0
        self.pages: list[PageStart] = []

    def write(self, block: Block) -> None:
        """Write one complete block."""
        separator = "\n" if self._last is Kind.ITEM and block.kind is Kind.ITEM else "\n\n"
        if self._last is None:
            separator = ""
        if block.kind is not Kind.ITEM:
            self._items.clear()
        text, starts = self._render(block)
        self._put(separator)
        self.begin_pages(block.page)
        for (_, page), start in zip(block.breaks, starts, strict=True):
            self._begin(page, self.offset + start)
        self._put(text)
        self._last = block.kind

    def begin_pages(self, last: int) -> None:
        """Every page up to `last` that has not begun yet begins here."""
        self._begin(last, self.offset)

    def finish(self, page_count: int) -> None:
        """End the text with a newline; pages without text begin at its end."""
        self.begin_pages(page_count)
        if self._last is not None:
            self._put("\n")

    def _begin(self, last: int, offset: int) -> None:
        self.pages += [PageStart(page, offset) for page in range(self._begun + 1, last + 1)]
        self._begun = max(self._begun, last)

    def _put(self, text: str) -> None:
        self._content.write(text)
        self.offset += len(text)

    def _render(self, block: Block) -> tuple[str, list[int]]:
        """The block's text, and the offset in it of each of its page breaks."""
        match block.kind:
            case Kind.HEADING:
                return self._flowing(f"{'#' * block.level} ", block)
            case Kind.PARAGRAPH:
                return self._flowing("", block)
            case Kind.ITEM:
                return self._flowing(self._item_prefix(block), block)
            case Kind.CODE:
                return self._code(block)
            case Kind.TABLE:
                return self._table(block.rows), []
            case _:
                assert_never(block.kind)

    def _flowing(self, prefix: str, block: Block) -> tuple[str, list[int]]:
        # Joining leaves the end of the lower line as it is, so offsets count from there.
        lines = [escape(line) for line in block.lines]
        if not prefix:
            lines[0] = escape_start(lines[0])
        breaks = {index for index, _ in block.breaks}
        pieces, done, starts = lines[0], 0, []
        finished: list[str] = []
        for index, line in enumerate(lines[1:], start=1):
            joined = self._vocabulary.join(pieces, line)
            if index in breaks:
                starts.append(len(prefix) + done + len(joined) - len(line))
            keep = len(joined) - len(line)
            finished.append(joined[:keep])
            done += keep
            pieces = line
        finished.append(pieces.removesuffix(SOFT_HYPHEN))
        return prefix + "".join(finished), starts

    def _item_prefix(self, block: Block) -> str:
        while self._items and block.x < self._items[-1][0] - 3.0:
            self._items.pop()
        if self._items and abs(block.x - self._items[-1][0]) <= 3.0:
            self._items.pop()
        indent = self._items[-1][1] if self._items else 0
        ordered = block.marker.rstrip(".)").isdecimal()
        marker = block.marker if ordered else "-"
        self._items.append((block.x, indent + len(marker) + 1))
        kept = "" if ordered or not block.marker[0:2].strip("(").isalnum() else block.marker + " "
        return f"{' ' * indent}{marker} {kept}"

    @staticmethod
    def _code(block: Block) -> tuple[str, list[int]]:
        text = "\n".join(block.lines)
        longest = max((len(run) for run in FENCE.findall(text)), default=2)
        fence = "`" * (longest + 1)
        starts = [
            len(fence) + 1 + sum(len(line) + 1 for line in block.lines[:index])
            for index, _ in block.breaks
        ]
        return f"{fence}\n{text}\n{fence}", starts

    def _table(self, rows: Sequence[Sequence[str]]) -> str:
        """A pipe table; its first row is the header."""
        lines = ["| " + " | ".join(self._cell(cell) for cell in row) + " |" for row in rows]
        lines.insert(1, "|" + " --- |" * len(rows[0]))
        return "\n".join(lines)

    def _cell(self, text: str) -> str:
        whole = DIVIDED.sub(lambda word: self._vocabulary.join(word[1], word[2]), text)
        return escape(whole.replace(SOFT_HYPHEN, "")).replace("|", "\\|")
