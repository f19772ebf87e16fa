"""An OpenAI-compatible `/v1/embeddings` service (OpenAI, Gemini, Ollama, vLLM, TEI …).

Format: https://platform.openai.com/docs/api-reference/embeddings/create
"""

import ssl
import time
from collections.abc import Callable, Sequence
from functools import cached_property

import httpx
import numpy as np
from numpy.typing import NDArray

from rhizome_pipelines.embedding.config import EmbeddingConfig
from rhizome_pipelines.embedding.models.answers import (
    Answer,
    permanent_fault,
    retry_after,
    vectors_of,
)
from rhizome_pipelines.embedding.models.model import Vectors, unit_rows
from rhizome_pipelines.embedding.models.thresholds import measured_threshold
from rhizome_pipelines.embedding.ports import EmbeddingSpace
from rhizome_pipelines.lifecycle.errors import (
    ErrorType,
    InvalidInputError,
    PermanentError,
    TransientError,
    type_of_status,
)
from rhizome_pipelines.lifecycle.providers import answered

LONGEST_WAIT = 20.0
"""Seconds between two requests of one unit. Who asks for more is asked again by the job's retry."""

LARGEST_ANSWER = 128 * 2**20
"""Bytes."""


class EndpointModel:
    """Asks a service. Busy or failing services are asked again a few times, then later.

    `sleep` takes seconds; an answer of more than `largest_answer` bytes is broken off.
    """

    def __init__(
        self,
        model: str,
        config: EmbeddingConfig,
        sleep: Callable[[float], None] = time.sleep,
        largest_answer: int = LARGEST_ANSWER,
    ) -> None:
        if config.base_url is None:
            raise InvalidInputError(
                f"The embedding model endpoint:{model} needs RHIZOME_EMBEDDING_BASE_URL "
                "(such as https://api.openai.com/v1)."
            )
        self._model = model
        self._config = config
        self._sleep = sleep
        self._largest_answer = largest_answer
        self._url = config.base_url.rstrip("/") + "/embeddings"
        self._dimensions = config.dimensions

    @property
    def name(self) -> str:
        """`endpoint:{model}`, and `@{dimensions}` where they are asked for."""
        asked = self._config.dimensions
        return f"endpoint:{self._model}" + (f"@{asked}" if asked else "")

    @property
    def version(self) -> str:
        """Of what is sent, and where to."""
        return f"1 url={self._url} cut={self._config.max_input_characters}"

    @property
    def space(self) -> EmbeddingSpace:
        """Asks for one vector if the dimensions are not known yet."""
        if self._dimensions is None:
            self.embed(["dimensions"])
        if self._dimensions is None:
            raise PermanentError(f"{self._where} did not tell its dimensions.")
        return EmbeddingSpace(self.name, self._dimensions)

    @property
    def batch_size(self) -> int:
        """As configured."""
        return self._config.batch_size

    @property
    def connection_threshold(self) -> float | None:
        """As measured, for models that were."""
        return measured_threshold(self.name)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row a text; blank ones are not sent. Raises TransientError, PermanentError."""
        filled = [row for row, text in enumerate(texts) if text.strip()]
        cut = [texts[row][: self._config.max_input_characters] for row in filled]
        size = self.batch_size
        with httpx.Client(
            verify=self._tls, timeout=self._config.timeout, headers=self._headers
        ) as client:
            found = [
                self._batch(client, cut[start : start + size]) for start in range(0, len(cut), size)
            ]
        vectors = np.zeros((len(texts), self.space.dimensions), dtype=np.float32)
        if found:
            vectors[filled] = np.concatenate(found)
        return unit_rows(vectors)

    def _batch(self, client: httpx.Client, texts: Sequence[str]) -> NDArray[np.float32]:
        answer = self._answer(client, texts)
        if answer.status == httpx.codes.REQUEST_ENTITY_TOO_LARGE and len(texts) > 1:
            middle = len(texts) // 2
            halves = (texts[:middle], texts[middle:])
            return np.concatenate([self._batch(client, half) for half in halves])
        if answer.status != httpx.codes.OK:
            raise permanent_fault(answer, self._where, self._config.api_key)
        vectors = vectors_of(answer, len(texts), self._where)
        answered(self._host)
        if self._dimensions is None:
            self._dimensions = vectors.shape[1]
        if vectors.shape[1] != self._dimensions:
            raise PermanentError(
                f"{self._where} answered with {vectors.shape[1]} dimensions instead of "
                f"{self._dimensions}; check RHIZOME_EMBEDDING_DIMENSIONS."
            )
        return vectors

    def _answer(self, client: httpx.Client, texts: Sequence[str]) -> Answer:
        """The first answer that is final. Raises TransientError once all attempts are used."""
        attempts = self._config.attempts
        for attempt in range(1, attempts + 1):
            try:
                answer = self._post(client, texts)
            except httpx.TransportError as error:
                wait, what = None, f"did not answer ({type(error).__name__})"
            else:
                if answer.final:
                    return answer
                wait, what = retry_after(answer), f"is busy or failing (status {answer.status})"
            pause = wait if wait is not None else 0.5 * 2.0 ** (attempt - 1)
            if attempt == attempts or pause > LONGEST_WAIT:
                break
            self._sleep(pause)
        raise TransientError(
            f"{self._where} {what}; it was asked {attempt} times and is asked again later.",
            retry_after=wait,
            provider=self._host,
            again_at_once=False,
        )

    def _post(self, client: httpx.Client, texts: Sequence[str]) -> Answer:
        body: dict[str, object] = {"model": self._model, "input": list(texts)}
        if self._config.dimensions is not None:
            body["dimensions"] = self._config.dimensions
        with client.stream("POST", self._url, json=body) as response:
            data = bytearray()
            for piece in response.iter_bytes():
                data += piece
                if len(data) > self._largest_answer:
                    raise PermanentError(
                        f"{self._where} sent more than {self._largest_answer // 2**20} MB for "
                        f"{len(texts)} texts; check RHIZOME_EMBEDDING_BASE_URL."
                    )
            busy = type_of_status(response.status_code) is ErrorType.TRANSIENT
            return Answer(response.status_code, response.headers, bytes(data), busy=busy)

    @property
    def _headers(self) -> dict[str, str]:
        key = self._config.api_key
        return {"Authorization": f"Bearer {key}"} if key else {}

    @property
    def _host(self) -> str:
        return httpx.URL(self._url).host

    @property
    def _where(self) -> str:
        return f"The embedding endpoint {self._config.base_url}"

    @cached_property
    def _tls(self) -> ssl.SSLContext | bool:
        # Reading the certificates takes longer than a request; a plain connection needs none.
        return ssl.create_default_context() if self._url.startswith("https:") else False
