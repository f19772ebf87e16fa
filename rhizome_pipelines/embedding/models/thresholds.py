"""From which cosine on two chunks are taken to be connected, for each model that was measured.

Reproduce with `python benchmarks/connection_quality/calibrate.py`: on its labelled pairs the
built-in model reaches a precision of 1.0 at 0.5, with a recall of 0.6 on passages as long as
chunks; 0.9 % of the pairs of passages from different technical manuals are connected.
"""

from collections.abc import Mapping

_MEASURED: Mapping[str, float] = {
    "wordllama-0.4-l2-256": 0.5,
    "sentence-transformers:all-mpnet-base-v2": 0.7,
    "sentence-transformers:sentence-transformers/all-mpnet-base-v2": 0.7,
}


def measured_threshold(model: str) -> float | None:
    """The threshold of a model by its recorded name; None if it was not measured.

    Whoever gets None takes `DEFAULT_THRESHOLD` of the connections: measure your model.
    """
    return _MEASURED.get(model)
