"""Characters of a PDF's text: what is dropped, what is replaced."""

import re
import unicodedata

SOFT_HYPHEN = "\u00ad"

_REPLACEMENTS = {
    # Ligatures of the Alphabetic Presentation Forms block.
    0xFB00: "ff",
    0xFB01: "fi",
    0xFB02: "fl",
    0xFB03: "ffi",
    0xFB04: "ffl",
    0xFB05: "st",
    0xFB06: "st",
    # Bullets of the Symbol and Wingdings fonts, as private use code points.
    0xF0B7: "•",
    0xF0A7: "▪",
    0xF0D8: "▸",
    0xF0FC: "✓",
    # PDFium's marks for a hyphen at the end of a line.
    0x0002: SOFT_HYPHEN,
    0xFFFE: SOFT_HYPHEN,
    0x2010: "-",
    0x2011: "-",
}
_SPACES = (0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
_INVISIBLE = (
    0x061C,
    0x180E,
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
)
# Zero-width joiners shape words in several scripts.
_KEPT = {0x200C, 0x200D}

_TABLE: dict[int, str | None] = {
    **dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], None),
    **{point: None for point in _INVISIBLE if point not in _KEPT},
    **dict.fromkeys([0xFEFF, 0xFFF9, 0xFFFA, 0xFFFB, 0xFFFF, *range(0xFDD0, 0xFDF0)], None),
    **dict.fromkeys([*_SPACES, *range(0x2000, 0x200B)], " "),
    **_REPLACEMENTS,
}
_SURROGATES = re.compile("[\ud800-\udfff]")
_INNER_SOFT_HYPHEN = re.compile(f"{SOFT_HYPHEN}(?!$)")
_NO_LETTERS = re.compile(r"[\W_]+")
_SPACE_RUN = re.compile(" {2,}")


def letters(text: str) -> str:
    """Only the letters and digits, in lower case: what is compared where form does not count."""
    return _NO_LETTERS.sub("", text.casefold())


def clean(text: str, *, keep_spaces: bool = False) -> str:
    """The text of one line: NFC, without control characters, ligatures or lone surrogates.

    A soft hyphen stays at the very end only, where it marks a divided word. Runs of spaces
    become one, unless `keep_spaces` (code).
    """
    text = _SURROGATES.sub("", text).translate(_TABLE)
    text = unicodedata.normalize("NFC", text).rstrip(" ")
    text = _INNER_SOFT_HYPHEN.sub("", text)
    return text if keep_spaces else _SPACE_RUN.sub(" ", text).lstrip(" ")
