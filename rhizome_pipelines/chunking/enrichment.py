"""The port of enrichment: whoever says something about chunks implements `Enricher`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from rhizome_pipelines.chunking.metadata import ChunkMetadata
from rhizome_pipelines.stages.stage import Pulse


@dataclass(frozen=True, slots=True)
class EnrichmentInput:
    """One chunk to be described."""

    index: int
    text: str
    headings: tuple[str, ...]


Sample = Callable[[int], Iterable[EnrichmentInput]]
"""`sample(count)`: up to `count` chunks spread evenly over the document."""


class Enricher(Protocol):
    """Finds metadata of chunks."""

    def enrich(
        self, chunks: Sequence[EnrichmentInput], pulse: Pulse
    ) -> Sequence[ChunkMetadata | None]:
        """One answer for each chunk, in their order; None where nothing is to be said."""


class NoEnricher:
    """Says nothing."""

    def enrich(
        self, chunks: Sequence[EnrichmentInput], pulse: Pulse
    ) -> Sequence[ChunkMetadata | None]:
        """None for each chunk."""
        return [None] * len(chunks)
