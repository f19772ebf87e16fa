"""Chunking: cuts a document's markdown into chunks and says something about each.

Here live the strategies of cutting, the one conversion between code points
and UTF-16 code units, the file `chunks.json`, and the metadata of a chunk (heuristics, or a
chat endpoint). Not here: how the markdown came about, vectors, and database rows.
"""

from rhizome_pipelines.chunking.config import ChunkingConfig, Strategy
from rhizome_pipelines.chunking.records import read_chunks
from rhizome_pipelines.chunking.stage import ChunkingStage

__all__ = ["ChunkingConfig", "ChunkingStage", "Strategy", "read_chunks"]
