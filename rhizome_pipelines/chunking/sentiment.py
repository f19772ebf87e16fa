"""Feeling of an English text, from a small word list with negation.

Polarity follows VADER (Hutto & Gilbert 2014): words within reach of a negation count −0.74
times, and the sum x becomes x / √(x² + 15).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rhizome_pipelines.chunking.lexicon import lexicon
from rhizome_pipelines.chunking.metadata import Emotion

_REACH = 3
_FLIPPED = -0.74
_INTENSIFIED = 1.3
_WORD_WEIGHT = 2.0
_FEWEST_HITS = 2


@dataclass(frozen=True, slots=True)
class Sentiment:
    """polarity −1…1; intensity 0–1."""

    polarity: float
    emotion: Emotion
    intensity: float


NEUTRAL = Sentiment(0.0, Emotion.NEUTRAL, 0.0)


def sentiment_of(words: Sequence[str]) -> Sentiment:
    """Of lower-case words in their order."""
    lists = lexicon()
    total, hits = 0.0, 0
    felt: dict[Emotion, int] = {}
    for place, word in enumerate(words):
        if word not in lists.valence:
            continue
        emotion = lists.emotions.get(word)
        before = words[max(0, place - _REACH) : place]
        negated = not lists.negations.isdisjoint(before)
        hits += 1
        if emotion is not None and not negated:
            felt[emotion] = felt.get(emotion, 0) + 1
        weight = _WORD_WEIGHT * lists.valence[word] * (_FLIPPED if negated else 1.0)
        total += weight * (_INTENSIFIED if before and before[-1] in lists.intensifiers else 1.0)
    if not hits:
        return NEUTRAL
    polarity = round(total / math.sqrt(total * total + 15.0), 3) + 0.0
    intensity = round(1.0 - math.exp(-20.0 * hits / max(len(words), 20)), 3)
    return Sentiment(polarity, _primary(felt), intensity)


def _primary(felt: dict[Emotion, int]) -> Emotion:
    """The emotion with most words; of equals the first in the enumeration."""
    if sum(felt.values()) < _FEWEST_HITS:
        return Emotion.NEUTRAL
    return max(Emotion, key=lambda emotion: felt.get(emotion, 0))
