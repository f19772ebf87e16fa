"""What the lines of a page make: headings, paragraphs, list items, code, tables."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from rhizome_pipelines.extraction.pdf.contents import LEADERS, is_contents_line
from rhizome_pipelines.extraction.pdf.page import PLAIN_PITCH, Heading, Line, Page, Reading, Table

BULLET = re.compile(r"([•◦▪▫■□●○‣⁃∙·➢➤▸✓])\s*(?=\S)")
DASH = re.compile(r"([-–—*])\s+(?=\S)")
ORDERED = re.compile(r"(\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{2,5})[.)])\s+(?=\S)")
SENTENCE_END = re.compile(r"[.!?:;…。！？][\"'”’)\]»]*$")

NEIGHBOURS = 12
SAME_MARGIN = 50.0
"""Points between left edges of lines that may have one right margin."""
PARAGRAPH_GAP = 1.35
"""Of the usual distance of lines: more than this begins a paragraph."""
INDENT = 5.0
"""Points by which a paragraph's first line may stand in."""
CODE_GAP = 4.0


class Kind(StrEnum):
    HEADING = "heading"
    PARAGRAPH = "paragraph"
    ITEM = "item"
    CODE = "code"
    TABLE = "table"


@dataclass(slots=True)
class Block:
    """A piece of markdown in the making.

    `lines` are unescaped; for code they keep their indentation. `breaks` holds `(index, page)`
    where a later page's lines begin inside the block. `x` is the left edge in points (of
    the marker, for items).
    """

    kind: Kind
    page: int
    lines: list[str] = field(default_factory=list)
    level: int = 0
    marker: str = ""
    x: float = 0.0
    size: float = 0.0
    full: bool = False
    """Whether the last line reaches the right margin: the text may go on after it."""
    indented: bool = False
    """Whether the first line stands in: it begins a paragraph."""
    rows: Sequence[Sequence[str]] = ()
    breaks: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Style:
    """What is known of the whole document when its pages are cut into blocks."""

    body_size: float
    monospaced: bool
    """Whether the document is set in a monospaced font throughout: it then marks no code."""


@dataclass(slots=True)
class _Metrics:
    """Of one page: usual distance of lines, and the right margin at each line."""

    pitch: float
    rights: list[float]


def blocks_of(
    page: Page,
    content: Sequence[tuple[int, Line | Table]],
    headings: Mapping[int, Heading],
    style: Style,
) -> Iterator[Block]:
    """Cut a page's content, furniture already removed, into blocks.

    `content` keeps each element's index on the page; `headings` are by that index.
    """
    lines = [item for _, item in content if isinstance(item, Line)]
    builder = _Builder(page, style, lines)
    for position, item in content:
        if isinstance(item, Table):
            yield from builder.flush()
            yield Block(Kind.TABLE, page.number, rows=item.rows)
        else:
            yield from builder.add(item, headings.get(position))
    yield from builder.flush()


