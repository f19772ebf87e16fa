"""Deciding where a quote stands now, and how sure that is.

Confidence is `likeness · (0.7 + 0.3 · support)`: the words themselves decide most, what supports
the place decides whether a person must look. Support is the agreement of the text before and
behind, and whether the place lies where the unchanged text around says that it must.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rapidfuzz.distance import Postfix, Prefix

from rhizome_pipelines.annotations import searching
from rhizome_pipelines.annotations.model import AUTOMATIC, RecoveryMethod
from rhizome_pipelines.annotations.searching import Candidate, Wanted
from rhizome_pipelines.annotations.similarity import likeness
from rhizome_pipelines.annotations.text_index import TextIndex

_WORDS_ALONE = 0.7
_UNKNOWN_CONTEXT = 0.5
_BRACKETED = 0.75
"""Support by the alignment alone."""
_NARROW = 2_000
"""Folded characters beside the quote up to which a bracket supports what lies in it."""
_TELLING = 6
"""Folded characters; a shorter context says little."""
_CHANCE = 0.5
"""The likeness that unrelated texts of one language may have."""
_RIVAL = 0.03
_UNDECIDED = 0.8
"""The most confidence in one of several places between which only distance decides."""
_LEAST = 0.5


@dataclass(frozen=True, slots=True)
class Placement:
    """A span of the new text in code points, and how it was found."""

    begin: int
    end: int
    method: RecoveryMethod
    confidence: float


@dataclass(frozen=True, slots=True)
class _Judged:
    candidate: Candidate
    confidence: float
    same_around: bool
    bracketed: bool
    touching: int
    distance: int


Search = Callable[[TextIndex, Wanted], Iterable[Candidate]]
_SEARCHES: tuple[Search, ...] = (
    searching.literal_places,
    searching.between_contexts,
    searching.in_neighbouring_chunks,
    searching.anywhere,
)


def place(text: TextIndex, wanted: Wanted) -> Placement | None:
    """The best place for a quote, or None if there is none worth a look.

    Each search is made only if those before it found nothing sure.
    """
    judged: list[_Judged] = []
    for search in _SEARCHES:
        judged += [_judge(text, wanted, candidate) for candidate in search(text, wanted)]
        best = _best(judged)
        if best is not None and best.confidence >= AUTOMATIC:
            return best
    best = _best(judged)
    return best if best is not None and best.confidence >= _LEAST else None


def _judge(text: TextIndex, wanted: Wanted, candidate: Candidate) -> _Judged:
    begin, end = candidate.folded
    bracket = wanted.bracket
    bracketed = (
        bracket is not None
        and bracket.firm
        and bracket.begin <= begin
        and end <= bracket.end
        and bracket.end - bracket.begin <= _NARROW + 2 * len(wanted.quote)
    )
    agreement = _agreement(text, wanted, begin, end)
    support = 1 - (1 - agreement) * (1 - _BRACKETED * bracketed)
    confidence = candidate.likeness * (_WORDS_ALONE + (1 - _WORDS_ALONE) * support)
    return _Judged(
        candidate,
        confidence,
        same_around=agreement == 1,
        bracketed=bracketed,
        touching=_touching(text, wanted, begin, end),
        distance=abs(begin - wanted.expected),
    )


def _agreement(text: TextIndex, wanted: Wanted, begin: int, end: int) -> float:
    """0–1: how well the text around the candidate agrees with the text around the quote.

    One side may have been rewritten: the better counts more.
    """
    folded = text.folded.text
    sides = [
        (wanted.before, folded[max(0, begin - len(wanted.before)) : begin]),
        (wanted.after, folded[end : end + len(wanted.after)]),
    ]
    known = [side for side in sides if len(side[0]) >= _TELLING] or [s for s in sides if s[0]]
    if not known:
        return _UNKNOWN_CONTEXT
    scores = [max(0.0, likeness(*side) - _CHANCE) / (1 - _CHANCE) for side in known]
    return 0.7 * max(scores) + 0.3 * min(scores)


def _touching(text: TextIndex, wanted: Wanted, begin: int, end: int) -> int:
    """How many folded characters directly before and behind are the very same."""
    folded = text.folded.text
    before = folded[max(0, begin - len(wanted.before)) : begin]
    after = folded[end : end + len(wanted.after)]
    same_before = Postfix.similarity(before, wanted.before)
    return same_before + Prefix.similarity(after, wanted.after)


def _best(judged: list[_Judged]) -> Placement | None:
    """The surest place.

    Of those about equally sure, in this order: whose surroundings are the very same, which lies in
    its bracket, where more of the surroundings is literally there, which is nearest. Only the
    last of these leaves a doubt.
    """
    if not judged:
        return None
    surest = max(one.confidence for one in judged)
    equal = [one for one in judged if one.confidence > surest - _RIVAL]
    best = min(equal, key=_preference)
    rivals = [one for one in equal if _is_rival(one, best)]
    others = [one for one in judged if _apart(one, best) and one.candidate.likeness > _LEAST]
    confidence = min(best.confidence, _UNDECIDED) if rivals else best.confidence
    method = best.candidate.method
    if method is RecoveryMethod.EXACT and others and not best.bracketed:
        method = RecoveryMethod.CONTEXT
    return Placement(*best.candidate.raw, method, round(confidence, 4))


def _preference(one: _Judged) -> tuple[bool, bool, int, int, float]:
    """The least is the best."""
    return not one.same_around, not one.bracketed, -one.touching, one.distance, -one.confidence


def _is_rival(one: _Judged, best: _Judged) -> bool:
    """Whether nothing but distance speaks against it."""
    return (
        _apart(one, best)
        and one.same_around == best.same_around
        and one.bracketed == best.bracketed
        and one.touching > best.touching - _TELLING
    )


def _apart(one: _Judged, other: _Judged) -> bool:
    """Whether they are two places, not two bounds of one."""
    return (
        one.candidate.raw[0] >= other.candidate.raw[1]
        or other.candidate.raw[0] >= one.candidate.raw[1]
    )
