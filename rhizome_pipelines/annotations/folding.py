"""Texts without what a re-extraction changes for nothing: spaces, punctuation, case, encoding.

A folded text keeps letters, marks, digits and pictures, in compatibility decomposition and
without case (Unicode Standard Annex 15, and its default caseless matching), and knows where in
the raw text each of its characters stands. Two texts with the same folding say the same.
"""

import unicodedata
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

_CODE_POINTS = 0x110000
_PICTURES = ("So", "Sc")


def fold(text: str) -> str:
    """The folding of a short text."""
    return "".join(map(_folded, text))


@lru_cache(maxsize=65_536)
def _folded(character: str) -> str:
    decomposed = unicodedata.normalize("NFKD", character).casefold()
    return "".join(filter(_is_kept, unicodedata.normalize("NFKD", decomposed)))


def _is_kept(character: str) -> bool:
    if "\ufe00" <= character <= "\ufe0f":  # variation selectors: how a picture is drawn
        return False
    category = unicodedata.category(character)
    return category[0] in "LNM" or category in _PICTURES


class FoldedText:
    """A text of any length and its folding: `text`, and `codes`, its code points."""

    def __init__(self, raw: str) -> None:
        self.raw = raw
        codes = np.frombuffer(raw.encode("utf-32-le", "surrogatepass"), "<u4")
        present = np.zeros(_CODE_POINTS, bool)
        present[codes] = True
        lengths = np.zeros(_CODE_POINTS, np.int32)
        firsts = np.zeros(_CODE_POINTS, np.int64)
        pool: list[int] = [0]
        for code in np.flatnonzero(present).tolist():
            folded = _folded(chr(code))
            lengths[code], firsts[code] = len(folded), len(pool)
            pool.extend(map(ord, folded))
        counts = lengths[codes]
        begins = np.cumsum(counts, dtype=np.int64) - counts
        kept = np.repeat(firsts[codes] - begins, counts) + np.arange(int(counts.sum()))
        self.codes: NDArray[np.uint32] = np.array(pool, np.uint32)[kept]
        self._places = np.repeat(np.arange(len(codes), dtype=np.int32), counts)

    @cached_property
    def text(self) -> str:
        """The folding."""
        return self.codes.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")

    def __len__(self) -> int:
        return len(self.codes)

    def at(self, raw_place: int) -> int:
        """The first folded character at or behind a place of the raw text."""
        # Of the array's own type, or all of it would be converted for every question.
        return int(np.searchsorted(self._places, np.int32(raw_place)))

    def raw_span(self, begin: int, end: int) -> tuple[int, int]:
        """The raw characters that `text[begin:end]` is the folding of."""
        if begin >= end:
            place = int(self._places[begin]) if begin < len(self) else len(self.raw)
            return place, place
        return int(self._places[begin]), int(self._places[end - 1]) + 1
