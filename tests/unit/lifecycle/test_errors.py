"""Faults are classed by their type; what their text says is for a person alone."""

import errno
import socket

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
    type_of_status,
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
@pytest.mark.parametrize("kind", [ValueError, RuntimeError, KeyError, OSError])
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


def test_defect_6_page_500_of_900_is_no_http_500() -> None:
    assert explain(ValueError("page 500 of 900")).error_type is ErrorType.PERMANENT
    assert explain(OSError("HTTP 503 connection reset")).error_type is ErrorType.PERMANENT
    assert explain(PermanentError("page 500 of 900")).error_type is ErrorType.PERMANENT
    assert explain(InvalidInputError("429 Too Many Requests")).error_type is ErrorType.INVALID
    assert type_of_status(500) is ErrorType.TRANSIENT


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529, 599])
@pytest.mark.parametrize("page", [True, False])
def test_a_busy_or_broken_server_may_be_asked_again(status: int, page: bool) -> None:
    assert type_of_status(status, page=page) is ErrorType.TRANSIENT


@pytest.mark.parametrize("status", [401, 402])
def test_a_login_is_a_paywall_before_a_page_and_a_wrong_key_at_a_service(status: int) -> None:
    assert type_of_status(status, page=True) is ErrorType.PAYWALL
    assert type_of_status(status) is ErrorType.PERMANENT


@pytest.mark.parametrize("status", [400, 403, 404, 405, 410, 413, 422, 451])
@pytest.mark.parametrize("page", [True, False])
def test_what_is_refused_is_not_asked_for_again(status: int, page: bool) -> None:
    assert type_of_status(status, page=page) is ErrorType.PERMANENT


@pytest.mark.parametrize(
    "fault",
    [
        ConnectionResetError(errno.ECONNRESET, "reset"),
        BrokenPipeError(),
        TimeoutError("page 500 of 900"),
        OSError(errno.ENETUNREACH, "no way there"),
        socket.gaierror(socket.EAI_AGAIN, "no name server"),
        OSError(errno.EMFILE, "too many files", "/home/me/secret.pdf"),
        OSError(errno.EDQUOT, "quota", "/home/me/secret.pdf"),
    ],
)
def test_faults_of_network_and_machine_pass(fault: OSError) -> None:
    explained = explain(fault)

    assert explained.error_type is ErrorType.TRANSIENT
    assert "defect" not in explained.message
    assert "secret" not in explained.message


def test_a_missing_right_is_told_as_such() -> None:
    explained = explain(PermissionError(errno.EACCES, "Permission denied", "/home/me/secret.pdf"))

    assert explained.error_type is ErrorType.PERMANENT
    assert "EACCES" in explained.message
    assert "secret" not in explained.message
    assert "defect" not in explained.message


def test_the_service_that_failed_is_named_by_its_host() -> None:
    fault = TransientError("Busy.", retry_after=7, provider="API.OpenAI.com")

    assert explain(fault).provider == "api.openai.com"
    assert explain(TransientError("Busy.")).provider is None
