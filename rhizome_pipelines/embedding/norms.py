"""Lengths of vectors, counted as they pass: a glance tells whether a model went wrong."""

from typing import Any

import numpy as np

from rhizome_pipelines.embedding.models.model import Vectors


class NormStatistics:
    """Least and greatest length of the vectors that are not zero, and how many are."""

    def __init__(self) -> None:
        self.count = 0
        self._zero = 0
        self._least = np.inf
        self._greatest = 0.0

    def add(self, vectors: Vectors) -> None:
        """Count rows."""
        norms = np.sqrt((vectors.astype(np.float64) ** 2).sum(axis=1))
        filled = norms[norms > 0]
        self.count += len(norms)
        self._zero += len(norms) - len(filled)
        if len(filled):
            self._least = min(self._least, float(filled.min()))
            self._greatest = max(self._greatest, float(filled.max()))

    def facts(self) -> dict[str, Any]:
        """JSON values; `zero` counts chunks without text."""
        filled = self.count > self._zero
        return {
            "zero": self._zero,
            "min": round(self._least, 6) if filled else None,
            "max": round(self._greatest, 6) if filled else None,
        }
