"""Headings of markdown: the one scanner that the whole of extraction uses.

After CommonMark 0.31, sections 4.2 (ATX), 4.3 (setext), 4.5 (fences), 4.6 (HTML blocks): code
comes first, so a `# comment` in a fence is no heading. Headings inside of block quotes and list
items belong to those and are left out.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TextIO

from rhizome_pipelines.extraction.extractor import OutlineEntry

LINE_LIMIT = 65_536
"""Lines are read in pieces of this many code points; a longer line is never a heading."""
MAX_TITLE = 300

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*))?$")
_ATX_END = re.compile(r"(?:^|[ \t])#+$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)$")
_THEMATIC = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
_CONTAINER = re.compile(r" {0,3}(?:>|[-+*](?:[ \t]|$)|\d{1,9}[.)](?:[ \t]|$))")
_INDENTED = re.compile(r"(?: {4}| {0,3}\t)")
_RAW_HTML = re.compile(r" {0,3}<(pre|script|style|textarea)(?:[\s>]|$)", re.IGNORECASE)
_COMMENT = re.compile(r" {0,3}<!--")
_HTML_BLOCK = re.compile(
    r" {0,3}</?(?:address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup"
    r"|dd|details|dialog|dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset"
    r"|h[1-6]|head|header|hr|html|iframe|legend|li|link|main|menu|menuitem|nav|noframes|ol"
    r"|optgroup|option|p|param|search|section|summary|table|tbody|td|tfoot|th|thead|title|tr"
    r"|track|ul)(?:\s|/?>|$)",
    re.IGNORECASE,
)

_IMAGE = re.compile(r"!\[([^\[\]]*)\]\([^()]*\)")
_LINK = re.compile(r"\[([^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_EMPHASIS = re.compile(r"(?<!\\)(?:\*+|`+|~~|(?<!\w)_+|_+(?!\w))")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


def plain_title(markdown: str) -> str:
    """A heading's text without its inline markup, on one line, at most MAX_TITLE long."""
    text = markdown[: 4 * MAX_TITLE]
    text = _LINK.sub(r"\1", _IMAGE.sub(r"\1", text))
    text = _ESCAPE.sub(r"\1", _EMPHASIS.sub("", _TAG.sub("", text)))
    return " ".join(text.split())[:MAX_TITLE]


def read_pieces(stream: TextIO) -> Iterator[str]:
    """Lines of a text stream, those over LINE_LIMIT in several pieces."""
    while piece := stream.readline(LINE_LIMIT):
        yield piece


def scan_headings(pieces: Iterable[str]) -> Iterator[OutlineEntry]:
    r"""Headings in order, offsets in code points of the first line of each.

    `pieces` are lines with their "\n"; a piece without one is continued by the next piece
    (see `read_pieces`). Memory does not grow with the text.
    """
    scanner = _Scanner()
    offset = 0
    continued = False
    for piece in pieces:
        whole = not continued and (piece.endswith("\n") or len(piece) < LINE_LIMIT)
        if whole:
            yield from scanner.line(piece.rstrip("\r\n"), offset)
        else:
            scanner.long_line()
        continued = not piece.endswith("\n")
        offset += len(piece)


class _Scanner:
    """Block structure, one line after the other."""

    def __init__(self) -> None:
        self._fence: str | None = None
        self._html_end: re.Pattern[str] | None = None
        self._in_container = False
        self._paragraph: list[str] = []
        self._paragraph_offset = 0

    def long_line(self) -> None:
        """A line too long to be a heading, a fence or the like."""
        self._paragraph = []
        self._in_container = True

    def line(self, line: str, offset: int) -> Iterator[OutlineEntry]:
        if self._inside_code_or_html(line):
            return
        if not line.strip():
            self._end_paragraph()
            return
        if self._paragraph and (underline := _SETEXT.match(line)):
            title = plain_title(" ".join(self._paragraph))
            level = 1 if underline[1][0] == "=" else 2
            start = self._paragraph_offset
            self._end_paragraph()
            if title:
                yield OutlineEntry(level, title, start)
            return
        if _INDENTED.match(line):
            if self._paragraph:
                self._paragraph.append(line.strip()[:MAX_TITLE])
            return
        if self._opens_code_or_html(line):
            self._end_paragraph()
            return
        if atx := _ATX.match(line):
            self._end_paragraph()
            title = plain_title(_ATX_END.sub("", (atx[2] or "").rstrip()))
            if title:
                yield OutlineEntry(len(atx[1]), title, offset)
            return
        self._text(line, offset)

    def _inside_code_or_html(self, line: str) -> bool:
        if self._fence is not None:
            stripped = line.strip()
            closes = (
                len(stripped) >= len(self._fence)
                and not stripped.strip(self._fence[0])
                and not _INDENTED.match(line)
            )
            if closes:
                self._fence = None
            return True
        if self._html_end is not None:
            if self._html_end.search(line):
                self._html_end = None
            return True
        return False

    def _opens_code_or_html(self, line: str) -> bool:
        fence = _FENCE.match(line)
        if fence and not (fence[1][0] == "`" and "`" in fence[2]):
            self._fence = fence[1]
            return True
        if raw := _RAW_HTML.match(line):
            return self._open_html(rf"(?i)</{raw[1]}>", line)
        if _COMMENT.match(line):
            return self._open_html("-->", line)
        if _HTML_BLOCK.match(line):
            return self._open_html(r"^[ \t]*$", line)
        return False

    def _open_html(self, end: str, line: str) -> bool:
        pattern = re.compile(end)
        self._html_end = None if pattern.search(line) else pattern
        return True

    def _text(self, line: str, offset: int) -> None:
        if _THEMATIC.match(line):
            self._end_paragraph()
        elif container := _CONTAINER.match(line):
            self._end_paragraph()
            # Text below an empty item or quote is a paragraph of its own.
            self._in_container = bool(line[container.end() :].strip())
        elif not self._in_container:
            if not self._paragraph:
                self._paragraph_offset = offset
            if len(self._paragraph) < 8:
                self._paragraph.append(line.strip()[:MAX_TITLE])

    def _end_paragraph(self) -> None:
        self._paragraph = []
        self._in_container = False
