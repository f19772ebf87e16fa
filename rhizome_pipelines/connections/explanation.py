"""Words about a connection: what two chunks share, and a piece of one to show."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache, lru_cache
from heapq import nsmallest
from importlib.resources import files
from sys import intern

from rhizome_pipelines.connections.ports import ChunkText

SNIPPET = 200
"""Characters."""

_TERMS = 5
_LEAST_LENGTH = 4
_LONGEST_PHRASE = 200
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")


def snippet(text: str, limit: int = SNIPPET) -> str:
    """The beginning of `text` on one line, at most `limit` characters, cut between words."""
    line = " ".join(text[: 8 * limit].split()).lstrip("# ")
    if len(line) <= limit and len(text) <= 8 * limit:
        return line
    if len(line) < limit:
        return line + "…"
    cut = line[: limit - 1]
    if line[limit - 1] != " " and " " in cut:
        cut = cut[: cut.rindex(" ")]
    return cut.rstrip(" ,;:–—-") + "…"


def shared_terms(first: str, second: str) -> list[str]:
    """At most five words of both texts: those that both say most often, longer ones first."""
    one, two = _terms(first), _terms(second)
    common = [(-min(one[term], two[term]), -len(term), term) for term in one.keys() & two.keys()]
    return [term for _, _, term in nsmallest(_TERMS, common)]


def shared_headings(first: ChunkText, second: ChunkText) -> list[str]:
    """Headings that both stand under, the innermost of the first before the outer ones."""
    others = {heading.strip().casefold() for heading in second.heading_path}
    return [
        heading.strip()
        for heading in reversed(first.heading_path)
        if heading.strip() and heading.strip().casefold() in others
    ]


@cache
def _stop_words() -> frozenset[str]:
    """English words of three letters and more that say nothing about a subject."""
    return frozenset(files(__package__).joinpath("stop_words.txt").read_text("ascii").split())


def words_of(text: str, longest: int = _LONGEST_PHRASE) -> list[str]:
    """Words of three letters and more that say something about a subject, in the singular.

    Only the first `longest` characters are read.
    """
    words = (word.casefold() for word in _WORD.findall(text[:longest]))
    return [_singular(w) for w in words if len(w) >= 3 and w not in _stop_words()]


def listed(terms: Sequence[str]) -> str:
    """`a, b and c`."""
    return terms[0] if len(terms) == 1 else f"{', '.join(terms[:-1])} and {terms[-1]}"


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and word[-2] not in "sui" else word


@lru_cache(maxsize=4_096)
def _terms(text: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for word, times in Counter(_WORD.findall(text)).items():
        term = word.casefold()
        if len(term) >= _LEAST_LENGTH and term not in _stop_words():
            found[intern(term)] += times
    return found
