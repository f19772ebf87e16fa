"""How far a stage is: units and their weights turned into one fraction that never falls."""

import math
from collections.abc import Mapping, Sequence

from rhizome_pipelines.stages.stage import Progress, Pulse, Unit


class StageMeter:
    """Tells a stage's progress. The fraction is the share of the units' weights that is kept."""

    def __init__(
        self, progress: Progress, stage: str, units: Sequence[Unit], ending: float = 0.0
    ) -> None:
        """`ending`: the weight of what comes after the units."""
        self._progress = progress
        self._stage = stage
        self._ending = ending
        self._total = sum(_weight(unit) for unit in units) + ending
        self._kept: set[str] = set()
        self._kept_weight = 0.0
        self._fraction = 0.0
        self._counters: Mapping[str, int] = {}

    def pulse_for(self, unit: Unit) -> Pulse:
        """A pulse whose fraction of `unit` is told as a fraction of the stage."""

        def pulse(fraction: float, details: str) -> None:
            inside = 0.0 if math.isnan(fraction) else min(max(fraction, 0.0), 1.0)
            if unit.key not in self._kept:
                self._raise_to(self._kept_weight + inside * _weight(unit))
            self.say(f"{unit.label}: {details}" if details else unit.label)

        return pulse

    def ending(self, fraction: float, details: str) -> None:
        """A pulse of what comes after the units."""
        self._raise_to(self._kept_weight + min(max(fraction, 0.0), 1.0) * self._ending)
        self.say(details)

    def unit_kept(self, unit: Unit, *, reused: bool) -> None:
        """`unit`'s part is stored and valid."""
        if unit.key not in self._kept:
            self._kept.add(unit.key)
            self._kept_weight += _weight(unit)
            self._raise_to(self._kept_weight)
            self._counters = unit.counters
        self.say(f"{unit.label} (kept from before)" if reused else unit.label)

    def finished(self) -> None:
        """The stage's checkpoint is stored."""
        self._fraction = 1.0
        self.say("done")

    def say(self, details: str) -> None:
        """Tell `details` at the fraction reached."""
        self._progress.stage(self._stage, self._fraction, details, self._counters)

    def _raise_to(self, weight: float) -> None:
        if self._total > 0:
            self._fraction = max(self._fraction, min(weight / self._total, 1.0))


def _weight(unit: Unit) -> float:
    return unit.weight if math.isfinite(unit.weight) and unit.weight > 0 else 0.0
