"""An index of the trigrams of a folded text: where a passage like a given one may stand."""

import numpy as np
from numpy.typing import NDArray

_RAREST = 24
"""Trigrams of a passage that are asked for their places."""
_PLACES = 4_000
"""A trigram with more places than these tells too little."""


class TrigramIndex:
    """Every trigram's places in a text, given as code points."""

    def __init__(self, codes: NDArray[np.uint32]) -> None:
        keys = _trigrams(codes)
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]

    def likely_places(self, passage: str, most: int) -> list[int]:
        """Up to `most` places where the passage may begin, the likeliest first.

        Each of the passage's rarest trigrams votes for the beginnings that would explain it.
        """
        codes = np.frombuffer(passage.encode("utf-32-le", "surrogatepass"), "<u4")
        keys, offsets = np.unique(_trigrams(codes), return_index=True)
        lows = np.searchsorted(self._keys, keys, side="left")
        counts = np.searchsorted(self._keys, keys, side="right") - lows
        useful = np.flatnonzero((counts > 0) & (counts <= _PLACES))
        rarest = useful[np.argsort(counts[useful], kind="stable")[:_RAREST]]
        if not len(rarest):
            return []
        begins = np.concatenate(
            [self._order[lows[i] : lows[i] + counts[i]] - offsets[i] for i in rarest]
        )
        width = max(16, len(passage) // 4)
        bins, votes = np.unique(np.maximum(begins, 0) // width, return_counts=True)
        # An edit moves votes into the next bin: the two count together.
        follows = np.append(np.diff(bins) == 1, False)
        votes = votes + np.where(follows, np.append(votes[1:], 0), 0)
        best = np.argsort(-votes, kind="stable")[:most]
        return [int(bins[i]) * width for i in best]


def _trigrams(codes: NDArray[np.uint32]) -> NDArray[np.uint64]:
    wide = codes.astype(np.uint64)
    return (wide[:-2] << np.uint64(42)) | (wide[1:-1] << np.uint64(21)) | wide[2:]
