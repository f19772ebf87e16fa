"""Faults of libraries in words for a person; and what of them is not told."""

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from rhizome_pipelines.deployment.faults import details_of, explained, hidden
from rhizome_pipelines.lifecycle.errors import ErrorType, TransientError
from rhizome_pipelines.settings import Settings

REQUEST = httpx.Request("POST", "https://user:hunter22@API.Example.com/v1/embeddings")
SETTINGS = Settings(
    database_url=SecretStr("postgresql://me:p%40ss%2Fword@db.example.com/rhizome"),
    embedding_api_key=SecretStr("sk-embedding-key"),
    chat_api_key=SecretStr("sk-chat-key"),
)


@pytest.mark.parametrize(
    "fault",
    [
        httpx.ConnectError("refused", request=REQUEST),
        httpx.ReadTimeout("too slow", request=REQUEST),
        httpx.RemoteProtocolError("broke off", request=REQUEST),
        httpx.PoolTimeout("none free"),
    ],
)
def test_a_connection_that_breaks_is_tried_again(fault: httpx.HTTPError) -> None:
    told = explained(fault)
    assert told.error_type is ErrorType.TRANSIENT
    assert told.provider in ("api.example.com", None)
    assert "hunter22" not in told.message
    assert "defect" not in told.message


def test_an_answer_that_cannot_be_decoded_is_not_asked_for_again() -> None:
    told = explained(httpx.DecodingError("page 500 of 900", request=REQUEST))
    assert told.error_type is ErrorType.PERMANENT
    assert "api.example.com" in told.message


def test_a_database_that_is_gone_is_waited_for() -> None:
    for fault in (psycopg.OperationalError("gone"), psycopg.InterfaceError("closed")):
        assert explained(fault).error_type is ErrorType.TRANSIENT


def test_what_is_ours_is_told_as_it_is() -> None:
    told = explained(TransientError("The service is busy.", retry_after=3, provider="a.example"))
    assert (told.message, told.retry_after, told.provider) == (
        "The service is busy.",
        3,
        "a.example",
    )


def test_no_secret_stands_in_what_an_attempt_keeps() -> None:
    try:
        try:
            raise RuntimeError("Authorization: Bearer sk-embedding-key; p@ss/word, p%40ss%2Fword")
        except RuntimeError as cause:
            raise ValueError("https://user:hunter22@example.com/ and sk-chat-key") from cause
    except ValueError as fault:
        kept = hidden(details_of(fault), SETTINGS)

    for secret in ("sk-embedding-key", "sk-chat-key", "p@ss", "p%40ss", "hunter22"):
        assert secret not in kept
    assert "https://***@example.com/" in kept
    assert "direct cause" in kept
    assert "test_faults.py" in kept
