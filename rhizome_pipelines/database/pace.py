"""How far a job is, how long it will take, and when to write that: pure, the clock handed in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MERGED_PARTS = ("stage_data", "stage_timestamps", "checkpoint")

MOST_WHILE_WORKING = 99
"""Percent; 100 is written with the completion, in the same statement."""


def merge_progress(stored: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """What `rhizome_merge_progress` does in the database, for well-formed values.

    `percent` never falls, MERGED_PARTS are merged, `completed_stages` are united in order, all
    else is replaced. Merging is associative: patches may be put together before they are written.
    """
    merged = {**stored, **patch}
    if "percent" in patch:
        merged["percent"] = max(stored.get("percent", patch["percent"]), patch["percent"])
    for part in MERGED_PARTS:
        if part in patch:
            merged[part] = {**stored.get(part, {}), **patch[part]}
    if "completed_stages" in patch:
        united = [*stored.get("completed_stages", ()), *patch["completed_stages"]]
        merged["completed_stages"] = list(dict.fromkeys(united))
    return merged


class JobPercent:
    """The whole job's share that is done, from the fractions of its stages; it never falls."""

    def __init__(self, stages: Sequence[str], weights: Mapping[str, float]) -> None:
        """`stages` are those of this run; one without a weight counts as the lightest."""
        lightest = min(weights.values(), default=1.0)
        self._weights = {stage: weights.get(stage, lightest) for stage in stages}
        self._total = sum(self._weights.values())
        self._fractions = dict.fromkeys(stages, 0.0)

    def advance(self, stage: str, fraction: float) -> float:
        """Note the stage's fraction; the job's percent, 0–100, exact."""
        if stage in self._fractions:
            clamped = min(1.0, max(0.0, fraction))
            self._fractions[stage] = max(self._fractions[stage], clamped)
        return self.exact

    @property
    def exact(self) -> float:
        """Percent, not rounded."""
        if not self._total:
            return 0.0
        done = sum(self._weights[stage] * part for stage, part in self._fractions.items())
        return min(100.0, 100.0 * done / self._total)

    @property
    def shown(self) -> int:
        """Whole percent, as the row has it while the job is worked on."""
        return min(MOST_WHILE_WORKING, int(self.exact + 1e-9))


@dataclass
class TimeLeft:
    """Estimates from the pace of this attempt: what was there before it says nothing of speed."""

    least_percent: float = 5.0
    least_seconds: float = 5.0
    _begin: tuple[float, float] | None = field(default=None, init=False)

    def estimate(self, now: float, percent: float) -> int | None:
        """Whole seconds until 100 %, or None while too little is known. `now` in seconds."""
        if self._begin is None:
            self._begin = (now, percent)
        elapsed, gained = now - self._begin[0], percent - self._begin[1]
        if gained < self.least_percent or elapsed < self.least_seconds:
            return None
        return round((100.0 - percent) * elapsed / gained)

    def jump(self, percent: float) -> None:
        """So many percent were gained without work, by reuse of what was there."""
        if self._begin is not None:
            self._begin = (self._begin[0], self._begin[1] + percent)


@dataclass
class Throttle:
    """At most one write in `interval` seconds."""

    interval: float
    _last: float | None = field(default=None, init=False)

    def wait(self, now: float) -> float:
        """Seconds until the next write may be made; 0 if now."""
        if self._last is None:
            return 0.0
        return max(0.0, self._last + self.interval - now)

    def wrote(self, now: float) -> None:
        """A write was made."""
        self._last = now
