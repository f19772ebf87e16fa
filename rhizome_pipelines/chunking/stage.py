"""The stage `chunking`: `content.md` in, `chunks.json` out."""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import ClassVar
from uuid import UUID

from rhizome_pipelines.chunking.boundaries import Boundaries, Span, find_boundaries
from rhizome_pipelines.chunking.chat_enrichment import PROMPT_VERSION, ChatEnricher
from rhizome_pipelines.chunking.config import ChunkingConfig
from rhizome_pipelines.chunking.enrichment import Enricher, EnrichmentInput, NoEnricher
from rhizome_pipelines.chunking.heuristics import HeuristicEnricher
from rhizome_pipelines.chunking.metadata import Extraction
from rhizome_pipelines.chunking.records import ChunksFile, chunk_record, encode_record
from rhizome_pipelines.chunking.statistics import ChunkStatistics
from rhizome_pipelines.chunking.tokens import count_tokens
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.stage_names import StageName
from rhizome_pipelines.stages.batches import chunk_batches, chunk_range
from rhizome_pipelines.stages.stage import Facts, Pulse, StageOutput, Unit

BATCH = 256
"""Chunks in one unit; with a chat endpoint, its batch size."""

CHUNKS_FILE = "chunks.json"


class ChunkingStage:
    """Cuts one document's markdown and says something about each piece.

    `pages` are (page number from 1, offset in code points of `content.md`), rising; empty
    where a source has no pages. `created_at` is the document's, and the only time written.
    """

    VERSION: ClassVar[str] = "3"
    """Of this package's output; changed whenever that would change."""

    def __init__(
        self,
        document_id: UUID,
        created_at: datetime,
        content_path: Path,
        content_sha256: str,
        pages: Sequence[tuple[int, int]],
        config: ChunkingConfig,
    ) -> None:
        self._document_id = document_id
        # One moment has one spelling, whatever the time zone of the session that read it.
        self._created_at = (
            created_at.astimezone(UTC) if created_at.tzinfo else created_at.replace(tzinfo=UTC)
        )
        self._content_path = content_path
        self._content_sha256 = content_sha256
        self._pages = sorted(pages, key=lambda page: page[1])
        self._page_offsets = [offset for _, offset in self._pages]
        self._config = config

    @property
    def name(self) -> str:
        """`chunking`."""
        return StageName.CHUNKING.value

    @property
    def version(self) -> str:
        """`VERSION`."""
        return self.VERSION

    def dependencies(self) -> Mapping[str, str]:
        """The text, its pages, the settings and the libraries; never a key."""
        config = self._config
        pages = json.dumps(self._pages).encode()
        found = {
            "document_id": str(self._document_id),
            "created_at": self._created_at.isoformat(),
            "content": self._content_sha256,
            "pages": hashlib.sha256(pages).hexdigest(),
            "strategy": config.chosen.value,
            "sizes": f"{config.target_characters}/{config.max_characters}/{config.target_tokens}",
            "enrich": str(config.enrich).lower(),
        }
        for library in ("semantic-text-splitter", "tokenizers", "wordllama"):
            found[library] = installed_version(library)
        if config.enrich and config.chat is not None:
            found["chat_url"] = config.chat.base_url
            found["chat_model"] = config.chat.model
            found["chat_prompt"] = PROMPT_VERSION
            found["chat_batch"] = str(config.chat.batch_size)
        return found

    def units(self) -> Sequence[Unit]:
        """Batches of chunks. Raises InvalidInputError if there is no text to cut."""
        return chunk_batches(len(self._boundaries), self._batch, "chunks_processed")

    def work(self, unit: Unit, pulse: Pulse) -> bytes:
        """The records of the unit's chunks, one JSON line each."""
        batch = chunk_range(unit)
        first = batch.start
        spans = [self._boundaries.span(index) for index in batch]
        texts = self._read(spans)
        tokens = count_tokens(texts)
        inputs = [
            EnrichmentInput(first + i, text, tuple(h.title for h in span.headings))
            for i, (text, span) in enumerate(zip(texts, spans, strict=True))
        ]
        metadata = self._enricher.enrich(inputs, pulse)
        lines = [
            encode_record(
                chunk_record(
                    texts[i],
                    first + i,
                    span,
                    self._page_range(span),
                    tokens[i],
                    self._config.chosen,
                    metadata[i],
                    self._created_at,
                )
            )
            for i, span in enumerate(spans)
        ]
        return b"\n".join(lines) + b"\n"

    def finish(self, parts: Iterable[tuple[Unit, bytes]], scratch: Path) -> StageOutput:
        """Write `chunks.json`, holding one part at a time."""
        path = scratch / CHUNKS_FILE
        statistics = ChunkStatistics()
        with path.open("wb") as file:
            chunks = ChunksFile(file, self._document_id, self._mode, self._created_at)
            for _, part in parts:
                for line in part.splitlines():
                    chunks.add(line)
                    statistics.add(json.loads(line))
            chunks.close()
        extraction = self._extraction
        facts = {
            **statistics.facts(),
            "strategy": self._config.chosen.value,
            "processing_mode": self._mode,
            "enrichment": extraction.value,
            "model": self._config.chat.model
            if self._config.chat and extraction is Extraction.CHAT
            else None,
        }
        return StageOutput({CHUNKS_FILE: path}, facts)

    def missing_effects(self, facts: Facts) -> Sequence[str]:
        """None: the stage only makes a file."""
        return []

    @cached_property
    def _boundaries(self) -> Boundaries:
        found = find_boundaries(self._content_path, self._config)
        if not len(found):
            raise InvalidInputError(
                "The document has no text to cut into chunks; check what was extracted from it."
            )
        return found

    @cached_property
    def _enricher(self) -> Enricher:
        if not self._config.enrich:
            return NoEnricher()
        if self._config.chat is not None:
            return ChatEnricher(self._config.chat, lambda: self._heuristics)
        return self._heuristics

    @cached_property
    def _heuristics(self) -> HeuristicEnricher:
        return HeuristicEnricher(self._sample, len(self._boundaries))

    def _sample(self, count: int) -> Iterable[EnrichmentInput]:
        """Up to `count` chunks, spread evenly over the document."""
        total = len(self._boundaries)
        step = max(1, -(-total // count))
        for index in range(0, total, step):
            span = self._boundaries.span(index)
            yield EnrichmentInput(
                index, self._read([span])[0], tuple(h.title for h in span.headings)
            )

    @property
    def _batch(self) -> int:
        chat = self._config.chat
        return chat.batch_size if chat is not None and self._config.enrich else BATCH

    @property
    def _extraction(self) -> Extraction:
        if not self._config.enrich:
            return Extraction.NONE
        return Extraction.CHAT if self._config.chat is not None else Extraction.HEURISTIC

    @property
    def _mode(self) -> str:
        return "cloud" if self._extraction is Extraction.CHAT else "local"

    def _read(self, spans: Sequence[Span]) -> list[str]:
        """The texts of neighbouring chunks, from their bytes."""
        begin = spans[0].start.octets
        with self._content_path.open("rb") as file:
            file.seek(begin)
            data = file.read(spans[-1].end.octets - begin)
        return [data[s.start.octets - begin : s.end.octets - begin].decode() for s in spans]

    def _page_range(self, span: Span) -> tuple[int, int] | None:
        """Pages of the chunk's first and last character; what precedes page 1 counts to it."""
        if not self._pages:
            return None
        first = bisect_right(self._page_offsets, span.start.points) - 1
        last = bisect_right(self._page_offsets, span.end.points - 1) - 1
        return self._pages[max(first, 0)][0], self._pages[max(last, 0)][0]