def _metrics(page: Page, lines: Sequence[Line]) -> _Metrics:
    distances: dict[float, int] = {}
    for upper, lower in pairwise(lines):
        distance = round((lower.y - upper.y) * 2) / 2
        if 0 < distance < 3 * max(upper.size, 1.0):
            distances[distance] = distances.get(distance, 0) + 1
    pitch = min(distances, key=lambda d: (-distances[d], d)) if distances else 0.0
    rights = []
    for index, line in enumerate(lines):
        around = lines[max(0, index - NEIGHBOURS) : index + NEIGHBOURS + 1]
        near = sorted(other.right for other in around if abs(other.x - line.x) <= SAME_MARGIN)
        rights.append(near[(len(near) * 3) // 4] if len(near) > 1 else page.width)
    return _Metrics(pitch, rights)


class _Builder:
    """Takes lines one by one and gives blocks as they are complete."""

    def __init__(self, page: Page, style: Style, lines: Sequence[Line]) -> None:
        self._page = page
        self._style = style
        self._lines = lines
        self._metrics = _metrics(page, lines)
        self._index = -1
        self._block: Block | None = None
        self._previous: Line | None = None
        self._left = 0.0
        self._origin = 0.0
        self._item: Block | None = None
        self._heading: Heading | None = None

    def add(self, line: Line, heading: Heading | None) -> Iterator[Block]:
        self._index += 1
        if heading is not None:
            yield from self._add_heading(line, heading)
        elif is_contents_line(line.text) and not line.advance:
            yield from self.flush()
            text = LEADERS.sub(" … ", line.text).strip()
            self._begin(Kind.ITEM, line, text, marker="-")
            yield from self.flush()
        elif self._is_code(line):
            yield from self._add_code(line)
        else:
            yield from self._add_text(line)
        self._previous = line

    def flush(self) -> Iterator[Block]:
        block, self._block = self._block, None
        if block is not None:
            if block.kind is Kind.ITEM:
                self._item = block
            yield block

    def _begin(
        self, kind: Kind, line: Line, text: str, *, level: int = 0, marker: str = ""
    ) -> None:
        self._block = Block(
            kind,
            self._page.number,
            [text],
            level=level,
            marker=marker,
            x=line.x,
            size=line.size,
        )
        self._left = self._origin = line.x

    def _add_heading(self, line: Line, heading: Heading) -> Iterator[Block]:
        block = self._block
        if block is not None and block.kind is Kind.HEADING and heading == self._heading:
            block.lines.append(line.text)
            return
        yield from self.flush()
        self._item, self._heading = None, heading
        self._begin(Kind.HEADING, line, line.text, level=heading.level)

    def _is_code(self, line: Line) -> bool:
        if not line.advance or self._style.monospaced:
            return False
        block, previous = self._block, self._previous
        if self._is_lone_word(line):
            return False
        if block is None or previous is None or block.kind not in (Kind.PARAGRAPH, Kind.ITEM):
            return True
        # A long command inside of a paragraph may fill a whole line of it.
        inside = (
            abs(line.x - self._left) < 2.0
            and 0 < line.y - previous.y <= PARAGRAPH_GAP * self._pitch(line)
            and previous.right >= self._right(-1) - 0.2 * max(previous.width, 1.0)
            and not previous.text.endswith(":")
        )
        return not inside

    def _is_lone_word(self, line: Line) -> bool:
        """A term of a list of definitions, or the end of a path that was broken."""
        previous = self._previous
        if previous is not None and line.x > previous.x + INDENT and self._room(previous, line):
            return False
        around = self._lines[max(self._index - 1, 0) : self._index + 2]
        return " " not in line.text and sum(1 for near in around if near.advance) == 1

    def _add_code(self, line: Line) -> Iterator[Block]:
        block, previous = self._block, self._previous
        distance = line.y - previous.y if previous is not None else 0.0
        in_code = block is not None and block.kind is Kind.CODE
        if block is not None and in_code and 0 < distance <= CODE_GAP * self._pitch(line):
            if distance > 1.6 * self._pitch(line):
                block.lines.append("")
            self._indent_code(block, line)
            return
        yield from self.flush()
        self._begin(Kind.CODE, line, line.text)

    def _indent_code(self, block: Block, line: Line) -> None:
        columns = round((line.x - self._origin) / line.advance)
        if columns < 0:
            block.lines = [" " * -columns + text if text else text for text in block.lines]
            self._origin, columns = line.x, 0
        block.lines.append(" " * columns + line.text)

    def _add_text(self, line: Line) -> Iterator[Block]:
        block = self._block
        fresh = (
            block is None
            or block.kind not in (Kind.PARAGRAPH, Kind.ITEM)
            or self._begins_block(block, line)
        )
        marker = self._marker(line, fresh=fresh)
        if marker is not None:
            yield from self.flush()
            self._begin(Kind.ITEM, line, line.text[marker.end() :], marker=marker.group(1))
        elif fresh or block is None:
            indented = self._stands_in(line)
            yield from self.flush()
            self._begin(Kind.PARAGRAPH, line, line.text)
            assert self._block is not None  # noqa: S101  just begun
            self._block.indented = indented
        else:
            block.lines.append(line.text)
            self._left = line.x if len(block.lines) == 2 else min(self._left, line.x)
        assert self._block is not None  # noqa: S101
        self._block.full = line.right >= self._right() - 0.12 * max(line.width, 1.0)

    def _marker(self, line: Line, *, fresh: bool) -> re.Match[str] | None:
        bullet = BULLET.match(line.text)
        if bullet is not None:
            return bullet
        marker = DASH.match(line.text) or ORDERED.match(line.text)
        if marker is None or fresh:
            return marker
        item = self._block if self._block is not None else self._item
        if item is not None and item.kind is Kind.ITEM and abs(item.x - line.x) < 3.0:
            return marker
        return None

    def _begins_block(self, block: Block, line: Line) -> bool:
        previous = self._previous
        if previous is None:
            return True
        distance = line.y - previous.y
        if self._page.reading is Reading.PLAIN:
            return distance > PARAGRAPH_GAP * PLAIN_PITCH
        resized = abs(line.size - previous.size) > 0.12 * max(line.size, previous.size)
        if distance <= 0 and not resized:
            return self._new_column(block, line)
        turned_bold = line.bold != previous.bold and previous.right < self._right(-1) * 0.8
        return (
            resized
            or turned_bold
            or distance > PARAGRAPH_GAP * self._pitch(line)
            or self._indent_tells(block, line)
            or self._had_room(previous, line)
        )

    def _new_column(self, block: Block, line: Line) -> bool:
        text = block.lines[-1]
        self._left = line.x
        return bool(SENTENCE_END.search(text)) or not line.text[:1].islower()

    def _indent_tells(self, block: Block, line: Line) -> bool:
        if block.kind is Kind.ITEM:
            if line.x < block.x - 2.0:
                return True
            return len(block.lines) > 1 and abs(line.x - self._left) > INDENT
        if len(block.lines) == 1:
            # The first line stands in, or what follows hangs.
            return line.x > self._left + INDENT and bool(SENTENCE_END.search(block.lines[-1]))
        return abs(line.x - self._left) > INDENT

    def _had_room(self, previous: Line, line: Line) -> bool:
        """Whether the next word would have fitted: the line was broken on purpose."""
        if previous.text.endswith("-") or not previous.text:
            return False
        goes_on = line.text[0].islower() and (
            previous.text[-1].isalpha() or previous.text[-1] == ","
        )
        return (previous.advance > 0 or not goes_on) and self._room(previous, line)

    def _room(self, previous: Line, line: Line) -> bool:
        character = previous.width / len(previous.text)
        word = line.text.split(" ", 1)[0]
        return previous.right + (len(word) + 1) * character * 1.1 < self._right(-1) - 3 * character

    def _stands_in(self, line: Line) -> bool:
        return self._block is not None and line.x > self._left + INDENT

    def _pitch(self, line: Line) -> float:
        usual = 1.2 * line.size if line.size else line.height
        pitch = self._metrics.pitch
        # Headings and footnotes have a distance of their own.
        return pitch if 0.75 * usual <= pitch <= 1.8 * usual else usual

    def _right(self, offset: int = 0) -> float:
        return self._metrics.rights[max(self._index + offset, 0)]
