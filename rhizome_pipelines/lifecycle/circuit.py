"""When a provider that fails everybody is left alone, and for how long.

A circuit breaker (M. Nygard, Release It!, 2007): closed while the provider answers; open, so that
nobody asks, after enough failures in a row; at the end of that time one asks in everybody's name
(half-open), and closes or opens it again by what comes of it. An answer to anybody closes it, which
is to forget all of it. Time is the database's clock, handed in as `now`.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rhizome_pipelines.lifecycle.retry import LONGEST_ASKED

FAILURES_TO_OPEN = 5
"""So many attempts in a row have failed at the provider, and it is left alone."""

STREAK = timedelta(minutes=10)
"""Failures that are further apart than this are not in a row."""

FIRST_OPENING = 30.0
"""Seconds that a provider is left alone at first; each time in a row twice as long."""

LONGEST_OPENING = 15 * 60.0
"""Seconds that it is left alone at most, unless it has asked for more."""

PROBE = timedelta(minutes=2)
"""How long the one that asks may take before another may."""


@dataclass(frozen=True)
class Circuit:
    """What is known against a provider. `since`: the last failure; None if there was none."""

    failures: int = 0
    openings: int = 0
    opened_until: datetime | None = None
    since: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether nobody need ask now."""
        return self.opened_until is not None and now < self.opened_until


def after_failure(
    circuit: Circuit, now: datetime, retry_after: float | None, *, probe: bool
) -> Circuit:
    """The circuit after one more transient failure of an attempt at its provider.

    `retry_after`, in seconds, is what the provider asked for. `probe`: the failure is that of the
    job which asked in everybody's name. Others that were under way when the circuit opened say
    nothing new, unless they were asked to wait for longer.
    """
    asked = timedelta(seconds=min(max(retry_after or 0.0, 0.0), LONGEST_ASKED))
    if circuit.opened_until is not None and circuit.is_open(now) and not probe:
        return replace(circuit, opened_until=max(circuit.opened_until, now + asked))
    before = Circuit() if _long_ago(circuit, now) else circuit
    failed = replace(before, failures=before.failures + 1, since=now)
    if before.openings == 0 and failed.failures < FAILURES_TO_OPEN:
        return failed
    # The exponent is bounded so that no count makes a number that is not finite.
    seconds = min(FIRST_OPENING * 2 ** min(before.openings, 32), LONGEST_OPENING)
    return replace(
        failed,
        openings=before.openings + 1,
        opened_until=now + max(timedelta(seconds=seconds), asked),
    )


def _long_ago(circuit: Circuit, now: datetime) -> bool:
    """Whether the provider was neither asked nor waited for, for so long that nothing is known."""
    times = [moment for moment in (circuit.since, circuit.opened_until) if moment is not None]
    return bool(times) and now - max(times) > STREAK
