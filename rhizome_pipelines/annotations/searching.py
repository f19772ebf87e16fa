"""The ways to look for a quote in a new text, each giving candidates; none of them judges."""

from collections.abc import Iterator
from dataclasses import dataclass

from rhizome_pipelines.annotations.alignment import Bracket
from rhizome_pipelines.annotations.folding import fold
from rhizome_pipelines.annotations.model import RecoveryMethod
from rhizome_pipelines.annotations.similarity import best_span, likeness
from rhizome_pipelines.annotations.text_index import TextIndex

SAME_LETTERS = 0.98
"""The likeness of words that differ from the quote only in spaces, punctuation or case."""
CONTEXT = 48
"""Folded characters of the text before and behind that are compared."""
_LANDMARK = 24
"""Folded characters next to the quote by which its place is looked for."""
_SHORT = 12
"""Folded characters; a shorter quote is never looked for by similarity: much is like it."""
_NEAREST = 24
"""Occurrences of a frequent quote that are looked at on either side of where it should be."""
_REACH = 1
"""Chunks on either side that count as neighbours."""
_LEAST_BETWEEN = 0.5
_LEAST_NEAR = 0.62
_LEAST_ANYWHERE = 0.7


@dataclass(frozen=True, slots=True)
class Wanted:
    """A quote with its surroundings, raw and folded, and the folded place where it should be.

    `bracket` is None where nothing is known of the old text.
    """

    raw: str
    quote: str
    before: str
    after: str
    expected: int
    bracket: Bracket | None

    @staticmethod
    def of(raw: str, around: tuple[str, str], expected: int, bracket: Bracket | None) -> "Wanted":
        """Folds the quote and what it needs of the text around it."""
        before, after = fold(around[0])[-CONTEXT:], fold(around[1])[:CONTEXT]
        return Wanted(raw, fold(raw), before, after, expected, bracket)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage: its place in the raw text (code points), in the folded one, its likeness (0–1)."""

    raw: tuple[int, int]
    folded: tuple[int, int]
    likeness: float
    method: RecoveryMethod


def literal_places(text: TextIndex, wanted: Wanted) -> list[Candidate]:
    """The quote's own words, wherever they stand; of very many the nearest."""
    if not wanted.quote:
        places = _occurrences(text.raw, wanted.raw, text.folded.raw_span(wanted.expected, 0)[0])
        spans = [(place, place + len(wanted.raw)) for place in sorted(places)]
        return [
            Candidate(raw, (text.folded.at(raw[0]),) * 2, 1.0, RecoveryMethod.EXACT)
            for raw in spans
        ]
    folded = text.folded.text
    places = _occurrences(folded, wanted.quote, wanted.expected)
    for landmark, shift in (
        (wanted.before + wanted.quote, len(wanted.before)),
        (wanted.quote + wanted.after, 0),
    ):
        place = folded.find(landmark)
        if place >= 0:
            places.add(place + shift)
    return [literal(text, wanted.raw, place, place + len(wanted.quote)) for place in sorted(places)]


def literal(text: TextIndex, raw: str, begin: int, end: int) -> Candidate:
    """The candidate of a folded span that has the quote's letters."""
    start, stop = text.folded.raw_span(begin, end)
    lead = next((i for i, character in enumerate(raw) if fold(character)), 0)
    if start >= lead and text.raw.startswith(raw, start - lead):
        span = start - lead, start - lead + len(raw)
        return Candidate(span, (begin, end), 1.0, RecoveryMethod.EXACT)
    return Candidate(
        _with_punctuation(text.raw, raw, start, stop),
        (begin, end),
        SAME_LETTERS,
        RecoveryMethod.EXACT,
    )


