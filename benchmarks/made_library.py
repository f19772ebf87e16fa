"""Documents made of nothing: rows and files as the stages would leave them, by the thousand."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from benchmarks.deployment import Home
from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.database.chunks import PostgresChunkSink
from rhizome_pipelines.database.documents import DocumentRepository, NewDocument
from rhizome_pipelines.embedding.ports import EmbeddedChunk, EmbeddingSpace
from rhizome_pipelines.lifecycle.documents import Document, SourceType

SPACE = EmbeddingSpace("made-up", 768)
DIGEST = "made-up"
THEMES = 500
"""Directions that vectors gather around."""
NOISE = 0.8
"""Length of what is added to a direction (length 1): two of one theme have a cosine near 0.6."""
WORDS = (
    *("root", "soil", "fungus", "forest", "moss", "spore", "meadow", "seed", "harbour", "sail"),
    *("anchor", "tide", "compass", "storm", "granite", "basalt", "crater", "quartz", "violin"),
    *("rhythm", "melody", "ledger", "market", "credit", "planet", "orbit", "comet"),
)


@dataclass(frozen=True)
class MadeDocument:
    """A document with its chunks in the database. `vectors`: shape (chunks, 768)."""

    document: Document
    vectors: NDArray[np.float32]


def made_vectors(count: int, seed: int) -> NDArray[np.float32]:
    """Unit vectors, shape (count, 768), the same for the same seed."""
    themes = np.random.default_rng(0).normal(size=(THEMES, SPACE.dimensions))
    themes /= np.linalg.norm(themes, axis=1, keepdims=True)
    chance = np.random.default_rng(seed)
    noise = chance.normal(size=(count, SPACE.dimensions)) * NOISE / np.sqrt(SPACE.dimensions)
    found = themes[chance.integers(THEMES, size=count)] + noise
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def made_text(chunks: int, seed: int) -> list[str]:
    """Paragraphs of some 600 characters."""
    chance = random.Random(seed)
    return [
        f"Passage {number} of {seed}. " + " ".join(chance.choices(WORDS, k=90)) + "."
        for number in range(chunks)
    ]


def make_document(
    home: Home, user: UUID, chunks: int, seed: int, space: EmbeddingSpace = SPACE
) -> MadeDocument:
    """A document with rows for its chunks, and `content.md`; `space` tells who made them."""
    texts = made_text(chunks, seed)
    vectors = made_vectors(chunks, seed)
    documents = DocumentRepository(home.services.database)
    document_id = uuid5(user, str(seed))
    keys = DocumentKeys(user, document_id)
    document = documents.insert(
        NewDocument(user, SourceType.MARKDOWN_ASIS, document_id, title=f"Document {seed}")
    )
    home.services.objects.write(keys.content, "\n\n".join(texts).encode())
    sink = PostgresChunkSink(home.services.database, user)
    sink.replace(document_id, space, DIGEST, _embedded(document_id, texts, vectors))
    home.services.database.execute(
        "update documents set processing_status = 'completed', markdown_available = true, "
        "markdown_path = %s where id = %s",
        (keys.content, document_id),
    )
    return MadeDocument(document, vectors)


def _embedded(
    document_id: UUID, texts: Sequence[str], vectors: NDArray[np.float32]
) -> Iterator[EmbeddedChunk]:
    start = 0
    for index, (text, vector) in enumerate(zip(texts, vectors, strict=True)):
        record = {
            "content": text,
            "chunk_index": index,
            "start_offset": start,
            "end_offset": start + len(text),
            "position_confidence": "exact",
            "word_count": 93,
            "importance_score": 0.5,
            "conceptual_metadata": {"concepts": [{"text": "moss", "importance": 0.5}]},
            "chunker_type": "hybrid",
        }
        yield EmbeddedChunk(uuid5(document_id, str(index)), record, vector)
        start += len(text) + 2
