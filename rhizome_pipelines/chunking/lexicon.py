"""The word lists behind the heuristics, read from `lexicon.json` at first use."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from rhizome_pipelines.chunking.metadata import Emotion

_VALENCE: Mapping[Emotion, int] = {
    Emotion.JOY: 1,
    Emotion.TRUST: 1,
    Emotion.ANTICIPATION: 1,
    Emotion.SURPRISE: 0,
    Emotion.SADNESS: -1,
    Emotion.FEAR: -1,
    Emotion.ANGER: -1,
    Emotion.DISGUST: -1,
}


@dataclass(frozen=True)
class Lexicon:
    """All words are lower case. `valence` is −1, 0 or 1 and has every word of an emotion."""

    stopwords: frozenset[str]
    english_markers: frozenset[str]
    negations: frozenset[str]
    intensifiers: frozenset[str]
    boilerplate: frozenset[str]
    valence: Mapping[str, int]
    emotions: Mapping[str, Emotion]
    domains: Mapping[str, tuple[str, ...]]


@cache
def lexicon() -> Lexicon:
    """The lists, ready for look-up by word."""
    text = files(__package__).joinpath("lexicon.json").read_text(encoding="utf-8")
    lists = json.loads(text)
    emotions = {
        word: Emotion(name) for name, words in lists["emotions"].items() for word in words.split()
    }
    valence = {word: _VALENCE[emotion] for word, emotion in emotions.items()}
    valence |= dict.fromkeys(lists["negative"].split(), -1)
    valence |= dict.fromkeys(lists["positive"].split(), 1)
    domains: dict[str, tuple[str, ...]] = {}
    for name, words in lists["domains"].items():
        for word in words.split():
            domains[word] = (*domains.get(word, ()), name)
    return Lexicon(
        stopwords=frozenset(
            word for words in lists["stopwords"].values() for word in words.split()
        ),
        english_markers=frozenset(lists["english_markers"].split()),
        negations=frozenset(lists["negations"].split()),
        intensifiers=frozenset(lists["intensifiers"].split()),
        boilerplate=frozenset(lists["boilerplate"].split()),
        valence=valence,
        emotions=emotions,
        domains=domains,
    )
