"""Metadata without a language model: deterministic, and marked `heuristic` where written."""

import math
import re
from collections.abc import Sequence
from functools import lru_cache

from rhizome_pipelines.chunking.enrichment import EnrichmentInput, Sample
from rhizome_pipelines.chunking.keyphrases import concepts, ranked_phrases, themes
from rhizome_pipelines.chunking.lexicon import lexicon
from rhizome_pipelines.chunking.metadata import ChunkMetadata, Method
from rhizome_pipelines.chunking.profile import SAMPLE, Profile, domain_hits, profile_of
from rhizome_pipelines.chunking.sentiment import NEUTRAL, sentiment_of
from rhizome_pipelines.chunking.terms import Terms, prose, terms_of
from rhizome_pipelines.stages.stage import Pulse

GENERAL = "general"
"""The domain of a text that no list of words recognises."""

_SENTENCE = re.compile(r"(?<=[.!?])[\"'”’)\]*_]*\s+|(?<=[。！？])|\n\s*\n")
_LINE_MARKS = re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?|[-*+][ \t]+|\d+[.)][ \t]+)", re.MULTILINE)
_EMPHASIS = re.compile(r"[*`\[\]]+|(?<!\w)_+|_+(?!\w)")
_PUNCTUATION = str.maketrans(dict.fromkeys(".,;:!?()\"'“”*_`", " "))
_PULSE_EVERY = 64


class HeuristicEnricher:
    """Describes chunks against the profile of their document."""

    def __init__(self, sample: Sample, total: int) -> None:
        """`total` is the number of the document's chunks."""
        self._total = total
        self._profile = profile_of(terms_of(prose(chunk.text)) for chunk in sample(SAMPLE))

    def enrich(self, chunks: Sequence[EnrichmentInput], pulse: Pulse) -> Sequence[ChunkMetadata]:
        """Never None: every text can be described, if only as `general` and neutral."""
        found = []
        for done, chunk in enumerate(chunks):
            if done % _PULSE_EVERY == 0:
                pulse(done / len(chunks), "describing chunks")
            found.append(self.describe(chunk))
        return found

    def describe(self, chunk: EnrichmentInput) -> ChunkMetadata:
        """One chunk."""
        text = prose(chunk.text)
        terms = terms_of(text)
        headings = _heading_words(chunk.headings)
        phrases = ranked_phrases(terms, headings, self._profile)
        domain, confidence = _domain(terms, self._profile)
        sentiment = sentiment_of(terms.words) if self._profile.english else NEUTRAL
        return ChunkMetadata(
            summary=_summary(text, {word for phrase, _ in phrases[:8] for word in phrase.split()}),
            themes=themes(phrases, self._profile),
            concepts=concepts(phrases),
            importance=self._importance(chunk, terms, headings),
            domain=domain,
            confidence=confidence,
            polarity=sentiment.polarity,
            emotion=sentiment.emotion,
            intensity=sentiment.intensity,
            method=Method.HEURISTIC,
        )

    def _importance(self, chunk: EnrichmentInput, terms: Terms, headings: frozenset[str]) -> float:
        central = sum(self._profile.central.get(word, 0.0) for word in terms.single)
        centrality = 1.0 - math.exp(-4.0 * central)
        density = sum(terms.single.values()) / max(len(terms.words), 1)
        fullness = min(len(terms.words) / 120, 1.0)
        score = 0.1 + 0.4 * centrality + 0.2 * density * fullness + 0.1 * fullness
        score += 0.2 * self._position(chunk)
        if not headings.isdisjoint(lexicon().boilerplate):
            score *= 0.4
        return round(min(score, 1.0), 3)

    def _position(self, chunk: EnrichmentInput) -> float:
        """1 where a document opens, more under high headings than under deep ones."""
        place = chunk.index / max(self._total - 1, 1)
        edge = 1.0 if place < 0.02 else 0.6 if place > 0.98 else 0.0
        depth = 1.0 / (1 + len(chunk.headings)) if chunk.headings else 0.3
        opens = 0.5 if chunk.text.lstrip().startswith("#") else 0.0
        return max(edge, min(depth + opens, 1.0))


def _domain(terms: Terms, profile: Profile) -> tuple[str, float]:
    """The best domain by the chunk's own words, leaning on the document's where they say little."""
    if not profile.english:
        return GENERAL, 0.0
    own = domain_hits(terms.single)
    scores = {name: own.get(name, 0.0) + share for name, share in profile.domains.items()}
    for name, weight in own.items():
        scores.setdefault(name, weight)
    if not scores:
        return GENERAL, 0.0
    best = min(scores, key=lambda name: (-scores[name], name))
    evidence = 1.0 - math.exp(-sum(own.values()) / 4.0)
    confidence = scores[best] / sum(scores.values()) * evidence
    return (best, round(confidence, 3)) if confidence >= 0.1 else (GENERAL, round(confidence, 3))


@lru_cache(maxsize=256)
def _heading_words(headings: tuple[str, ...]) -> frozenset[str]:
    return frozenset(terms_of("\n\n".join(headings)).single)


def _summary(text: str, key_words: set[str]) -> str | None:
    """The sentence that says most in few words, at most 240 characters; the first of equals."""
    best, best_score = "", -1.0
    for sentence in _SENTENCE.split(_LINE_MARKS.sub("", text)):
        words = sentence.lower().translate(_PUNCTUATION).split()
        if len(sentence) < 25 or len(words) < 5 or "|" in sentence:
            continue
        score = len(key_words.intersection(words)) / (len(words) + 8)
        if score > best_score:
            best, best_score = sentence, score
    line = " ".join(_EMPHASIS.sub("", best).split())
    return (line or None) if len(line) <= 240 else line[:239].rsplit(" ", 1)[0] + "…"
