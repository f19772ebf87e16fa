"""From which cosine on two chunks are taken to be connected, for each model that was measured.

Reproduce with `python benchmarks/connection_quality/calibrate.py`.
"""

from collections.abc import Mapping

DEFAULT_THRESHOLD = 0.7
"""For models that were not measured: careful for most; measure yours."""

_MEASURED: Mapping[str, float] = {
    "wordllama-0.4-l2-256": 0.6,
    "sentence-transformers:all-mpnet-base-v2": 0.7,
}


def measured_threshold(model: str) -> float | None:
    """The threshold of a model by its recorded name; None if it was not measured."""
    return _MEASURED.get(model)
