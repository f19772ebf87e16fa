"""What a document as a whole is about, from a bounded sample of its chunks."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from rhizome_pipelines.chunking.lexicon import lexicon
from rhizome_pipelines.chunking.terms import Terms

SAMPLE = 1_000
"""Chunks that are looked at, spread evenly: memory and time stay the same for any document."""

_ENGLISH_SHARE = 0.08
"""English prose has about a fifth of its words among the markers, other languages under 3 %."""

_PROFILE_TERMS = 60


@dataclass(frozen=True)
class Profile:
    """`frequency` counts sampled chunks with a term; pairs only if at least two have it.

    `central` are the document's own words with their share of its weight (sum 1);
    `domains` the shares of the domains (sum 1, or empty).
    """

    sampled: int
    frequency: dict[str, int]
    central: dict[str, float]
    domains: dict[str, float]
    english: bool

    def rarity(self, term: str) -> float:
        """Inverse document frequency, ln((N + 1) / (n + ½)), never negative."""
        return self._rarities[self.frequency.get(term, 0)]

    @cached_property
    def _rarities(self) -> list[float]:
        counts = range(self.sampled + 1)
        return [max(math.log((self.sampled + 1) / (count + 0.5)), 0.0) for count in counts]


def profile_of(sample: Iterable[Terms]) -> Profile:
    """Count the sample."""
    words = lexicon()
    frequency: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    total: Counter[str] = Counter()
    sampled = markers = length = 0
    for terms in sample:
        sampled += 1
        frequency.update(terms.single.keys())
        pairs.update(terms.pairs.keys())
        total.update(terms.single)
        length += len(terms.words)
        markers += sum(word in words.english_markers for word in terms.words)
    english = length > 0 and markers / length >= _ENGLISH_SHARE
    domains = domain_hits(total) if english else {}
    frequency.update({pair: count for pair, count in pairs.items() if count > 1})
    return Profile(sampled, dict(frequency), _central(total), _shares(domains), english)


def domain_hits(counts: Counter[str]) -> dict[str, float]:
    """Weight of each domain's words: 1 + ln(count) each, shared among its domains."""
    known = lexicon().domains
    hits: dict[str, float] = {}
    for word, count in counts.items():
        names = known.get(word) or known.get(singular(word))
        if names is None:
            continue
        for name in names:
            hits[name] = hits.get(name, 0.0) + (1.0 + math.log(count)) / len(names)
    return hits


@lru_cache(maxsize=50_000)
def singular(word: str) -> str:
    """The English singular, as far as an ending tells."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and word[-2] not in "sui":
        return word[:-1]
    return word


def _central(total: Counter[str]) -> dict[str, float]:
    # Ties are broken by the word, so that the order of counting does not matter.
    top = sorted(total.items(), key=lambda item: (-item[1], item[0]))[:_PROFILE_TERMS]
    return _shares({word: math.sqrt(count) for word, count in top if count > 1})


def _shares(weights: dict[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()} if total else {}
