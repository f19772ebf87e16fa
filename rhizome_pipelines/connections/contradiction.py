"""Contradiction: two chunks speak of the same and say the opposite.

By metadata: the same concepts and opposite feeling. By text: sentences in nearly the same words
that differ by a negation, an antonym or a number. Neither proves anything, so both are marked as
of low confidence, unless a chat endpoint has judged the pair.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rhizome_pipelines.connections.contrast import Contrast, contrast
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
from rhizome_pipelines.connections.ports import ChunkText, ChunkTraits, ConnectionType
from rhizome_pipelines.connections.strongest import strongest_of_rows
from rhizome_pipelines.connections.traits import common_counts, concept_words, sizes
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.stages.stage import Pulse

DEFAULT_OVERLAP = 0.5
"""Least Jaccard index of the words of two chunks' concepts."""

TASK = """You judge whether two passages of different documents contradict each other: whether \
they make claims about the same thing that cannot both be true, or give opposite advice. \
Different subjects, emphasis or feeling alone are no contradiction."""

_LIMIT = 20
_HEURISTIC_CANDIDATES = 60
_LEAST_DISTANCE = 0.3
_LEAST_POLARITY = 0.1
_SHOWN = 3
_DECIMALS = 6


@dataclass(frozen=True)
class _Grounds:
    """Why a candidate may be a contradiction, each where there is such a ground."""

    common: Sequence[str]
    by_metadata: float | None
    by_text: tuple[float, Contrast] | None

    @property
    def strength(self) -> float:
        """Of the stronger ground; 0 without any."""
        return max(self.by_metadata or 0.0, self.by_text[0] if self.by_text else 0.0)


