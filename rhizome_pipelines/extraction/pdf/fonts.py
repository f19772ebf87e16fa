"""What a font's PostScript name and the width of its text tell."""

import re
from functools import lru_cache

MONOSPACED = re.compile(
    r"mono|courier|consol|typewriter|menlo|monaco|inconsolata|nimbusmon|fixed|"
    r"lettergothic|sourcecode|andale|hack-|firacode|(?:cm|ec|sf|lm|vt|pl|rm)(?:sl|it|b|cs)?tt|"
    r"txtt|ttdefault",
    re.I,
)
BOLD = re.compile(
    r"bold|black|heavy|semibold|demi(?!a)|medi(?:um)?\b|-md\b|cmbx|cmssbx|sfbx|ecbx|bx\d", re.I
)

ADVANCES = (0.5, 0.525, 0.55, 0.6)
"""Widths of a character of common monospaced fonts, per point of size."""
TOLERANCE = 0.02
FONTS_KNOWN = 256
"""A document has few fonts, and each of its lines asks about one."""


@lru_cache(maxsize=FONTS_KNOWN)
def is_bold(name: str) -> bool:
    """Whether the font's name says that it is bold."""
    return BOLD.search(name) is not None


@lru_cache(maxsize=FONTS_KNOWN)
def _is_monospaced(name: str) -> bool:
    return MONOSPACED.search(name) is not None


def monospaced_advance(name: str, text: str, width: float, size: float) -> float | None:
    """The width in points of one character, if *all* of `text` is set in a monospaced font.

    A text item carries only the font of its first piece: a line of prose that begins with a
    word of code looks monospaced by name, but its width gives it away.
    """
    if not text or size <= 0 or not _is_monospaced(name):
        return None
    ratio = width / (len(text) * size)
    for advance in ADVANCES:
        # The last glyph's bearing is missing from the width: matters for short text.
        slack = TOLERANCE * advance + advance * 0.4 / len(text)
        if abs(ratio - advance) <= slack:
            return advance * size
    return None
