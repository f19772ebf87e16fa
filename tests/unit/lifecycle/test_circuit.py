"""When a provider is left alone, and for how long, whatever happens in which order."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.lifecycle.circuit import (
    FAILURES_TO_OPEN,
    FIRST_OPENING,
    LONGEST_OPENING,
    PROBE,
    STREAK,
    Circuit,
    after_failure,
)
from rhizome_pipelines.lifecycle.retry import LONGEST_ASKED

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
asked = st.none() | st.floats(-10, 1e9)
gaps = st.floats(0, STREAK.total_seconds())


def failed_often(times: int, *, every: float = 1.0) -> Circuit:
    """`times` failures, the last of them now."""
    circuit = Circuit()
    for back in reversed(range(times)):
        circuit = after_failure(circuit, NOW - timedelta(seconds=back * every), None, probe=False)
    return circuit


def test_it_opens_at_the_fifth_failure_in_a_row() -> None:
    assert not failed_often(FAILURES_TO_OPEN - 1).is_open(NOW)
    opened = failed_often(FAILURES_TO_OPEN)
    assert opened.opened_until == NOW + timedelta(seconds=FIRST_OPENING)
    assert opened.is_open(NOW)
    assert not opened.is_open(NOW + timedelta(seconds=FIRST_OPENING))


def test_failures_far_apart_are_not_in_a_row() -> None:
    assert failed_often(50, every=STREAK.total_seconds() + 1).failures == 1


@given(asked, st.floats(0, 29))
def test_who_was_under_way_when_it_opened_only_prolongs_it(
    retry_after: float | None, seconds: float
) -> None:
    opened = failed_often(FAILURES_TO_OPEN)
    assert opened.opened_until is not None
    after = after_failure(opened, NOW + timedelta(seconds=seconds), retry_after, probe=False)
    assert after.opened_until is not None
    assert after.opened_until >= opened.opened_until
    assert (after.failures, after.openings) == (opened.failures, opened.openings)


def test_each_probe_that_fails_doubles_the_time_up_to_a_cap() -> None:
    circuit, times = failed_often(FAILURES_TO_OPEN), []
    now = NOW
    for _ in range(8):
        assert circuit.opened_until is not None
        times.append((circuit.opened_until - now).total_seconds())
        now = circuit.opened_until + timedelta(seconds=1)
        probing = Circuit(circuit.failures, circuit.openings, now + PROBE, circuit.since)
        circuit = after_failure(probing, now, None, probe=True)
    assert times == [30, 60, 120, 240, 480, 900, 900, 900]


def test_a_failure_after_the_time_is_over_opens_it_again() -> None:
    opened = failed_often(FAILURES_TO_OPEN)
    later = NOW + timedelta(seconds=FIRST_OPENING + 1)
    again = after_failure(opened, later, None, probe=False)
    assert again.opened_until == later + timedelta(seconds=2 * FIRST_OPENING)


def test_what_is_long_ago_is_forgotten() -> None:
    opened = failed_often(FAILURES_TO_OPEN)
    assert opened.opened_until is not None
    fresh = after_failure(opened, opened.opened_until + STREAK * 1.01, None, probe=False)
    assert (fresh.failures, fresh.openings, fresh.opened_until) == (1, 0, None)


@given(st.lists(st.tuples(gaps, asked, st.booleans()), max_size=30))
def test_however_attempts_fail_the_time_is_within_its_bounds(
    events: list[tuple[float, float | None, bool]],
) -> None:
    circuit, now = Circuit(), NOW
    for gap, retry_after, probe in events:
        now += timedelta(seconds=gap)
        before = circuit
        circuit = after_failure(before, now, retry_after, probe=probe)
        assert circuit.failures >= 1
        assert (circuit.openings > 0) == (circuit.opened_until is not None)
        assert circuit.openings == 0 or circuit.failures >= FAILURES_TO_OPEN
        if circuit.openings > before.openings and circuit.opened_until is not None:
            seconds = (circuit.opened_until - now).total_seconds()
            assert FIRST_OPENING <= seconds <= max(LONGEST_OPENING, LONGEST_ASKED)
            assert seconds >= min(retry_after or 0, LONGEST_ASKED) - 1e-3
            assert before.openings == 0 or probe or not before.is_open(now)