class ContradictionEngine:
    """`overlap`: least Jaccard index of concepts. `alike`: least cosine for a look at the texts."""

    def __init__(
        self, alike: float, overlap: float = DEFAULT_OVERLAP, jury: Jury | None = None
    ) -> None:
        if not 0.0 < overlap <= 1.0:
            raise InvalidInputError(
                f"RHIZOME_CONTRADICTION_OVERLAP must be above 0 and at most 1; it is {overlap}."
            )
        self._alike = alike
        self._overlap = overlap
        self._jury = jury

    @property
    def type(self) -> ConnectionType:
        """`contradiction_detection`."""
        return ConnectionType.CONTRADICTION_DETECTION

    @property
    def version(self) -> str:
        """Of the rules, the word list and the words."""
        return "1"

    @property
    def limit(self) -> int:
        """Connections a chunk."""
        return _LIMIT

    @property
    def candidates(self) -> int:
        """An endpoint is asked about as many as may be kept; reading them ourselves is cheap."""
        return _LIMIT if self._jury else _HEURISTIC_CANDIDATES

    def dependencies(self) -> Mapping[str, str]:
        """The thresholds, and who judges."""
        own = {"overlap": repr(self._overlap), "alike": repr(self._alike)}
        return {**own, **(self._jury.dependencies() if self._jury else {"judge": "heuristic"})}

    def pairs(self, sources: Block, targets: Block, cosines: Cosines, per_chunk: int) -> Pairs:
        """Opposed by metadata, and, below them, alike enough for a look at the texts."""
        one, two = sources.traits, targets.traits
        common = common_counts(one.words, two.words).astype(np.float64)
        union = sizes(one.words)[:, None] + sizes(two.words)[None, :] - common
        jaccard: NDArray[np.float64] = np.divide(
            common, union, out=np.zeros_like(common), where=union > 0
        )
        here, there = one.polarity[:, None], two.polarity[None, :]
        distance = np.abs(here - there)
        importance = (one.importance[:, None] + two.importance[None, :]) / 2
        opposed = (jaccard >= self._overlap) & (distance >= _LEAST_DISTANCE)
        opposed &= (here * there < 0) & (np.minimum(np.abs(here), np.abs(there)) >= _LEAST_POLARITY)
        strength = opposed * (0.4 * jaccard + 0.2 * distance + 0.2 * importance)
        alike = (cosines >= self._alike) * (0.4 * cosines + 0.2 * importance)
        likely = np.round(np.maximum(strength, alike), _DECIMALS).astype(np.float64)
        rows, columns = strongest_of_rows(likely, per_chunk)
        return Pairs(rows, columns, likely[rows, columns])

    def judge(self, candidates: Sequence[Candidate], pulse: Pulse) -> Verdicts:
        """By the endpoint; where it gives no verdict, or there is none, by words and metadata."""
        grounds = [self._grounds(candidate) for candidate in candidates]
        if self._jury is None:
            return Verdicts([_by_heuristic(ground, {}) for ground in grounds])
        answers = self._jury.ask(candidates, pulse)
        findings = [
            _by_heuristic(ground, {"unanswered": answer.reason})
            if isinstance(answer, Unanswered)
            else self._by_jury(candidate, ground, answer)
            for candidate, ground, answer in zip(candidates, grounds, answers, strict=True)
        ]
        return Verdicts(findings, told(answers) if candidates else Counter())

    def explain(self, source: ChunkText, target: ChunkText, strength: float) -> str:
        """Never asked: every finding brings its explanation."""
        return f"They may contradict each other ({strength:.2f})."

    def _grounds(self, candidate: Candidate) -> _Grounds:
        one, two = candidate.source_traits, candidate.target_traits
        words, others = concept_words(one.concepts), concept_words(two.concepts)
        common = sorted(words & others)
        jaccard = len(common) / max(len(words | others), 1)
        distance = abs(one.polarity - two.polarity)
        importance = (one.importance + two.importance) / 2
        opposed = (
            jaccard >= self._overlap
            and distance >= _LEAST_DISTANCE
            and one.polarity * two.polarity < 0
            and min(abs(one.polarity), abs(two.polarity)) >= _LEAST_POLARITY
        )
        # In an order of their own, so that the finding is the same from both sides.
        found = contrast(*sorted((candidate.source.content, candidate.target.content)))
        return _Grounds(
            common,
            0.4 * jaccard + 0.4 * distance / 2 + 0.2 * importance if opposed else None,
            (0.4 * found.overlap + 0.4 * found.certainty + 0.2 * importance, found)
            if found
            else None,
        )

    def _by_jury(self, candidate: Candidate, ground: _Grounds, verdict: Verdict) -> Finding | None:
        """The formula where metadata gave it; else the verdict's sureness stands for distance."""
        if not verdict.connected or self._jury is None:
            return None
        one, two = candidate.source_traits, candidate.target_traits
        shared = ground.by_text[1].overlap if ground.by_text else _jaccard(one, two)
        sure = 0.4 * max(shared, self._overlap) + 0.4 * verdict.strength
        strength = ground.by_metadata or sure + 0.1 * (one.importance + two.importance)
        return Finding(
            strength, {"explanation": verdict.explanation, "judged_by": self._jury.model}
        )


def _jaccard(one: ChunkTraits, two: ChunkTraits) -> float:
    words, others = concept_words(one.concepts), concept_words(two.concepts)
    return len(words & others) / max(len(words | others), 1)


def _by_heuristic(ground: _Grounds, more: Mapping[str, str]) -> Finding | None:
    if not ground.strength:
        return None
    reasons = []
    if ground.by_text:
        found = ground.by_text[1]
        what = {
            "negation": "one denies what the other says",
            "antonyms": "they use opposite words",
            "numbers": "they give different numbers",
        }[found.kind]
        first, second = sorted((found.first, found.second))
        reasons.append(f"{what}: “{first}” and “{second}”")
    if ground.by_metadata:
        about = listed(list(ground.common[:_SHOWN]))
        reasons.append(f"they speak of {about} with opposite feeling")
    sentence = "; ".join(reasons)
    return Finding(
        ground.strength,
        {
            "explanation": f"Perhaps a contradiction: {sentence}.",
            "judged_by": "heuristic",
            "confidence": "low",
            **more,
        },
    )
