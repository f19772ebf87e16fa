"""What a person may choose about chunking."""

from dataclasses import dataclass
from enum import StrEnum

from rhizome_pipelines.language_model import ChatEndpoint
from rhizome_pipelines.lifecycle.errors import InvalidInputError


class Strategy(StrEnum):
    """How a text is cut; the value is written to `chunks.chunker_type`."""

    HYBRID = "hybrid"
    RECURSIVE = "recursive"
    SENTENCE = "sentence"
    TOKEN = "token"  # noqa: S105 - a way of cutting, not a secret

    @classmethod
    def parse(cls, name: str) -> "Strategy":
        """Read a client's `chunkerStrategy`. Raises InvalidInputError naming those that exist."""
        try:
            return cls(name.strip().lower())
        except ValueError:
            raise InvalidInputError(
                f"The chunker strategy {name[:40]!r} is not offered; "
                f"choose one of {', '.join(cls)}."
            ) from None


@dataclass(frozen=True)
class ChunkingConfig:
    """Sizes are characters (code points), for the strategy `token` tokens of the default model.

    A chunk is closed once it has `target`, and never grows beyond `max`.
    """

    strategy: str = Strategy.HYBRID
    target_characters: int = 1_200
    max_characters: int = 2_000
    target_tokens: int = 320
    enrich: bool = True
    chat: ChatEndpoint | None = None

    def __post_init__(self) -> None:
        Strategy.parse(self.strategy)
        if not 200 <= self.target_characters <= self.max_characters <= 40_000:
            raise InvalidInputError(
                "Chunk sizes must satisfy 200 ≤ target_characters ≤ max_characters ≤ 40,000."
            )
        if not 32 <= self.target_tokens <= 4_000:
            raise InvalidInputError("A chunk's target_tokens must be between 32 and 4,000.")

    @property
    def chosen(self) -> Strategy:
        """The strategy as a word of ours."""
        return Strategy.parse(self.strategy)
