"""Several measurements of one thing, told by their middle and their ends."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any


def spread(values: Sequence[float]) -> dict[str, Any]:
    """`{"median", "least", "most", "count"}` of at least one value."""
    return {
        "median": statistics.median(values),
        "least": min(values),
        "most": max(values),
        "count": len(values),
    }


def ratio(values: Sequence[float], against: Sequence[float]) -> dict[str, Any]:
    """Spread of the ratios of measurements that were made in turn, pair by pair."""
    return spread([one / other for one, other in zip(values, against, strict=True)])


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that at least `share` (0–1) of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def told(found: Mapping[str, float], digits: int = 1, unit: str = "") -> str:
    """`4.2 s (3.9–5.0)`."""
    middle, least, most = (f"{found[name]:,.{digits}f}" for name in ("median", "least", "most"))
    return f"{middle}{unit} ({least}–{most})"
