"""Tables of contents: a title, dotted leaders (which may be lost), a page number."""

import re
from collections.abc import Sequence
from itertools import pairwise

ELLIPSIS = "…"
LEADERS = re.compile(r"\s*(?:[.·…]\s?){4,}\s*")
CONTENTS_LINE = re.compile(
    rf"(?:\S.*?\s*)?(?:(?:[.·…]\s?){{4,}}\s*(?:\d+|[ivxlc]+)|(?:[.·…]\s?){{9,}})$"
    rf"|\S.* {ELLIPSIS} (?:\d+|[ivxlc]+)$",
    re.I,
)
PAGE_NUMBER = re.compile(r"\d{1,5}|[ivxlc]{1,8}")

MIN_LEADERS = 4
MIN_ROWS = 6
MIN_SHARE = 0.6


def is_contents_line(text: str) -> bool:
    """Whether a line reads like one of a table of contents.

    The expression tries every place of a line: most lines are told by counting leaders alone.
    """
    leaders = "…" in text or "·" in text or text.count(".") >= MIN_LEADERS
    return leaders and CONTENTS_LINE.match(text) is not None


def is_contents_row(pieces: Sequence[str], gap: float, size: float) -> bool:
    """Whether a row is a title and, after a gap in points, nothing but a page number."""
    *title, number = pieces
    numbers = sum(1 for piece in title[1:] if piece.isdecimal())
    return (
        PAGE_NUMBER.fullmatch(number.strip()) is not None
        and gap > 2 * size
        and numbers == 0
        and any(character.isalpha() for piece in title for character in piece)
    )


def is_contents(rows: int, numbers: Sequence[int]) -> bool:
    """Whether a page of so many rows is one of contents: their page numbers rise."""
    if len(numbers) < MIN_ROWS or len(numbers) < MIN_SHARE * rows:
        return False
    falls = sum(1 for a, b in pairwise(numbers) if b < a)
    return falls <= len(numbers) // 20
