"""A client of OpenAI-compatible chat endpoints: one question, one answer, faults classified.

Knows nothing of chunks. The key is sent to the endpoint and appears nowhere else: not in
messages, not in a repr; nor does anything the endpoint answered appear in an error.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from pydantic import BaseModel, ValidationError

from rhizome_pipelines.lifecycle.errors import (
    ErrorType,
    InvalidInputError,
    PermanentError,
    TransientError,
    type_of_status,
)
from rhizome_pipelines.lifecycle.providers import answered

LARGEST_ANSWER = 2_000_000
"""Bytes of an answer's body that are read at most."""

LONGEST_WAIT = 20.0
"""Seconds that a client waits before it asks again; a longer wish ends the attempt instead."""


@dataclass(frozen=True)
class ChatEndpoint:
    """An OpenAI-compatible service: `{base_url}/chat/completions`.

    `batch_size` is chunks per request; `timeout` is seconds for one request; `attempts` is
    how often a busy or failing service is asked before the unit is given up.
    """

    base_url: str
    model: str
    api_key: str | None = field(default=None, repr=False)
    batch_size: int = 12
    timeout: float = 120.0
    attempts: int = 3

    def __post_init__(self) -> None:
        try:
            url = httpx.URL(self.base_url)
        except (httpx.InvalidURL, TypeError):
            url = httpx.URL("")
        if url.scheme not in ("http", "https") or not url.host:
            raise InvalidInputError("The chat endpoint's URL must begin with http:// or https://.")
        if url.userinfo or url.query or url.fragment:
            raise InvalidInputError(
                "The chat endpoint's URL must not hold a user name, password or query; "
                "give the key in its own setting."
            )
        if not self.model.strip():
            raise InvalidInputError("The chat endpoint needs the name of a model.")
        key = self.api_key
        if key is not None and not (key.isascii() and key.isprintable() and " " not in key):
            raise InvalidInputError(
                "The chat endpoint's key holds characters that no key has; check for line breaks."
            )
        if not 1 <= self.batch_size <= 64 or self.timeout <= 0 or not 1 <= self.attempts <= 10:
            raise InvalidInputError(
                "The chat endpoint's batch size must be 1–64, its timeout positive, "
                "its attempts 1–10."
            )


class UnusableAnswerError(Exception):
    """The endpoint answered, but refused the text or sent more than is read."""


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message


class _Completion(BaseModel):
    choices: list[_Choice]


class ChatClient:
    """Asks one endpoint. `sleep` takes seconds; use as a context manager."""

    def __init__(
        self, endpoint: ChatEndpoint, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        # Compressed answers could grow without bound while they are unpacked.
        headers = {"Accept-Encoding": "identity"}
        if endpoint.api_key:
            headers["Authorization"] = f"Bearer {endpoint.api_key}"
        self._endpoint = endpoint
        self._sleep = sleep
        self._plain = False
        self._http = httpx.Client(
            headers=headers,
            timeout=httpx.Timeout(endpoint.timeout, connect=min(10.0, endpoint.timeout)),
            follow_redirects=False,
        )

    def __enter__(self) -> "ChatClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def ask(self, system: str, user: str) -> str:
        """The answer's text.

        Raises TransientError when the endpoint stays busy or silent, PermanentError when it
        refuses us or does not speak this protocol, UnusableAnswerError when there is no
        usable text in its answer.
        """
        waited: float | None = None
        for attempt in range(self._endpoint.attempts):
            if attempt:
                self._sleep(min(2.0**attempt, LONGEST_WAIT) if waited is None else waited)
            try:
                status, headers, body = self._post(system, user)
            except httpx.TransportError:
                waited = None
                continue
            if type_of_status(status) is not ErrorType.TRANSIENT:
                return self._text(status, body)
            waited = _retry_after(headers)
            if waited is not None and waited > LONGEST_WAIT:
                break
        raise TransientError(
            f"The chat endpoint at {self._host} is busy or does not answer; "
            "the job goes on when it does.",
            retry_after=waited,
            provider=self._host,
            again_at_once=False,
        )

    def _post(self, system: str, user: str) -> tuple[int, httpx.Headers, bytes]:
        status, headers, body = self._send(self._payload(system, user))
        if status in (400, 422) and not self._plain:
            # Not every server knows `seed`, JSON mode or a token limit of this name.
            self._plain = True
            status, headers, body = self._send(self._payload(system, user))
        return status, headers, body

    def _payload(self, system: str, user: str) -> dict[str, Any]:
        payload: dict[str, Any] = {
            "model": self._endpoint.model,
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": user},
            ],
        }
        if not self._plain:
            payload |= {
                "temperature": 0,
                "seed": 0,
                "max_tokens": 8_192,
                "response_format": {"type": "json_object"},
            }
        return payload

    def _send(self, payload: dict[str, Any]) -> tuple[int, httpx.Headers, bytes]:
        url = self._endpoint.base_url.rstrip("/") + "/chat/completions"
        deadline = time.monotonic() + 2 * self._endpoint.timeout
        body = bytearray()
        with self._http.stream("POST", url, json=payload) as response:
            for block in response.iter_raw(65_536):
                body += block
                if len(body) > LARGEST_ANSWER:
                    raise UnusableAnswerError("The answer is larger than 2 MB.")
                if time.monotonic() > deadline:
                    # A timeout counts from one block to the next; this one counts them all.
                    raise httpx.ReadTimeout("The answer came too slowly.")
            return response.status_code, response.headers, bytes(body)

    def _text(self, status: int, body: bytes) -> str:
        if status in (401, 403):
            raise PermanentError(
                f"The chat endpoint at {self._host} refused the key; check RHIZOME_CHAT_API_KEY."
            )
        if status == 404:
            raise PermanentError(
                f"The chat endpoint at {self._host} knows no such address or model "
                f"({self._endpoint.model!r}); check RHIZOME_CHAT_BASE_URL and RHIZOME_CHAT_MODEL."
            )
        if status == 413:
            raise UnusableAnswerError("The question is too large for the endpoint.")
        if status != 200:
            raise PermanentError(
                f"The chat endpoint at {self._host} answered with status {status}; "
                "check RHIZOME_CHAT_BASE_URL and RHIZOME_CHAT_MODEL."
            )
        try:
            completion = _Completion.model_validate_json(body)
        except ValidationError:
            raise PermanentError(
                f"What answers at {self._host} is no OpenAI-compatible chat endpoint; "
                "check RHIZOME_CHAT_BASE_URL."
            ) from None
        answered(self._host)
        text = completion.choices[0].message.content if completion.choices else None
        if not text:
            raise UnusableAnswerError("The answer holds no text.")
        return text

    @property
    def _host(self) -> str:
        return httpx.URL(self._endpoint.base_url).host


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds from a Retry-After header, which holds seconds or a date (RFC 9110 §10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(min(int(value[:9]), 86_400))
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - datetime.now(UTC)).total_seconds(), 0.0), 86_400.0)
