"""Made-up embedded chunks, and what is stored of them."""

from typing import Any
from uuid import UUID, uuid5

import numpy as np

from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.embedding.ports import EmbeddedChunk, EmbeddingSpace
from rhizome_pipelines.lifecycle.documents import Document

SPACE = EmbeddingSpace("wordllama", 256)


def vector(seed: int, dimensions: int = 256) -> np.ndarray[Any, np.dtype[np.float32]]:
    values = np.random.default_rng(seed).normal(size=dimensions).astype(np.float32)
    return values / np.linalg.norm(values)


def chunk(
    document: Document, index: int, content: str | None = None, *, name: int | None = None
) -> EmbeddedChunk:
    """`name` is what the id is made of; the index if not given."""
    record = {"content": content or f"Chunk {index}.", "chunk_index": index}
    return EmbeddedChunk(
        uuid5(document.id, str(index if name is None else name)), record, vector(index)
    )


def stored(database: Database, document: Document) -> list[tuple[UUID, int, str]]:
    rows = database.all(
        "select id, chunk_index, content from chunks where document_id = %s and is_current "
        "order by chunk_index",
        (document.id,),
    )
    return [(row["id"], row["chunk_index"], row["content"]) for row in rows]
