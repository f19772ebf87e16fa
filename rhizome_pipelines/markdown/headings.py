r"""Headings of a markdown text, found line by line in memory that does not grow with the text.

After CommonMark 0.31 (the algorithm of its appendix, as far as headings need it): code and raw
HTML come first, so a `# comment` in a fence is no heading. Headings inside of block quotes and
list items belong to those and are left out, and so are headings without text. Besides, rows of a
table (GitHub Flavored Markdown) are no title of what stands below them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from rhizome_pipelines.markdown.block_starts import (
    begins_table,
    closes_fence,
    html_block_end,
    is_thematic_break,
    list_marker,
    opening_fence,
)
from rhizome_pipelines.markdown.definitions import definition_lines
from rhizome_pipelines.markdown.titles import plain_title

LINE_LIMIT = 65_536
"""Text is read in lines of up to so many code points; a heading with all its lines is shorter."""
MAX_NESTING = 20
"""Quotes and list items inside of one another; what is deeper is text."""

_ATX = re.compile(r"(#{1,6})(?: |$)")
_SETEXT = re.compile(r"(?:=+|-+) *$")
_MARKS = frozenset("-+*0123456789")
_QUOTE = 0
"""In the list of containers; list items are there as the columns that their text is indented."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of level 1–6; `start` and `end` are offsets in code points of the text.

    `start` is where its first line begins, `end` is behind its last line.
    """

    level: int
    title: str
    start: int
    end: int


class _Leaf(Enum):
    """What the next line may go on with. Indented code needs no memory: it is like nothing."""

    NONE = auto()
    PARAGRAPH = auto()
    TABLE = auto()
    FENCE = auto()
    HTML = auto()


def scan_headings(pieces: Iterable[str]) -> Iterator[Heading]:
    """The headings of a whole text, in order; `pieces` as of `HeadingScanner.feed`."""
    scanner = HeadingScanner()
    for piece in pieces:
        if heading := scanner.feed(piece):
            yield heading


class HeadingScanner:
    """Reads a document's lines in order and tells which end a heading."""

    def __init__(self) -> None:
        self._end = 0
        """Code points read."""
        self._in_line = False
        self._containers: list[int] = []
        self._matched = 0
        """How many of the containers the line at hand goes on with."""
        self._empty_item = False
        """Whether the innermost container is a list item with no text yet."""
        self._leaf = _Leaf.NONE
        self._fence = ""
        self._html_end: re.Pattern[str] | None = None
        self._lines: list[str] = []
        self._lines_start = 0
        self._lines_size = 0

    @property
    def in_code(self) -> bool:
        """Whether the next line stands in a code fence or in raw HTML."""
        return self._leaf is _Leaf.FENCE or self._leaf is _Leaf.HTML

    def skip(self, piece: str) -> None:
        """Pass over text that is no markdown, such as front matter: it only counts."""
        self._end += len(piece)

    def feed(self, piece: str) -> Heading | None:
        r"""Read the next line; the heading that it is or ends, or None.

        A line has its "\n". One of LINE_LIMIT code points or more may come in several pieces,
        the first of them no shorter than that; it is never (part of) a heading.
        """
        start = self._end
        self._end += len(piece)
        if self._in_line:
            self._rest_of_line(piece)
            return None
        self._in_line = not piece.endswith("\n")
        if self._containers or (self._leaf is not _Leaf.PARAGRAPH and self._leaf is not _Leaf.NONE):
            return self._line(piece, start)
        # Most lines are prose or blank, and need no more than this.
        if piece[:1].isalpha():
            self._text(piece, start)
            return None
        if piece == "\n":
            self._leaf = _Leaf.NONE
            return None
        return self._line(piece, start)

    def _rest_of_line(self, piece: str) -> None:
        self._in_line = not piece.endswith("\n")
        self._lines_size = LINE_LIMIT
        if self._leaf is _Leaf.HTML and self._html_end and self._html_end.search(piece):
            self._leaf = _Leaf.NONE

    def _line(self, piece: str, start: int) -> Heading | None:
        line = piece.rstrip("\r\n")
        if "\t" in line:
            line = line.expandtabs(4)
        rest = self._inside_containers(line)
        body = rest.lstrip(" ")
        if self._matched == len(self._containers) and self.in_code:
            self._code(rest, body)
        elif not body:
            self._blank()
        else:
            self._empty_item = False
            if self._leaf is not _Leaf.PARAGRAPH and self._matched < len(self._containers):
                self._leave()
            return self._block(body, rest, piece, start)
        return None

    def _inside_containers(self, line: str) -> str:
        """The line without what makes it go on with the open containers."""
        self._matched = 0
        for container in self._containers:
            body = line.lstrip(" ")
            indent = len(line) - len(body)
            if container == _QUOTE:
                if indent > 3 or not body.startswith(">"):
                    break
                line = body[1:].removeprefix(" ")
            elif not body or indent >= container:
                line = line[container:]
            else:
                break
            self._matched += 1
        return line

    def _leave(self) -> None:
        """End the open block, and the containers that the line does not go on with."""
        del self._containers[self._matched :]
        self._leaf = _Leaf.NONE

    def _code(self, rest: str, body: str) -> None:
        if self._leaf is _Leaf.HTML:
            ends = self._html_end is not None and self._html_end.search(body) is not None
        else:
            ends = len(rest) - len(body) < 4 and closes_fence(self._fence, body)
        if ends:
            self._leaf = _Leaf.NONE

    def _blank(self) -> None:
        self._leave()
        if self._empty_item and self._containers:
            self._containers.pop()
        self._empty_item = False

    def _block(self, body: str, rest: str, piece: str, start: int) -> Heading | None:
        """What the line begins, or goes on with, inside of its containers."""
        if self._is_underline(body):
            self._drop_definitions()
        while (inside := self._open_container(rest)) is not None:
            rest = inside
        body = rest.lstrip(" ")
        if not body:
            return None
        text = rest if self._containers else piece
        if len(rest) - len(body) > 3:
            self._indented(text, start)
        elif body[0] == "#" and (hashes := _ATX.match(body)):
            return self._atx(hashes[1], body, start)
        elif self._is_underline(body) and not begins_table(self._last_line(), body):
            return self._setext(body)
        elif not (self._opens_code(body) or self._goes_on_with_table(body)):
            if body[0] in "*-_" and is_thematic_break(body):
                self._leave()
            else:
                self._text(text, start)
        return None

    @property
    def _may_go_on(self) -> bool:
        """Whether the line stands right below a paragraph, in the same containers."""
        return self._leaf is _Leaf.PARAGRAPH and self._matched == len(self._containers)

    def _is_underline(self, body: str) -> bool:
        return body[0] in "=-" and self._may_go_on and _SETEXT.match(body) is not None

    def _open_container(self, rest: str) -> str | None:
        """Open the container that the line begins; what it holds of the line, or None."""
        body = rest.lstrip(" ")
        indent = len(rest) - len(body)
        if not body or indent > 3 or self._matched >= MAX_NESTING:
            return None
        if body[0] == ">":
            container, inside = _QUOTE, body[1:].removeprefix(" ")
        else:
            marker = list_marker(body) if body[0] in _MARKS else None
            if marker is None or (self._may_go_on and not marker.interrupts):
                return None
            container, inside = indent + marker.width, body[marker.width :]
        self._leave()
        self._containers.append(container)
        self._matched += 1
        self._empty_item = container != _QUOTE and not inside.strip(" ")
        return inside

    def _indented(self, text: str, start: int) -> None:
        if self._leaf is _Leaf.PARAGRAPH:
            self._text(text, start)
        else:
            self._leave()

    def _goes_on_with_table(self, body: str) -> bool:
        """Whether the line is a table's row, or turns the line before it into a table's header."""
        if body[0] in "-|:" and self._may_go_on and begins_table(self._last_line(), body):
            self._leaf = _Leaf.TABLE
            return True
        return self._leaf is _Leaf.TABLE and not is_thematic_break(body)

    def _opens_code(self, body: str) -> bool:
        if body[0] in "`~" and (fence := opening_fence(body)):
            self._leave()
            self._leaf, self._fence = _Leaf.FENCE, fence
            return True
        if body[0] != "<":
            return False
        in_paragraph = self._leaf is _Leaf.PARAGRAPH or self._leaf is _Leaf.TABLE
        end = html_block_end(body, in_paragraph=in_paragraph)
        if end is None:
            return False
        self._leave()
        if not end.search(body):
            self._leaf, self._html_end = _Leaf.HTML, end
        return True

    def _atx(self, hashes: str, body: str, start: int) -> Heading | None:
        self._leave()
        if self._containers or self._end - start >= LINE_LIMIT:
            return None
        text = body[len(hashes) :].rstrip(" ")
        unclosed = text.rstrip("#")
        title = plain_title(unclosed if unclosed.endswith(" ") else text)
        return Heading(len(hashes), title, start, self._end) if title else None

    def _setext(self, underline: str) -> Heading | None:
        self._leave()
        if self._containers or self._lines_size + len(underline) >= LINE_LIMIT:
            return None
        title = plain_title(" ".join(line.strip() for line in self._lines))
        level = 1 if underline[0] == "=" else 2
        return Heading(level, title, self._lines_start, self._end) if title else None

    def _drop_definitions(self) -> None:
        """Take link reference definitions off the paragraph, which may be all of it."""
        if self._lines_size < LINE_LIMIT:
            count = definition_lines(self._lines)
            self._lines_start += sum(map(len, self._lines[:count]))
            del self._lines[:count]
            if not self._lines:
                self._leaf = _Leaf.NONE

    def _last_line(self) -> str:
        if self._lines_size >= LINE_LIMIT:
            return ""
        line = self._lines[-1].expandtabs(4).rstrip()
        return "" if line.startswith("    ") else line.lstrip(" ")

    def _text(self, line: str, start: int) -> None:
        """A line of a paragraph: of the open one, or the first."""
        if self._leaf is not _Leaf.PARAGRAPH:
            self._leaf = _Leaf.PARAGRAPH
            self._lines, self._lines_start, self._lines_size = [], start, 0
        self._lines_size += len(line)
        if self._lines_size < LINE_LIMIT:
            self._lines.append(line)
