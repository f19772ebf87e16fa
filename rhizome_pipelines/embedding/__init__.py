"""Embedding: turns a document's chunks into vectors of length 1, and hands both on.

Here live the models (weights in a wheel, an endpoint, sentence-transformers), the text that is
embedded for a chunk, the file `embeddings.parquet`, and the stage. Not here: how chunks are cut,
how rows are written (see `ports`), and what is done with vectors afterwards.
"""

from rhizome_pipelines.embedding.config import EmbeddingConfig
from rhizome_pipelines.embedding.models import EmbeddingModel, open_model
from rhizome_pipelines.embedding.stage import EMBEDDINGS_FILE, EmbeddingStage
from rhizome_pipelines.embedding.vectors_file import read_vectors

__all__ = [
    "EMBEDDINGS_FILE",
    "EmbeddingConfig",
    "EmbeddingModel",
    "EmbeddingStage",
    "open_model",
    "read_vectors",
]
