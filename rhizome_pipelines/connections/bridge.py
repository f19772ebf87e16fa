"""Thematic bridge: an important chunk and one of another field of knowledge share a theme.

Without a chat endpoint a bridge is an overlap of concepts that chance would hardly give. Chance is
an urn: a chunk's concepts are that many words drawn from `VOCABULARY` equally likely ones, so the
number that two chunks share is hypergeometric. Real words are not equally likely and come in
company; the urn only puts overlaps in order, by how many words both could have shared.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rhizome_pipelines.connections.engine import (
    Block,
    Candidate,
    Cosines,
    Finding,
    Pairs,
    Verdicts,
)
from rhizome_pipelines.connections.explanation import listed
from rhizome_pipelines.connections.jury import Jury, Unanswered, Verdict, told
from rhizome_pipelines.connections.ports import ChunkText, ConnectionType
from rhizome_pipelines.connections.strongest import strongest_of_rows
from rhizome_pipelines.connections.traits import common_counts, concept_words, sizes
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.stages.stage import Pulse

DEFAULT_THRESHOLD = 0.6
LEAST_IMPORTANCE = 0.6
VOCABULARY = 1_000

TASK = """You judge whether two passages of different fields of knowledge are connected by a \
theme: whether one idea, structure or problem stands behind both, so that a reader of one would \
learn something from the other. A shared word is not enough."""

_LIMIT = 20
_ASKED = 10
_TELLING = 5.0
"""An overlap that chance gives once in 10⁵ pairs has strength 1."""
_MOST_WORDS = 60
_SHOWN = 4
_DECIMALS = 6


class BridgeEngine:
    """`threshold`: least strength, by chance or by verdict. `alike`: least cosine for a verdict.

    One of the two chunks must be among the 50 most important of its document, and of importance
    `LEAST_IMPORTANCE` at least. An endpoint is only asked where that is the source.
    """

    def __init__(
        self, alike: float, threshold: float = DEFAULT_THRESHOLD, jury: Jury | None = None
    ) -> None:
        if not 0.0 < threshold < 1.0:
            raise InvalidInputError(
                f"RHIZOME_BRIDGE_THRESHOLD must lie between 0 and 1; it is {threshold}."
            )
        self._alike = alike
        self._threshold = threshold
        self._jury = jury

    @property
    def type(self) -> ConnectionType:
        """`thematic_bridge`."""
        return ConnectionType.THEMATIC_BRIDGE

    @property
    def version(self) -> str:
        """Of the rule and of the words."""
        return "1"

    @property
    def limit(self) -> int:
        """Connections a chunk."""
        return _LIMIT

    @property
    def candidates(self) -> int:
        """What an endpoint is asked about costs; what is counted does not."""
        return _ASKED if self._jury else _LIMIT

    def dependencies(self) -> Mapping[str, str]:
        """The thresholds, and who judges."""
        own = {"threshold": repr(self._threshold), "importance": repr(LEAST_IMPORTANCE)}
        if self._jury is None:
            return {**own, "judge": "heuristic", "vocabulary": str(VOCABULARY)}
        return {**own, "alike": repr(self._alike), **self._jury.dependencies()}

    def pairs(self, sources: Block, targets: Block, cosines: Cosines, per_chunk: int) -> Pairs:
        """Pairs of different domains, with a key chunk, by how little chance explains them."""
        one, two = sources.traits, targets.traits
        apart = one.domain[:, None] != two.domain[None, :]
        apart &= (one.domain != "")[:, None] & (two.domain != "")[None, :]
        key_here = (one.key & (one.importance >= LEAST_IMPORTANCE))[:, None]
        key_there = (two.key & (two.importance >= LEAST_IMPORTANCE))[None, :]
        apart &= key_here if self._jury else key_here | key_there
        likely = _beyond_chance(
            common_counts(one.words, two.words), sizes(one.words), sizes(two.words)
        )
        if self._jury:
            alike = np.where(cosines >= self._alike, np.minimum(cosines, 1.0), 0.0)
            likely = (likely + alike) / 2
        else:
            likely[likely < self._threshold] = 0.0
        likely = np.where(apart, np.round(likely, _DECIMALS), 0.0)
        rows, columns = strongest_of_rows(likely, per_chunk)
        return Pairs(rows, columns, likely[rows, columns])

    def judge(self, candidates: Sequence[Candidate], pulse: Pulse) -> Verdicts:
        """By the endpoint; where it gives no verdict, or there is none, by what is in common."""
        if self._jury is None:
            return Verdicts([self._by_heuristic(candidate, {}) for candidate in candidates])
        answers = self._jury.ask(candidates, pulse)
        findings = [
            self._by_heuristic(candidate, {"unanswered": answer.reason})
            if isinstance(answer, Unanswered)
            else self._by_jury(answer)
            for candidate, answer in zip(candidates, answers, strict=True)
        ]
        return Verdicts(findings, told(answers) if candidates else Counter())

    def explain(self, source: ChunkText, target: ChunkText, strength: float) -> str:
        """Never asked: every finding brings its explanation."""
        return f"They may share a theme across fields ({strength:.2f})."

    def _by_jury(self, verdict: Verdict) -> Finding | None:
        if not verdict.connected or verdict.strength < self._threshold or self._jury is None:
            return None
        return Finding(
            verdict.strength, {"explanation": verdict.explanation, "judged_by": self._jury.model}
        )

    def _by_heuristic(self, candidate: Candidate, more: Mapping[str, str]) -> Finding | None:
        one, two = candidate.source_traits, candidate.target_traits
        words, others = concept_words(one.concepts), concept_words(two.concepts)
        common = sorted(words & others)
        odds = _log_odds(len(words), len(others), len(common))
        strength = round(min(odds / _TELLING, 1.0), _DECIMALS)
        if strength < self._threshold:
            return None
        domains = sorted((one.domain, two.domain))
        return Finding(
            strength,
            {
                "explanation": f"Across {domains[0]} and {domains[1]}: both speak of "
                f"{listed(common[:_SHOWN])}; chance would give such an overlap once in about "
                f"{_rounded(10**odds):,} pairs.",
                "judged_by": "heuristic",
                "confidence": "low",
                **more,
            },
        )


def _beyond_chance(
    common: NDArray[np.float32], here: NDArray[np.int64], there: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Strength of each pair, 0–1, shape (n, m): how improbable its overlap is by chance."""
    found = np.zeros(common.shape)
    rows, columns = np.nonzero(common)
    triples = np.stack([here[rows], there[columns], common[rows, columns].astype(np.int64)])
    distinct, places = np.unique(triples, axis=1, return_inverse=True)
    odds = np.array([_log_odds(*triple) for triple in distinct.T.tolist()], np.float64)
    if len(odds):
        found[rows, columns] = np.minimum(odds[places.reshape(-1)] / _TELLING, 1.0)
    return found


@lru_cache(maxsize=20_000)
def _log_odds(here: int, there: int, common: int) -> float:
    """−log₁₀ P(at least `common` of `there` words are among `here` of the vocabulary)."""
    here, there = sorted((min(here, _MOST_WORDS), min(there, _MOST_WORDS)))
    if common <= 0:
        return 0.0
    total = math.comb(VOCABULARY, there)
    ways = sum(
        math.comb(here, k) * math.comb(VOCABULARY - here, there - k)
        for k in range(min(common, here), here + 1)
    )
    return math.log10(total) - math.log10(ways)


def _rounded(number: float) -> int:
    """One digit that counts."""
    power: int = 10 ** max(int(math.log10(max(number, 1.0))), 0)
    return round(number / power) * power
