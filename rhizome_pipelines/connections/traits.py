"""What metadata say of a block of chunks, in columns, and how far two blocks' concepts overlap."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from rhizome_pipelines.connections.explanation import words_of
from rhizome_pipelines.connections.ports import ChunkTraits

_NOTHING = ChunkTraits()
_NO_DOMAINS = ("", "general", "unknown", "other")
_LEAST_CONFIDENCE = 0.3
"""Below it the word lists of the heuristics see art and politics in manuals of software."""
_WORDS_AT_ONCE = 2_048
"""Columns of the incidence matrices: bounds memory, does not change the result."""


@dataclass(frozen=True)
class TraitColumns:
    """One entry a chunk; `domain` is empty where it is not known.

    `words` are those of its concepts, as `concept_words` makes them.
    """

    words: Sequence[frozenset[str]]
    polarity: NDArray[np.float64]
    importance: NDArray[np.float64]
    domain: NDArray[np.str_]
    key: NDArray[np.bool_]

    @classmethod
    def of(cls, ids: Sequence[UUID], traits: Mapping[UUID, ChunkTraits]) -> "TraitColumns":
        """In the order of `ids`; a chunk that nothing is known of has nothing."""
        rows = [traits.get(identifier, _NOTHING) for identifier in ids]
        return cls(
            [concept_words(row.concepts) for row in rows],
            np.array([row.polarity for row in rows], np.float64),
            np.array([row.importance for row in rows], np.float64),
            np.array([known_domain(row) for row in rows], np.str_),
            np.array([row.key for row in rows], np.bool_),
        )


def known_domain(traits: ChunkTraits) -> str:
    """The field of knowledge; empty if nobody knows it, or somebody guesses."""
    known = traits.confidence >= _LEAST_CONFIDENCE and traits.domain not in _NO_DOMAINS
    return traits.domain if known else ""


def concept_words(concepts: Iterable[str]) -> frozenset[str]:
    """The telling words of concepts, in the singular, so that variants of a phrase meet."""
    return frozenset(word for concept in concepts for word in _words(concept))


def common_counts(
    one: Sequence[frozenset[str]], two: Sequence[frozenset[str]]
) -> NDArray[np.float32]:
    """How many words each of `one` has in common with each of `two`: shape (n, m), exact."""
    found = np.zeros((len(one), len(two)), np.float32)
    shared = sorted(frozenset().union(*one) & frozenset().union(*two))
    for start in range(0, len(shared), _WORDS_AT_ONCE):
        place = {word: i for i, word in enumerate(shared[start : start + _WORDS_AT_ONCE])}
        # Sums of ones below 2²⁴ are exact in float32, in whatever order.
        found += _incidence(one, place) @ _incidence(two, place).T
    return found


def sizes(sets: Sequence[frozenset[str]]) -> NDArray[np.int64]:
    """The number of words of each."""
    return np.array([len(words) for words in sets], np.int64)


def _incidence(sets: Sequence[frozenset[str]], place: Mapping[str, int]) -> NDArray[np.float32]:
    matrix = np.zeros((len(sets), len(place)), np.float32)
    for row, words in enumerate(sets):
        for word in words:
            column = place.get(word)
            if column is not None:
                matrix[row, column] = 1.0
    return matrix


@lru_cache(maxsize=50_000)
def _words(concept: str) -> tuple[str, ...]:
    return tuple(words_of(concept))
