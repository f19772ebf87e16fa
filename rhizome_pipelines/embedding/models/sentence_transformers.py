"""Models of the sentence-transformers package, an optional extra (it brings PyTorch)."""

from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Any

import numpy as np

from rhizome_pipelines.embedding.config import EmbeddingConfig
from rhizome_pipelines.embedding.models.model import Vectors, unit_rows
from rhizome_pipelines.embedding.models.thresholds import measured_threshold
from rhizome_pipelines.embedding.ports import EmbeddingSpace
from rhizome_pipelines.lifecycle.errors import PermanentError


class SentenceTransformersModel:
    """Runs on this machine. Weights must be there already, unless downloading is allowed."""

    def __init__(self, model: str, config: EmbeddingConfig) -> None:
        self._model = model
        self._config = config
        try:
            self._release = installed_version("sentence-transformers")
        except PackageNotFoundError:
            raise PermanentError(
                f"The embedding model sentence-transformers:{model} needs a package that is not "
                'installed: pip install "rhizome-pipelines[sentence-transformers]".'
            ) from None

    @property
    def name(self) -> str:
        """`sentence-transformers:{model}`."""
        return f"sentence-transformers:{self._model}"

    @property
    def version(self) -> str:
        """Of the package and of how it is used."""
        return f"1 sentence-transformers={self._release} cut={self._config.max_input_characters}"

    @property
    def space(self) -> EmbeddingSpace:
        """The dimensions that the loaded model tells."""
        return EmbeddingSpace(self.name, int(self._loaded.get_sentence_embedding_dimension()))

    @property
    def batch_size(self) -> int:
        """As configured."""
        return self._config.batch_size

    @property
    def connection_threshold(self) -> float | None:
        """0.7 for all-mpnet-base-v2, else as measured."""
        return measured_threshold(self.name)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row a text. Raises PermanentError if the weights are not on this machine."""
        vectors = np.zeros((len(texts), self.space.dimensions), dtype=np.float32)
        filled = [row for row, text in enumerate(texts) if text.strip()]
        cut = [texts[row][: self._config.max_input_characters] for row in filled]
        if cut:
            vectors[filled] = self._loaded.encode(
                cut, batch_size=self.batch_size, show_progress_bar=False, convert_to_numpy=True
            )
        return unit_rows(vectors)

    @cached_property
    def _loaded(self) -> Any:
        library = import_module("sentence_transformers")
        allowed = self._config.allow_download
        try:
            return library.SentenceTransformer(self._model, local_files_only=not allowed)
        except (OSError, ValueError) as error:
            raise PermanentError(
                f"The model {self._model} cannot be loaded from this machine's files; "
                "download it beforehand, or give the path of its folder in "
                "RHIZOME_EMBEDDING_MODEL."
            ) from error
