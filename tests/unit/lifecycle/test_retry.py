"""When a failed job is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.lifecycle.errors import ErrorType, Explained
from rhizome_pipelines.lifecycle.retry import (
    FIRST_DELAY,
    LONGEST_ASKED,
    LONGEST_DELAY,
    GiveUp,
    RetryIn,
    retry_after,
)

BUSY = Explained(ErrorType.TRANSIENT, "The server is busy.")
DRAWN = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize("kind", sorted(set(ErrorType) - {ErrorType.TRANSIENT}))
@given(count=st.integers(0, 10), drawn=DRAWN)
def test_only_what_may_be_over_soon_is_tried_again(
    kind: ErrorType, count: int, drawn: float
) -> None:
    assert retry_after(Explained(kind, "No."), count, 3, drawn) == GiveUp(tried=False)


@given(count=st.integers(0, 10_000), drawn=DRAWN)
def test_a_delay_is_within_its_bounds(count: int, drawn: float) -> None:
    told = retry_after(BUSY, count, count + 1, drawn)

    assert isinstance(told, RetryIn)
    assert FIRST_DELAY / 2 <= told.seconds <= LONGEST_DELAY


@given(count=st.integers(0, 100), drawn=DRAWN)
def test_each_waits_no_less_than_the_one_before(count: int, drawn: float) -> None:
    one, two = (retry_after(BUSY, n, 1_000, drawn) for n in (count, count + 1))

    assert isinstance(one, RetryIn) and isinstance(two, RetryIn)
    assert one.seconds <= two.seconds


@given(asked=st.floats(-1e12, 1e12), drawn=DRAWN)
def test_what_the_other_side_asks_for_is_waited_for(asked: float, drawn: float) -> None:
    told = retry_after(Explained(ErrorType.TRANSIENT, "Busy.", asked), 0, 3, drawn)

    assert isinstance(told, RetryIn)
    assert told.seconds >= min(asked, LONGEST_ASKED)
    assert told.seconds <= max(LONGEST_DELAY, LONGEST_ASKED)


@given(limit=st.integers(0, 10), beyond=st.integers(0, 10))
def test_no_more_than_the_limit(limit: int, beyond: int) -> None:
    assert retry_after(BUSY, limit + beyond, limit, 0.5) == GiveUp(tried=limit > 0)
