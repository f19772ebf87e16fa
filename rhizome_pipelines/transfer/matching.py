"""Which chunk of an archive is which chunk that is there: by content, then by place."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

_MANY = 500
"""Chunks of one text; of more than these, the first is the first, the second the second."""


@dataclass(frozen=True, slots=True)
class Place:
    """A chunk as matching sees it: its index, and hashes of its text as it is and as it reads."""

    index: int
    exact: bytes
    folded: bytes

    @staticmethod
    def of(index: int, content: str) -> "Place":
        """`folded` ignores case, white space, marks and markup."""
        letters = "".join(filter(str.isalnum, content.casefold()))
        return Place(index, _digest(content), _digest(letters or content))


@dataclass(frozen=True)
class Matching:
    """`pairs` of (index there, index in the archive); what has no partner on either side."""

    pairs: Sequence[tuple[int, int]]
    only_there: Sequence[int]
    only_here: Sequence[int]


def match_chunks(there: Iterable[Place], archive: Iterable[Place]) -> Matching:
    """Pair chunks of the same text; of several, those whose places are nearest.

    First by the text as it is, then by its letters and digits alone. Nothing is guessed: what is
    not the same text stays without a partner.
    """
    left, right = list(there), list(archive)
    pairs: list[tuple[int, int]] = []
    for text in (lambda place: place.exact, lambda place: place.folded):
        found = _paired(left, right, text)
        pairs += found
        lefts, rights = {one for one, _ in found}, {other for _, other in found}
        left = [place for place in left if place.index not in lefts]
        right = [place for place in right if place.index not in rights]
    return Matching(
        sorted(pairs), [place.index for place in left], [place.index for place in right]
    )


def _paired(
    left: Sequence[Place], right: Sequence[Place], text: Callable[[Place], bytes]
) -> list[tuple[int, int]]:
    """Of each text in as many pairs as there are on both sides, the nearest first."""
    here: dict[bytes, list[int]] = defaultdict(list)
    for place in right:
        here[text(place)].append(place.index)
    there: dict[bytes, list[int]] = defaultdict(list)
    for place in left:
        if text(place) in here:
            there[text(place)].append(place.index)
    pairs = []
    for key, indexes in there.items():
        pairs += _nearest(indexes, here[key])
    return pairs


def _nearest(left: list[int], right: list[int]) -> list[tuple[int, int]]:
    if len(left) == len(right) or max(len(left), len(right)) > _MANY:
        return list(zip(sorted(left), sorted(right), strict=False))
    few, many = (left, right) if len(left) < len(right) else (right, left)
    taken, free = [], sorted(many)
    for index in sorted(few):
        nearest = min(free, key=lambda other: (abs(other - index), other))
        free.remove(nearest)
        taken.append((index, nearest))
    return taken if few is left else [(other, index) for index, other in taken]


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
