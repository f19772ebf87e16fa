"""Headings of a markdown text, found line by line.

Follows CommonMark 0.31 (§4.2 ATX, §4.3 setext, §4.5 fenced code, §4.6 HTML blocks 1 and 2) as
far as headings of the document itself go: what looks like a heading inside a code fence, an
HTML comment, `<pre>`, a quotation or a list item is none.
"""

import re
from dataclasses import dataclass

_ATX = re.compile(r" {0,3}#{1,6}(?: |$)")
_CLOSING_HASHES = re.compile(r"(?:^| )#+ *$")
_SETEXT = re.compile(r" {0,3}(?:=+|-+) *$")
_RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
_FENCE = re.compile(r"(`{3,}|~{3,})(.*)$")
_LIST_ITEM = re.compile(r"([-*+]|\d{1,9}[.)])([ \t]+|$)")
_HTML_OPEN = re.compile(r" {0,3}<(?:(pre|script|style|textarea)(?=[\s>]|$)|(!--))", re.IGNORECASE)
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")
_MARKS = re.compile(r"[*`]+|(?<!\w)_+|_+(?!\w)")
_HEADING_ID = re.compile(r"\s*\{#[^{}]*\}\s*$")

LONGEST_HEADING = 1_000
"""Characters; a longer line is a paragraph to us, whatever it begins with."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading. `lines` counts the lines it takes, the one just read included."""

    level: int
    title: str
    lines: int


def plain_title(markdown: str) -> str:
    """A heading's text without emphasis, code marks, link targets and `{#id}`."""
    text = _LINK.sub(r"\1", _HEADING_ID.sub("", markdown))
    return " ".join(_MARKS.sub("", text).split())[:300]


class HeadingScanner:
    """Reads a document's lines in order and tells which end a heading."""

    def __init__(self) -> None:
        self._fence: tuple[str, int] | None = None
        """The marks that opened the fence, and the column of the list item it stands in."""
        self._html_end: re.Pattern[str] | None = None
        self._paragraph: list[str] | None = []
        """Lines of the open paragraph; None inside a quotation, list item or other block."""
        self._item_column = 0

    @property
    def in_code(self) -> bool:
        """Whether the next line stands in a code fence or a raw HTML block."""
        return self._fence is not None or self._html_end is not None

    def feed(self, line: str) -> Heading | None:
        """Read the next line; the heading that it is or ends, or None."""
        if len(line) > LONGEST_HEADING:
            self._long_line(line)
            return None
        line = line.rstrip("\r\n").expandtabs(4)
        if self._fence is not None and self._inside_fence(line, *self._fence):
            return None
        if self._html_end is not None:
            if self._html_end.search(line):
                self._html_end = None
            return None
        if not line.strip():
            self._paragraph = []
            return None
        return self._block(line)

    def _long_line(self, line: str) -> None:
        if self._fence is None and self._html_end is None:
            self._paragraph = None
        elif self._html_end is not None and self._html_end.search(line):
            self._html_end = None

    def _inside_fence(self, line: str, marks: str, column: int) -> bool:
        content = line.strip()
        indent = len(line) - len(line.lstrip())
        if content and indent < column:
            # The list item ended, and with it the fence inside.
            self._fence, self._paragraph, self._item_column = None, [], 0
            return False
        if content and not content.strip(marks[0]) and len(content) >= len(marks):
            self._fence, self._paragraph = None, []
        return True

    def _block(self, line: str) -> Heading | None:
        indent = len(line) - len(line.lstrip())
        if indent == 0 and self._paragraph == [] and not _LIST_ITEM.match(line):
            self._item_column = 0
        if self._opens_fence(line, indent) or self._opens_html(line):
            return None
        if indent >= 4:
            if not self._paragraph:
                self._paragraph = None
            else:
                self._paragraph.append(line)
            return None
        if _ATX.match(line):
            return self._atx(line)
        if _SETEXT.match(line) and self._paragraph:
            return self._setext(line, self._paragraph)
        self._other(line, indent)
        return None

    def _opens_fence(self, line: str, indent: int) -> bool:
        column, rest = indent, line.lstrip()
        base = self._item_column if indent >= self._item_column else 0
        while (item := _LIST_ITEM.match(rest)) is not None and not _RULE.match(rest):
            column += item.end()
            base = column
            rest = rest[item.end() :]
        found = _FENCE.match(rest)
        if found is None or column - base >= 4:
            return False
        marks, info = found.groups()
        if marks[0] == "`" and "`" in info:
            return False
        self._fence = (marks, base)
        return True

    def _opens_html(self, line: str) -> bool:
        found = _HTML_OPEN.match(line)
        if found is None:
            return False
        tag = found.group(1)
        end = re.compile(f"</{tag}>", re.IGNORECASE) if tag else re.compile("-->")
        self._paragraph = None
        if not end.search(line, found.end()):
            self._html_end = end
        return True

    def _atx(self, line: str) -> Heading | None:
        hashes, _, text = line.strip().partition(" ")
        self._paragraph, self._item_column = [], 0
        title = plain_title(_CLOSING_HASHES.sub("", text))
        return Heading(len(hashes), title, 1) if title else None

    def _setext(self, line: str, lines: list[str]) -> Heading | None:
        self._paragraph = []
        title = plain_title(" ".join(lines))
        # A rule drawn under a whole paragraph is common in converted texts.
        if not title or len(lines) > 3 or len(title) > 200:
            return None
        return Heading(1 if line.strip()[0] == "=" else 2, title, len(lines) + 1)

    def _other(self, line: str, indent: int) -> None:
        item = _LIST_ITEM.match(line.lstrip())
        if _RULE.match(line):
            self._paragraph = []
        elif item is not None and (item.group(2) or not self._paragraph):
            self._item_column = indent + max(item.end(), len(item.group(1)) + 1)
            self._paragraph = None
        elif line.lstrip()[0] in ">|":
            self._paragraph = None
        elif self._paragraph is not None:
            self._paragraph.append(line)
