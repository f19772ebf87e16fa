"""Faults are classed by their type; what their text says is for a person alone."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.lifecycle.errors import (
    ErrorType,
    InvalidInputError,
    PaywallError,
    PermanentError,
    RhizomeError,
    TransientError,
    explain,
)

CLASSES = {
    TransientError: ErrorType.TRANSIENT,
    PermanentError: ErrorType.PERMANENT,
    PaywallError: ErrorType.PAYWALL,
    InvalidInputError: ErrorType.INVALID,
    RhizomeError: ErrorType.PERMANENT,
}
MISLEADING = [
    "page 500 of 900",
    "429 pages were read; 503 more are to come",
    "timeout is a word of this document's title",
    "rate limit, connection reset, paywall, invalid, unauthorized",
    "",
]


@pytest.mark.parametrize(("kind", "error_type"), CLASSES.items())
@pytest.mark.parametrize("text", MISLEADING)
def test_the_class_decides(kind: type[RhizomeError], error_type: ErrorType, text: str) -> None:
    explained = explain(kind(text))

    assert explained.error_type is error_type
    assert explained.message == text


@pytest.mark.parametrize("text", MISLEADING)
@pytest.mark.parametrize("kind", [ValueError, RuntimeError, KeyError, OSError, TimeoutError])
def test_an_unforeseen_fault_is_permanent_whatever_it_says(
    kind: type[Exception], text: str
) -> None:
    explained = explain(kind(text))

    assert explained.error_type is ErrorType.PERMANENT
    assert kind.__name__ in explained.message
    assert explained.retry_after is None


@given(st.text(min_size=12))
def test_the_text_of_an_unforeseen_fault_is_not_told(text: str) -> None:
    """It may hold a path of the machine, a secret, or a piece of somebody's document."""
    assert explain(RuntimeError(text)).message == explain(RuntimeError("something else")).message


def test_a_busy_server_says_when_to_come_back() -> None:
    explained = explain(TransientError("The server is busy; try again later.", retry_after=7.0))

    assert explained.retry_after == 7.0


def test_a_full_disk_may_be_emptied() -> None:
    explained = explain(OSError(errno.ENOSPC, "No space left on device", "/somewhere/secret"))

    assert explained.error_type is ErrorType.TRANSIENT
    assert "/somewhere" not in explained.message


def test_too_little_memory_is_said_so() -> None:
    explained = explain(MemoryError())

    assert explained.error_type is ErrorType.PERMANENT
    assert "memory" in explained.message


def test_an_interruption_can_be_explained_too() -> None:
    assert explain(KeyboardInterrupt()).error_type is ErrorType.PERMANENT
