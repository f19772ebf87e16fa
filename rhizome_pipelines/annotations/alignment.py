"""What of an old text stands where in a new one: passages that both have exactly once, in order.

Runs of `RUN` folded characters that occur once in either text are found by their hashes; of
those the longest sequence that keeps its order is the alignment (the idea of the patience diff,
B. Cohen). A hash that two runs share costs a hint, never a wrong certainty: what is called
unchanged is compared literally.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rhizome_pipelines.annotations.folding import FoldedText

RUN = 24
_DENSE = 200_000
"""Folded characters of a text up to which every run is looked at; beyond, one in eight."""
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


@dataclass(frozen=True, slots=True)
class Bracket:
    """Where in the new text an old passage must lie, if nothing was moved; folded characters.

    `expected`: where it would begin if its nearer neighbour had kept its distance.
    `unchanged`: the text from one neighbour to the other is the same in both texts.
    `firm`: the neighbours are passages, neither is only the beginning or the end of the text.
    """

    begin: int
    end: int
    expected: int
    unchanged: bool
    firm: bool


class Alignment:
    """The common passages of two texts."""

    def __init__(self, old: FoldedText, new: FoldedText) -> None:
        self._old, self._new = old, new
        sampled = max(len(old), len(new)) > _DENSE
        old_hashes, old_places = _single_runs(old.codes, sampled)
        new_hashes, new_places = _single_runs(new.codes, sampled)
        _, in_old, in_new = np.intersect1d(
            old_hashes, new_hashes, assume_unique=True, return_indices=True
        )
        pairs = sorted(zip(old_places[in_old].tolist(), new_places[in_new].tolist(), strict=True))
        kept = _longest_increasing([place for _, place in pairs])
        self._old_runs = [pairs[index][0] for index in kept]
        self._new_runs = [pairs[index][1] for index in kept]

    def bracket(self, begin: int, end: int) -> Bracket:
        """Of the old passage `begin`–`end` (folded characters).

        The neighbours lie wholly beside the passage: that its own words are found somewhere is
        no evidence that they are where they were.
        """
        left = bisect_right(self._old_runs, begin - RUN) - 1
        right = bisect_left(self._old_runs, end)
        old_begin, new_begin = (self._old_runs[left], self._new_runs[left]) if left >= 0 else (0, 0)
        if right < len(self._old_runs):
            old_end, new_end = self._old_runs[right] + RUN, self._new_runs[right] + RUN
        else:
            old_end, new_end = len(self._old), len(self._new)
        nearer_left = begin - old_begin <= old_end - end
        shift = new_begin - old_begin if nearer_left else new_end - old_end
        return Bracket(
            new_begin,
            max(new_begin, new_end),
            min(max(begin + shift, new_begin), max(new_begin, new_end)),
            old_end - old_begin == new_end - new_begin
            and self._old.text[old_begin:old_end] == self._new.text[new_begin:new_end],
            left >= 0 and right < len(self._old_runs),
        )


def _single_runs(
    codes: NDArray[np.uint32], sampled: bool
) -> tuple[NDArray[np.uint64], NDArray[np.intp]]:
    """Hashes of the runs that occur once, ascending, and where each begins."""
    count = max(0, len(codes) - RUN + 1)
    hashes = np.zeros(count, np.uint64)
    for offset in range(RUN):  # Horner's rule over all runs at once, modulo 2^64
        hashes = hashes * _FACTOR + codes[offset : offset + count]
    hashes ^= hashes >> _SHIFT
    places = np.flatnonzero(hashes % np.uint64(8) == 0) if sampled else np.arange(count)
    found, first, counts = np.unique(hashes[places], return_index=True, return_counts=True)
    single = counts == 1
    return found[single], places[first[single]]


def _longest_increasing(values: list[int]) -> list[int]:
    """Indices of a longest increasing subsequence, by patience sorting, in O(n log n)."""
    tops: list[int] = []
    top_indices: list[int] = []
    before = [-1] * len(values)
    for index, value in enumerate(values):
        pile = bisect_left(tops, value)
        before[index] = top_indices[pile - 1] if pile else -1
        if pile == len(tops):
            tops.append(value)
            top_indices.append(index)
        else:
            tops[pile], top_indices[pile] = value, index
    result = []
    index = top_indices[-1] if top_indices else -1
    while index >= 0:
        result.append(index)
        index = before[index]
    return result[::-1]
