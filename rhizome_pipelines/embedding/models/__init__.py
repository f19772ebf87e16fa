"""Embedding models: one module each, behind one protocol and one factory.

Not here: which text of a chunk is embedded, and where vectors are kept.
"""

from rhizome_pipelines.embedding.config import EmbeddingConfig
from rhizome_pipelines.embedding.models.endpoint import EndpointModel
from rhizome_pipelines.embedding.models.model import EmbeddingModel
from rhizome_pipelines.embedding.models.sentence_transformers import SentenceTransformersModel
from rhizome_pipelines.embedding.models.wordllama import WordLlamaModel
from rhizome_pipelines.lifecycle.errors import InvalidInputError

__all__ = ["EmbeddingModel", "open_model"]


def open_model(config: EmbeddingConfig) -> EmbeddingModel:
    """The model that `config.model` names. Raises InvalidInputError if there is none such."""
    family, _, name = config.model.strip().partition(":")
    match family, bool(name):
        case "wordllama", False:
            _refuse_dimensions(config)
            return WordLlamaModel()
        case "endpoint", True:
            return EndpointModel(name, config)
        case "sentence-transformers", True:
            _refuse_dimensions(config)
            return SentenceTransformersModel(name, config)
        case _:
            raise InvalidInputError(
                f"RHIZOME_EMBEDDING_MODEL is {config.model[:80]!r}; it must be wordllama, "
                "endpoint:<model> or sentence-transformers:<model>."
            )


def _refuse_dimensions(config: EmbeddingConfig) -> None:
    if config.dimensions is not None:
        raise InvalidInputError(
            "RHIZOME_EMBEDDING_DIMENSIONS can only be asked of endpoint:<model>; "
            "remove it, the other models have dimensions of their own."
        )
