"""What an embeddings service answered, and what that means."""

import json
import math
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from rhizome_pipelines.lifecycle.errors import PermanentError

_SHOWN = 200


@dataclass(frozen=True)
class Answer:
    """Status, headers and whole body. `busy`: it is worth asking again."""

    status: int
    headers: httpx.Headers
    body: bytes = field(repr=False)
    busy: bool

    @property
    def final(self) -> bool:
        """Asking again would not change it: whatever is not busy, or a quota that is used up."""
        return not self.busy or self.code == "insufficient_quota"

    @property
    def document(self) -> Any:
        """The body as JSON; None if it is not."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def error(self) -> dict[str, Any]:
        """The `error` object of OpenAI's format; empty if there is none."""
        document = self.document
        found = document.get("error") if isinstance(document, dict) else None
        return found if isinstance(found, dict) else {}

    @property
    def code(self) -> str | None:
        """Its machine-readable code."""
        code = self.error.get("code") or self.error.get("type")
        return code if isinstance(code, str) else None


def retry_after(answer: Answer) -> float | None:
    """Seconds that the service asks us to wait (RFC 9110, 10.2.3); None if it does not say.

    A date is read against the answer's own `Date`, so that no clock of ours comes in.
    """
    text = answer.headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        until, now = _date(text), _date(answer.headers.get("date", ""))
        if until is None or now is None:
            return None
        seconds = (until - now).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def permanent_fault(answer: Answer, where: str, api_key: str | None) -> PermanentError:
    """What to tell a person about an answer that asking again will not change."""
    match answer.status:
        case 401 | 403:
            advice = "refused the key; check RHIZOME_EMBEDDING_API_KEY"
        case 404 | 405:
            advice = (
                "has no such address or model; check RHIZOME_EMBEDDING_BASE_URL (it ends in /v1) "
                "and RHIZOME_EMBEDDING_MODEL"
            )
        case status if 300 <= status < 400:
            advice = "sends elsewhere; set RHIZOME_EMBEDDING_BASE_URL to the final address"
        case 429:
            advice = "has no quota left for this key; check the account's plan"
        case 413:
            advice = "finds a single text too large; make chunks shorter (RHIZOME_CHUNK_CHARACTERS)"
        case _:
            advice = "refused the request" + _words(answer, api_key)
    return PermanentError(f"{where} {advice} (status {answer.status}).")


def _words(answer: Answer, api_key: str | None) -> str:
    message = answer.error.get("message")
    if not isinstance(message, str):
        return ""
    if api_key:
        message = message.replace(api_key, "…")
    return ": " + " ".join(message.split())[:_SHOWN]


def vectors_of(answer: Answer, count: int, where: str) -> NDArray[np.float32]:
    """The vectors in the order of the texts, shape (count, dimensions).

    Raises PermanentError if there are not `count` vectors of one dimension and finite numbers.
    """
    document = answer.document
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise PermanentError(
            f"{where} did not answer in the format of OpenAI's embeddings; "
            "check RHIZOME_EMBEDDING_BASE_URL."
        )
    if len(data) != count:
        raise PermanentError(f"{where} sent {len(data)} vectors for {count} texts.")
    rows = [item.get("embedding") for item in _in_order(data, where)]
    if not all(isinstance(row, list) and row for row in rows):
        raise PermanentError(f"{where} sent a vector that is no list of numbers.")
    try:
        vectors = np.array(rows, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        raise PermanentError(f"{where} sent vectors of different lengths, or no numbers.") from None
    if vectors.ndim != 2 or not np.isfinite(vectors).all() or np.abs(vectors).max() > 1e30:
        raise PermanentError(f"{where} sent numbers that are not finite (NaN or infinite).")
    return vectors.astype(np.float32)


def _in_order(data: list[dict[str, Any]], where: str) -> list[dict[str, Any]]:
    """Sorted by `index`; as they stand if no item has one."""
    indexes = [item.get("index") for item in data]
    if all(index is None for index in indexes):
        return data
    by_index = {i: item for i, item in zip(indexes, data, strict=True) if isinstance(i, int)}
    if by_index.keys() != set(range(len(data))):
        raise PermanentError(f"{where} numbered its vectors wrongly.")
    return [by_index[index] for index in range(len(data))]
