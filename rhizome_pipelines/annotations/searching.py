"""The ways to look for a quote in a new text, each giving candidates; none of them judges."""

from collections.abc import Iterator
from dataclasses import dataclass

from rapidfuzz.distance import Postfix, Prefix

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

    `bracket` is None where nothing is known of the old text. `cuts_words` tells whether the quote
    begins and ends within a word.
    """

    raw: str
    quote: str
    before: str
    after: str
    expected: int
    bracket: Bracket | None
    cuts_words: tuple[bool, bool]
    around: tuple[str, str]
    """The text before and behind, raw."""

    @staticmethod
    def of(raw: str, around: tuple[str, str], expected: int, bracket: Bracket | None) -> "Wanted":
        """Folds the quote and what it needs of the text around it."""
        before, after = fold(around[0])[-CONTEXT:], fold(around[1])[:CONTEXT]
        cuts = _within_word(around[0], raw), _within_word(raw, around[1])
        return Wanted(raw, fold(raw), before, after, expected, bracket, cuts, around)


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
        return _places_of_signs(text, wanted)
    folded = text.folded.text
    around = wanted.before, wanted.after
    places = _quote_places(folded, wanted.quote, around, wanted.expected)
    return [literal(text, wanted.raw, place, place + len(wanted.quote)) for place in sorted(places)]


def _places_of_signs(text: TextIndex, wanted: Wanted) -> list[Candidate]:
    """Of a quote of nothing but signs, whose folding is empty: where most around is the same."""
    before, after = wanted.around
    found: dict[int, int] = {}
    near = text.folded.raw_span(wanted.expected, 0)[0]
    for place in _quote_places(text.raw, wanted.raw, wanted.around, near):
        end = place + len(wanted.raw)
        found[place] = Postfix.similarity(
            text.raw[max(0, place - len(before)) : place], before
        ) + Prefix.similarity(text.raw[end : end + len(after)], after)
    places = [place for place, same in sorted(found.items()) if same == max(found.values())]
    return [
        Candidate(
            (place, place + len(wanted.raw)),
            (text.folded.at(place),) * 2,
            1.0,
            RecoveryMethod.EXACT,
        )
        for place in places
    ]


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
        for found in _occurrences(folded, before, wanted.expected - len(before)):
            begin = found + len(before)
            likely = begin + len(wanted.quote)
            end = _nearest(folded, after, likely, (begin, begin + room + len(after)))
            windows.add((begin, begin + room if end is None else end))
    if len(after) >= _SHORT:
        for end in _occurrences(folded, after, wanted.expected + len(wanted.quote)):
            likely = end - len(wanted.quote) - len(before)
            place = _nearest(folded, before, likely, (max(0, end - room - len(before)), end))
            windows.add((max(0, end - room) if place is None else place + len(before), end))
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
        start, stop = _whole_words(text.raw, text.folded.raw_span(begin, end), wanted.cuts_words)
        raw = _with_punctuation(text.raw, wanted.raw, start, stop)
        yield Candidate(raw, (begin, end), alike, method)


def _quote_places(text: str, quote: str, around: tuple[str, str], near: int) -> set[int]:
    """Where the quote stands; if that is in very many places, where it should, or as it should."""
    places = _occurrences(text, quote, near)
    if len(places) < _NEAREST:
        return places
    for reach in (CONTEXT, CONTEXT // 4):
        before, after = around[0][-reach:], around[1][:reach]
        for lead, trail in ((before, after), (before, ""), ("", after)):
            found = _occurrences(text, lead + quote + trail, near - len(lead), most=4)
            places |= {place + len(lead) for place in found}
    return places


def _occurrences(text: str, wanted: str, near: int, most: int = _NEAREST) -> set[int]:
    """Where `wanted` begins: up to `most` places on either side of `near`, the nearest."""
    if not wanted:
        return set()
    near = max(0, near)
    places: set[int] = set()
    place = text.find(wanted, near)
    while place >= 0 and len(places) < most:
        places.add(place)
        place = text.find(wanted, place + 1)
    before = 0
    place = text.rfind(wanted, 0, near + len(wanted) - 1)
    while place >= 0 and before < most:
        places.add(place)
        before += 1
        place = text.rfind(wanted, 0, place + len(wanted) - 1)
    return places


def _nearest(text: str, wanted: str, near: int, within: tuple[int, int]) -> int | None:
    """Where `wanted` stands nearest to `near` in the part `within` of the text, if it does."""
    if not wanted:
        return None
    low, high = within
    near = max(low, near)
    places = (text.find(wanted, near, high), text.rfind(wanted, low, near + len(wanted)))
    return min((p for p in places if p >= 0), key=lambda p: abs(p - near), default=None)


def _with_punctuation(text: str, quote: str, start: int, stop: int) -> tuple[int, int]:
    """The span with the punctuation around it that the quote has at its ends too."""
    bare = [index for index, character in enumerate(quote) if fold(character)]
    lead, trail = quote[: bare[0]].lstrip(), quote[bare[-1] + 1 :].rstrip()
    if lead and text.endswith(lead, 0, start):
        start -= len(lead)
    if trail and text.startswith(trail, stop):
        stop += len(trail)
    return start, stop


def _whole_words(
    text: str, span: tuple[int, int], cuts_words: tuple[bool, bool], most: int = 16
) -> tuple[int, int]:
    """The span with the words at its ends whole, if they were; not in scripts without spaces."""
    low, high = start, stop = span
    while 0 < low < len(text) and _within_word(text[low - 1], text[low]):
        low -= 1
    while 0 < high < len(text) and _within_word(text[high - 1], text[high]):
        high += 1
    return (
        start if cuts_words[0] or start - low > most else low,
        stop if cuts_words[1] or high - stop > most else high,
    )


def _within_word(one: str, other: str) -> bool:
    return one[-1:].isalnum() and other[:1].isalnum()
