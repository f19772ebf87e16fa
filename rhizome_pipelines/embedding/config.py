"""What a person may choose about embedding."""

from dataclasses import dataclass, field

import httpx

from rhizome_pipelines.lifecycle.errors import InvalidInputError


@dataclass(frozen=True)
class EmbeddingConfig:
    """Which model makes the vectors, and how it is reached.

    `model` is `wordllama`, `endpoint:<model>` or `sentence-transformers:<model>`. The rest holds
    for the last two: `base_url`, `api_key` (never shown), `dimensions` to ask for, `timeout`
    (seconds, one request) and `attempts` (requests within one unit) are the endpoint's;
    `batch_size` (texts in one request or pass) and `max_input_characters` (longer texts are cut)
    are both's; `allow_download` lets sentence-transformers fetch weights.
    `max_dimensions` is the width of the column that the vectors go to.
    """

    model: str = "wordllama"
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    dimensions: int | None = None
    batch_size: int = 64
    timeout: float = 60.0
    attempts: int = 4
    max_input_characters: int = 8_000
    allow_download: bool = False
    max_dimensions: int = 768

    def __post_init__(self) -> None:
        if self.base_url is not None:
            _check_url(self.base_url)
        if self.dimensions is not None and not 1 <= self.dimensions <= self.max_dimensions:
            raise InvalidInputError(
                f"RHIZOME_EMBEDDING_DIMENSIONS must be 1–{self.max_dimensions}, "
                f"the width of the column; it is {self.dimensions}."
            )
        if not 1 <= self.batch_size <= 2_048 or not 1 <= self.attempts <= 10 or self.timeout <= 0:
            raise InvalidInputError(
                "The embedding batch size must be 1–2,048, the attempts 1–10, the timeout positive."
            )
        if self.max_input_characters < 1:
            raise InvalidInputError("The longest embedded text must have at least 1 character.")


def _check_url(text: str) -> None:
    """Keys belong in a setting of their own: a URL is shown and recorded."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host or url.userinfo or url.query:
        raise InvalidInputError(
            "RHIZOME_EMBEDDING_BASE_URL must look like https://host/v1, without a user, "
            "a password or a query; a key goes into RHIZOME_EMBEDDING_API_KEY."
        )
