"""Keyphrases of a chunk: TF·IDF over single words and pairs, with a word for headings."""

from collections.abc import Sequence

from rhizome_pipelines.chunking.metadata import Concept
from rhizome_pipelines.chunking.profile import Profile, singular
from rhizome_pipelines.chunking.terms import Terms

_HEADING_FACTOR = 1.6
_CANDIDATES = 24
_VERBAL_ENDINGS = ("ed", "ing", "ly")


def ranked_phrases(
    terms: Terms, headings: frozenset[str], profile: Profile
) -> list[tuple[str, float]]:
    """Phrases with their scores, best first, none a variant or part of a better one."""
    scores: list[tuple[float, str]] = []
    for word, count in terms.single.items():
        score = _saturated(count) * profile.rarity(word)
        if word in headings:
            score *= _HEADING_FACTOR
        elif count == 1:
            score *= _single_mention(word, profile)
        scores.append((score, word))
    for pair, count in terms.pairs.items():
        if count == 1 and pair not in profile.frequency:
            continue
        first, _, second = pair.partition(" ")
        score = _saturated(count) * 0.7 * (profile.rarity(first) + profile.rarity(second))
        boosted = first in headings or second in headings
        scores.append((score * _HEADING_FACTOR if boosted else score, pair))
    scores.sort(key=lambda scored: (-scored[0], scored[1]))
    return _distinct(scores[: 2 * _CANDIDATES])


def themes(phrases: Sequence[tuple[str, float]], profile: Profile, count: int = 4) -> list[str]:
    """What connects the chunk to its document: phrases that others have too come first."""
    shared = [
        (-score * (1.0 + min(profile.frequency.get(phrase, 0), 20) ** 0.5), phrase)
        for phrase, score in phrases
    ]
    return [phrase for _, phrase in sorted(shared)[:count]]


def concepts(phrases: Sequence[tuple[str, float]], count: int = 6) -> list[Concept]:
    """What is the chunk's own; importance is relative to the best phrase."""
    if not phrases or phrases[0][1] <= 0:
        return [Concept(phrase, 0.5) for phrase, _ in phrases[:count]]
    best = phrases[0][1]
    return [Concept(phrase, round(score / best, 3)) for phrase, score in phrases[:count]]


def _single_mention(word: str, profile: Profile) -> float:
    """Words said once in the whole document are rare, not important; nor are English verbs."""
    factor = 1.0 if profile.frequency.get(word, 0) > 2 else 0.35
    return factor * 0.5 if profile.english and word.endswith(_VERBAL_ENDINGS) else factor


def _saturated(count: int) -> float:
    """BM25's term frequency with k = 1.5: the tenth mention tells less than the second."""
    return count * 2.5 / (count + 1.5)


def _distinct(scores: Sequence[tuple[float, str]]) -> list[tuple[str, float]]:
    taken: set[str] = set()
    kept: list[tuple[str, float]] = []
    for score, phrase in scores:
        parts = {singular(part) for part in phrase.split(" ")}
        if parts & taken:
            continue
        taken |= parts
        kept.append((phrase, score))
        if len(kept) == _CANDIDATES:
            break
    return kept
