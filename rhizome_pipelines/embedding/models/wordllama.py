"""The default model: weights of wordllama, which come in its wheel; nothing is fetched.

A text's vector is the mean of its tokens' vectors (D. Miller, WordLlama, 2024: token embeddings
of Llama 2 cut down to 256 dimensions by training with mean pooling). The package itself is not
imported: its loader asks the network, and its import sets up logging.
"""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version as installed_version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from rhizome_pipelines.embedding.models.model import Vectors, unit_rows
from rhizome_pipelines.embedding.models.thresholds import measured_threshold
from rhizome_pipelines.embedding.ports import EmbeddingSpace
from rhizome_pipelines.lifecycle.errors import PermanentError

_WEIGHTS_FILE = "weights/l2_supercat_256.safetensors"
_TOKENIZER_FILE = "tokenizers/l2_supercat_tokenizer_config.json"
_TENSOR = "embedding.weight"

BATCH_SIZE = 256


class WordLlamaModel:
    """Mean of token vectors. A text's vector does not depend on the texts beside it."""

    def __init__(self) -> None:
        release = ".".join(installed_version("wordllama").split(".")[:2])
        self._name = f"wordllama-{release}-l2-256"

    @property
    def name(self) -> str:
        """`wordllama-{release}-l2-256`."""
        return self._name

    @property
    def version(self) -> str:
        """Of the pooling, and of the packages that hold weights and tokenizer."""
        packages = (f"{p}={installed_version(p)}" for p in ("wordllama", "tokenizers"))
        return " ".join(("1", *packages))

    @property
    def space(self) -> EmbeddingSpace:
        """256 dimensions."""
        return EmbeddingSpace(self._name, 256)

    @property
    def batch_size(self) -> int:
        """Enough to keep the tokenizer's threads busy."""
        return BATCH_SIZE

    @property
    def connection_threshold(self) -> float | None:
        """As measured by benchmarks/connection_quality."""
        return measured_threshold(self._name)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row a text. Raises PermanentError if the package's files are missing."""
        pooled = np.zeros((len(texts), self.space.dimensions), dtype=np.float32)
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        for row, (text, encoding) in enumerate(zip(texts, encodings, strict=True)):
            if text.strip():
                # Row by row in the text's own order: a matrix product's rounding would depend
                # on the batch. float16 weights are exact in float32.
                tokens = self._weights[encoding.ids]
                pooled[row] = tokens.sum(axis=0, dtype=np.float32) / np.float32(len(tokens))
        return unit_rows(pooled)

    @property
    def _weights(self) -> NDArray[np.float16]:
        return _weights()

    @property
    def _tokenizer(self) -> Tokenizer:
        return _tokenizer()


def load_files() -> None:
    """Read the files now; they are kept for as long as the process lives.

    Raises PermanentError if they are missing.
    """
    _weights()
    _tokenizer()


@cache
def _weights() -> NDArray[np.float16]:
    weights: NDArray[np.float16] = load_file(_installed(_WEIGHTS_FILE))[_TENSOR]
    return weights


@cache
def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(_installed(_TOKENIZER_FILE)))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _installed(name: str) -> Path:
    spec = find_spec("wordllama")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / name
        if path.is_file():
            return path
    raise PermanentError(
        f"A file of the default embedding model is missing ({name}); "
        "reinstall the wordllama package."
    )
