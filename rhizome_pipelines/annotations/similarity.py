"""How alike passages are, and where in a window the one most like another stands."""

from rapidfuzz import fuzz
from rapidfuzz.distance import Indel

_LONG = 1_000
"""Folded characters; of a longer passage the two ends are looked for."""
_END = 300
_STRAY = 3
"""A matching block at the end that is shorter may be there by accident."""


def likeness(one: str, other: str) -> float:
    """0–1: twice the length of the longest common subsequence over both lengths."""
    return fuzz.ratio(one, other) / 100


def best_span(passage: str, window: str, least: float) -> tuple[int, int] | None:
    """Begin and end of what in `window` is most like `passage`, if at least `least` (0–1)."""
    if len(passage) > _LONG:
        head = _best_short(passage[:_END], window, least)
        if head is None:
            return None
        tail = _best_short(passage[-_END:], window[head[0] :], least)
        if tail is None or tail[1] < len(passage) // 2:
            return None
        return head[0], head[0] + tail[1]
    return _best_short(passage, window, least)


def _best_short(passage: str, window: str, least: float) -> tuple[int, int] | None:
    if not passage or not window:
        return None
    if len(window) <= len(passage):
        return (0, len(window)) if likeness(passage, window) >= least else None
    # A window of the passage's own length lacks what was added to it: look lower, then closer.
    found = fuzz.partial_ratio_alignment(passage, window, score_cutoff=least * 80)
    if found is None:
        return None
    reach = len(passage) // 3 + _STRAY
    low = max(0, found.dest_start - reach)
    begin, end = _closer(passage, window[low : found.dest_end + reach])
    return low + begin, low + end


def _closer(passage: str, window: str) -> tuple[int, int]:
    """The window without what at its ends belongs to no part of the passage."""
    blocks = [
        (code.dest_start, code.dest_end)
        for code in Indel.opcodes(passage, window)
        if code.tag == "equal"
    ]
    while len(blocks) > 1 and _is_stray(blocks[0], blocks[1]):
        blocks.pop(0)
    while len(blocks) > 1 and _is_stray(blocks[-1], blocks[-2]):
        blocks.pop()
    return (blocks[0][0], blocks[-1][1]) if blocks else (0, len(window))


def _is_stray(block: tuple[int, int], neighbour: tuple[int, int]) -> bool:
    size = block[1] - block[0]
    gap = max(neighbour[0] - block[1], block[0] - neighbour[1])
    return size < _STRAY and gap > size