def between_contexts(text: TextIndex, wanted: Wanted) -> Iterator[Candidate]:
    """What stands between the text before and the text behind, where both are found."""
    folded = text.folded.text
    before, after = wanted.before[-_LANDMARK:], wanted.after[:_LANDMARK]
    room = len(wanted.quote) * 2 + CONTEXT
    windows = set()
    if len(before) >= _SHORT:
        for place in _occurrences(folded, before, wanted.expected - len(before)):
            begin = place + len(before)
            end = folded.find(after, begin, begin + room + len(after)) if after else -1
            windows.add((begin, end if end >= 0 else begin + room))
    if len(after) >= _SHORT:
        for end in _occurrences(folded, after, wanted.expected + len(wanted.quote)):
            begin = folded.rfind(before, max(0, end - room - len(before)), end) if before else -1
            windows.add((begin + len(before) if begin >= 0 else max(0, end - room), end))
    for begin, end in sorted(windows):
        yield from _alike(text, wanted, (begin, end), _LEAST_BETWEEN, RecoveryMethod.CONTEXT)


def in_neighbouring_chunks(text: TextIndex, wanted: Wanted) -> Iterator[Candidate]:
    """The passage most like the quote in the chunks around where it should be."""
    begin, _ = text.neighbourhood(wanted.expected, _REACH)
    _, end = text.neighbourhood(wanted.expected + len(wanted.quote), _REACH)
    yield from _alike(text, wanted, (begin, end), _LEAST_NEAR, RecoveryMethod.CHUNK_BOUNDED)


def anywhere(text: TextIndex, wanted: Wanted) -> Iterator[Candidate]:
    """The passages that share the quote's rarest trigrams."""
    reach = len(wanted.quote) // 2 + CONTEXT
    for place in text.trigrams.likely_places(wanted.quote, most=3):
        window = max(0, place - reach), place + len(wanted.quote) + 2 * reach
        yield from _alike(text, wanted, window, _LEAST_ANYWHERE, RecoveryMethod.TRIGRAM)


def _alike(
    text: TextIndex,
    wanted: Wanted,
    window: tuple[int, int],
    least: float,
    method: RecoveryMethod,
) -> Iterator[Candidate]:
    if len(wanted.quote) < _SHORT:
        return
    folded = text.folded.text
    span = best_span(wanted.quote, folded[slice(*window)], least)
    if span is None or span[0] >= span[1]:
        return
    begin, end = window[0] + span[0], window[0] + span[1]
    alike = likeness(wanted.quote, folded[begin:end])
    if alike == 1:
        yield literal(text, wanted.raw, begin, end)
    elif alike >= least:
        start, stop = _whole_words(text.raw, *text.folded.raw_span(begin, end))
        raw = _with_punctuation(text.raw, wanted.raw, start, stop)
        yield Candidate(raw, (begin, end), alike, method)


def _occurrences(text: str, wanted: str, near: int) -> set[int]:
    """Where `wanted` begins: up to `_NEAREST` places on either side of `near`, nearest first."""
    if not wanted:
        return set()
    near = max(0, near)
    places = set()
    place = text.find(wanted, near)
    while place >= 0 and len(places) < _NEAREST:
        places.add(place)
        place = text.find(wanted, place + 1)
    before = 0
    place = text.rfind(wanted, 0, near + len(wanted) - 1)
    while place >= 0 and before < _NEAREST:
        places.add(place)
        before += 1
        place = text.rfind(wanted, 0, place + len(wanted) - 1)
    return places


def _with_punctuation(text: str, quote: str, start: int, stop: int) -> tuple[int, int]:
    """The span with the punctuation around it that the quote has at its ends too."""
    bare = [index for index, character in enumerate(quote) if fold(character)]
    lead, trail = quote[: bare[0]].lstrip(), quote[bare[-1] + 1 :].rstrip()
    if lead and text.endswith(lead, 0, start):
        start -= len(lead)
    if trail and text.startswith(trail, stop):
        stop += len(trail)
    return start, stop


def _whole_words(text: str, start: int, stop: int, most: int = 16) -> tuple[int, int]:
    """The span with the words at its ends whole; not in scripts that write no spaces."""
    low, high = start, stop
    while low > 0 and text[low - 1].isalnum() and text[low].isalnum():
        low -= 1
    while high < len(text) and text[high].isalnum() and text[high - 1].isalnum():
        high += 1
    return low if start - low <= most else start, high if high - stop <= most else stop
