"""What a line of markdown can begin or end, after CommonMark 0.31, chapter 4 and section 5.2.

Each function gets the line from its first character that is no space, tabs expanded and
without its line end; tables are those of GitHub Flavored Markdown, section 4.10.
"""

import re
from dataclasses import dataclass

_THEMATIC = re.compile(r"(?:\*[ ]*){3,}$|(?:-[ ]*){3,}$|(?:_[ ]*){3,}$")
_FENCE = re.compile(r"(`{3,})[^`]*$|(~{3,})")
_MARKER = re.compile(r"(?:[-+*]|(\d{1,9})[.)])(?=( *))(?: |$)", re.ASCII)
_PIPE = re.compile(r"(?<!\\)\|")
_DELIMITER_ROW = re.compile(r"(?!- )[|:-](?=[|: -])[|: -]*$")
_DELIMITER = re.compile(r" *:?-+:? *$")

_NAMES = (
    "address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details"
    "|dialog|dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head"
    "|header|hr|html|iframe|legend|li|link|main|menu|menuitem|nav|noframes|ol|optgroup|option|p"
    "|param|search|section|summary|table|tbody|td|tfoot|th|thead|title|tr|track|ul"
)
_VALUE = r"""(?:[^"'=<>`\x00-\x20]+|'[^']*'|"[^"]*")"""
_ATTRIBUTE = rf"(?:\s+[a-zA-Z_:][a-zA-Z0-9:._-]*(?:\s*=\s*{_VALUE})?)"
_ANY_TAG = rf"<[a-zA-Z][a-zA-Z0-9-]*{_ATTRIBUTE}*\s*/?>|</[a-zA-Z][a-zA-Z0-9-]*\s*>"
_UNTIL_BLANK = re.compile(rf"</?(?:{_NAMES})(?=\s|/?>|$)", re.IGNORECASE | re.ASCII)
_TAG_ALONE = re.compile(rf"(?:{_ANY_TAG})\s*$")
_BLANK = re.compile(r"\A\Z")
_UNTIL_END = [
    (re.compile(start, re.IGNORECASE | re.ASCII), re.compile(end, re.IGNORECASE | re.ASCII))
    for start, end in (
        (r"<(?:script|pre|style|textarea)(?=\s|>|$)", r"</(?:script|pre|style|textarea)>"),
        (r"<!--", r"-->"),
        (r"<\?", r"\?>"),
        (r"<![a-z]", r">"),
        (r"<!\[CDATA\[", r"\]\]>"),
    )
]


@dataclass(frozen=True, slots=True)
class ListMarker:
    """The mark of a list item. `width`: columns from the mark to the item's text.

    `interrupts`: whether it may follow a paragraph's line without a blank one between.
    """

    width: int
    interrupts: bool


def is_thematic_break(line: str) -> bool:
    """Whether the line is a rule such as `* * *`."""
    return _THEMATIC.match(line) is not None


def opening_fence(line: str) -> str | None:
    """The marks that open fenced code."""
    found = _FENCE.match(line)
    return found and (found[1] or found[2])


def closes_fence(fence: str, line: str) -> bool:
    """Whether the line ends the code that `fence` opened."""
    marks = line.rstrip(" ")
    return len(marks) >= len(fence) and not marks.strip(fence[0])


def html_block_end(line: str, *, in_paragraph: bool) -> re.Pattern[str] | None:
    """What a line has in it that ends the block of raw HTML which this line begins, if it does.

    The line itself may have it.
    """
    for start, end in _UNTIL_END:
        if start.match(line):
            return end
    if _UNTIL_BLANK.match(line) or (not in_paragraph and _TAG_ALONE.match(line)):
        return _BLANK
    return None


def list_marker(line: str) -> ListMarker | None:
    """The mark with which the line begins a list item."""
    found = _MARKER.match(line)
    if found is None or is_thematic_break(line):
        return None
    number, spaces = found.groups()
    mark = found.end() - bool(spaces)
    empty = mark + len(spaces) == len(line)
    # What stands five or more columns behind the mark is indented code one column behind it.
    width = mark + (1 if empty or len(spaces) > 4 else len(spaces))
    return ListMarker(width, not empty and (number is None or int(number) == 1))


def begins_table(header: str, line: str) -> bool:
    """Whether the line is the row below a table's header, with as many cells."""
    if "|" not in header or not _DELIMITER_ROW.match(line):
        return False
    delimiters = line.rstrip(" ").split("|")
    cells = _PIPE.split(header)
    for row in (delimiters, cells):
        if not row[0].strip(" "):
            del row[0]
        if row and not row[-1].strip(" "):
            del row[-1]
    return 0 < len(cells) == len(delimiters) and all(map(_DELIMITER.match, delimiters))
