"""Where two texts say the same thing and its opposite: negation, antonyms, differing numbers.

A rough look by words, without a model: English word lists, sentences compared two by two. It finds
what is said in nearly the same words, and takes irony and quotation at their word.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from itertools import product

from rhizome_pipelines.connections.explanation import words_of

_LEAST_OVERLAP = 0.5
_FEWEST_COMMON = 3
_FEWEST_COMMON_WITH_NUMBERS = 4
_MOST_SENTENCES = 40
_LONGEST_SENTENCE = 600
_LONGEST_QUOTE = 160

_CERTAINTY = {"negation": 0.8, "antonyms": 0.75, "numbers": 0.6}
"""How far such a contrast is trusted, 0–1: the order in which they err on our labelled set."""

_NO_PROSE = re.compile(
    r"<!--.*?(?:-->|\Z)"  # comments
    r"|^ {0,3}(```+|~~~+).*?(?:^ {0,3}\1|\Z)"  # fenced code
    r"|^(?: {4}|\t| *\|)[^\n]*$"  # indented code, rows of tables
    r"|\]\([^()\s]*\)",  # targets of links
    re.DOTALL | re.MULTILINE,
)
_WHOLE = re.compile(r"[\W_]*[A-ZÀ-ÝΑ-ΩА-Я\"“'(`*_].*[.!?][\W_]*", re.DOTALL)
_CODE = re.compile(r"`[^`]+`|[a-z]+[A-Z]\w*|\w+_\w+|\w+\(\)")
_SENTENCE = re.compile(r"(?<=[.!?])[\"”’)\]]*\s+|\n\s*\n|\n(?=#|[-*+] )")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?![\w])")
_NEGATIONS = frozenset(
    ["not", "no", "never", "none", "nor", "neither", "nobody", "nothing", "cannot", "without",
     "hardly", "scarcely", "barely"]
)  # fmt: skip
_CONDITIONS = frozenset(["if", "unless", "when", "whenever", "whether", "until"])
_QUANTITIES = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12",
}  # fmt: skip
_ENDINGS = ("ing", "ed", "es", "e", "s")


@dataclass(frozen=True, slots=True)
class Contrast:
    """How two sentences differ. `overlap` (of their words) and `certainty` are 0–1."""

    kind: str
    overlap: float
    certainty: float
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    words: frozenset[str]
    spoken: frozenset[str]
    numbers: frozenset[str]
    code: frozenset[str]
    negated: bool
    conditional: bool


@dataclass(frozen=True, slots=True)
class _Text:
    """`places`: for each of its `words` the sentences that have it."""

    sentences: Sequence[_Sentence]
    places: Mapping[str, Sequence[int]]
    words: frozenset[str]


def contrast(one: str, two: str) -> Contrast | None:
    """The most telling contrast between two texts; the earliest of equals. Symmetric but for order.

    Looked at are whole sentences of prose. Two of them must share half of their telling words, and
    three at least, and name the same code.
    """
    best: Contrast | None = None
    mine, theirs = _read_once(one), _read_once(two)
    for (first, second), common in _sharing(mine, theirs):
        found = _between(mine.sentences[first], theirs.sentences[second], common)
        if found is not None and (best is None or _worth(found) > _worth(best)):
            best = found
    return best


def _sharing(one: _Text, two: _Text) -> list[tuple[tuple[int, int], int]]:
    """Pairs of places of sentences with enough words in common, in order, and with how many.

    Most sentences share next to nothing: only words that both texts have are looked at.
    """
    words = one.words & two.words
    if len(words) < _FEWEST_COMMON:
        return []
    counts: dict[tuple[int, int], int] = {}
    for word in words:
        for pair in product(one.places[word], two.places[word]):
            counts[pair] = counts.get(pair, 0) + 1
    return sorted(entry for entry in counts.items() if entry[1] >= _FEWEST_COMMON)


def _worth(found: Contrast) -> float:
    return found.overlap + found.certainty


def _between(first: _Sentence, second: _Sentence, common: int) -> Contrast | None:
    if first.code != second.code or first.conditional != second.conditional:
        return None  # of two functions, or two cases, the same may be true and false
    opposed = _opposed(first, second)
    differing = {_stem(word) for pair in opposed for word in pair}
    one, two = first.words - differing, second.words - differing
    overlap = len(one & two) / max(len(one | two), 1)
    if overlap < _LEAST_OVERLAP or len(one & two) < _FEWEST_COMMON - len(opposed):
        return None
    if (first.negated != second.negated) != (len(opposed) % 2 == 1):
        # "not higher" and "lower" agree; so do "no absence" and "presence".
        kind = "antonyms" if opposed else "negation"
    elif (
        not opposed
        and common >= _FEWEST_COMMON_WITH_NUMBERS
        and first.numbers
        and second.numbers
        and first.numbers.isdisjoint(second.numbers)
    ):
        kind = "numbers"
    else:
        return None
    return Contrast(kind, round(overlap, 6), _CERTAINTY[kind], first.text, second.text)


def _opposed(first: _Sentence, second: _Sentence) -> list[tuple[str, str]]:
    """Words of one sentence alone whose opposite stands in the other alone."""
    pairs = antonyms()
    mine, theirs = first.spoken - second.spoken, second.spoken - first.spoken
    return [
        (word, opposite)
        for word in sorted(mine)
        for opposite in sorted(pairs.get(word, frozenset()) & theirs)
    ]


@lru_cache(maxsize=4_096)
def _read_once(text: str) -> _Text:
    sentences = tuple(_read(text))
    places: dict[str, list[int]] = {}
    for place, sentence in enumerate(sentences):
        for word in sentence.words:
            places.setdefault(word, []).append(place)
    return _Text(sentences, places, frozenset(places))


def _read(text: str) -> Iterator[_Sentence]:
    taken = 0
    for piece in _SENTENCE.split(_NO_PROSE.sub("\n\n", text.replace("’", "'"))):
        sentence = " ".join(piece[:_LONGEST_SENTENCE].split())
        if "://" in sentence or not _WHOLE.fullmatch(sentence):
            continue
        spoken = [word.lower() for word in _WORD.findall(sentence)]
        words = frozenset(stem for word in spoken for stem in _telling(word))
        words -= _NEGATIONS
        if len(words) < _FEWEST_COMMON:
            continue
        numbers = {n.rstrip(".,").replace(",", "") for n in _NUMBER.findall(sentence)}
        numbers |= {_QUANTITIES[word] for word in spoken if word in _QUANTITIES}
        yield _Sentence(
            _quote(sentence),
            words,
            frozenset(spoken),
            frozenset(numbers - {"1", "0"}),  # "one" is mostly a pronoun
            frozenset(_CODE.findall(sentence)),
            sum(word in _NEGATIONS or word.endswith("n't") for word in spoken) % 2 == 1,
            not _CONDITIONS.isdisjoint(spoken),
        )
        taken += 1
        if taken == _MOST_SENTENCES:
            return


def _quote(sentence: str) -> str:
    line = " ".join(sentence.split()).lstrip("#>-*+ ")
    return line if len(line) <= _LONGEST_QUOTE else line[:_LONGEST_QUOTE].rsplit(" ", 1)[0] + "…"


@lru_cache(maxsize=50_000)
def _telling(word: str) -> tuple[str, ...]:
    """The stem of a word that says something; mostly one, or none."""
    return tuple(_stem(part) for part in words_of(word, _LONGEST_SENTENCE))


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    """Cut what English adds to a verb or noun: rough, but the same for both sentences."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


@cache
def antonyms() -> dict[str, frozenset[str]]:
    """For each word its opposites."""
    found: dict[str, set[str]] = {}
    text = files(__package__).joinpath("contrast.txt").read_text("ascii")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            one, two = line.split()
            found.setdefault(one, set()).add(two)
            found.setdefault(two, set()).add(one)
    return {word: frozenset(opposites) for word, opposites in found.items()}
