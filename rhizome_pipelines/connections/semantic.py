"""Semantic similarity: two chunks say something alike, measured by the cosine of their vectors."""

from collections.abc import Mapping

import numpy as np

from rhizome_pipelines.connections.config import MOST_PER_CHUNK
from rhizome_pipelines.connections.engine import Block, Cosines, Pairs
from rhizome_pipelines.connections.explanation import listed, shared_headings, shared_terms
from rhizome_pipelines.connections.ports import ChunkText, ConnectionType
from rhizome_pipelines.connections.strongest import kth_largest
from rhizome_pipelines.lifecycle.errors import InvalidInputError

DEFAULT_THRESHOLD = 0.7
"""For vectors of models that were not measured."""

_DECIMALS = 6
_HALF_STEP = 0.5 * 10.0**-_DECIMALS


class SemanticSimilarityEngine:
    """Connects what has a cosine of at least `threshold`."""

    def __init__(self, threshold: float = DEFAULT_THRESHOLD) -> None:
        if not 0.0 < threshold < 1.0:
            raise InvalidInputError(
                f"RHIZOME_CONNECTION_THRESHOLD must lie between 0 and 1; it is {threshold}."
            )
        self._threshold = threshold

    @property
    def type(self) -> ConnectionType:
        """`semantic_similarity`."""
        return ConnectionType.SEMANTIC_SIMILARITY

    @property
    def version(self) -> str:
        """Of the rule and of the words."""
        return "1"

    @property
    def limit(self) -> int:
        """None of its own."""
        return MOST_PER_CHUNK

    @property
    def threshold(self) -> float:
        """Least cosine of a connection."""
        return self._threshold

    def dependencies(self) -> Mapping[str, str]:
        """The threshold."""
        return {"threshold": repr(self._threshold)}

    def pairs(self, sources: Block, targets: Block, cosines: Cosines, per_chunk: int) -> Pairs:
        """Pairs at or above the threshold that matter to their row or their column."""
        least = self._threshold - _HALF_STEP
        wanted = cosines >= least
        crowded_rows = np.flatnonzero(wanted.sum(axis=1) > per_chunk)
        crowded_columns = np.flatnonzero(wanted.sum(axis=0) > per_chunk)
        if len(crowded_rows) and len(crowded_columns):
            # Only a pair in a crowded row *and* a crowded column can be of no use to both.
            row_floor = np.full(len(cosines), -np.inf)
            column_floor = np.full(cosines.shape[1], -np.inf)
            row_floor[crowded_rows] = kth_largest(cosines[crowded_rows], per_chunk, axis=1)
            column_floor[crowded_columns] = kth_largest(
                cosines[:, crowded_columns], per_chunk, axis=0
            )
            # Rounding may make a slightly weaker pair as strong as the last one.
            floor = np.minimum(row_floor[:, None], column_floor[None, :]) - 2 * _HALF_STEP
            wanted &= cosines >= floor
        rows, columns = np.nonzero(wanted)
        strengths = np.minimum(np.round(cosines[rows, columns], _DECIMALS), 1.0)
        kept = strengths >= self._threshold
        return Pairs(rows[kept].astype(np.int32), columns[kept].astype(np.int32), strengths[kept])

    def explain(self, source: ChunkText, target: ChunkText, strength: float) -> str:
        """The similarity, the headings and the words that both share."""
        reasons = []
        if headings := shared_headings(source, target):
            reasons.append(f"both stand under “{headings[0]}”")
        if terms := shared_terms(source.content, target.content):
            reasons.append(f"both speak of {listed(terms)}")
        why = "; ".join(reasons) or "similar in meaning, in different words"
        return f"Similarity {strength:.2f}: {why}."
