"""From settings and a job's input to the configuration of each part of the domain."""

from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from rhizome_pipelines.chunking import ChunkingConfig
from rhizome_pipelines.connections import (
    DEFAULT_THRESHOLD,
    ConnectionsConfig,
    ConnectionType,
    EnginesConfig,
    Weights,
    chosen,
)
from rhizome_pipelines.database.overview import embedding_width
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.embedding import EmbeddingConfig, open_model
from rhizome_pipelines.extraction.config import ExtractionConfig, WebConfig
from rhizome_pipelines.extraction.pdf import PdfConfig
from rhizome_pipelines.language_model import ChatEndpoint
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.settings import Settings

MEBIBYTE = 1024 * 1024


def extraction(settings: Settings) -> ExtractionConfig:
    """Limits of extraction."""
    return ExtractionConfig(
        pdf=PdfConfig(max_pages=settings.max_pdf_pages),
        web=WebConfig(
            max_bytes=settings.max_page_megabytes * MEBIBYTE,
            total_timeout=settings.fetch_seconds,
            allow_private_addresses=settings.allow_private_addresses,
        ),
    )


def chunking(settings: Settings, job_input: Mapping[str, Any]) -> ChunkingConfig:
    """Sizes from the settings; strategy and enrichment from what the client asked for."""
    strategy = job_input.get("chunkerStrategy") or "hybrid"
    if not isinstance(strategy, str):
        raise InvalidInputError('chunkerStrategy must be a text, such as "hybrid".')
    return ChunkingConfig(
        strategy=strategy,
        target_characters=settings.chunk_characters,
        max_characters=max(settings.chunk_characters_max, settings.chunk_characters),
        enrich=job_input.get("enrichChunks") is not False,
        chat=chat(settings),
    )


def embedding(services: Services) -> EmbeddingConfig:
    """The model, and the width of the column that its vectors must fit."""
    settings = services.settings
    return EmbeddingConfig(
        model=settings.embedding_model,
        base_url=settings.embedding_base_url,
        api_key=secret(settings.embedding_api_key),
        dimensions=settings.embedding_dimensions,
        max_dimensions=embedding_width(services.database),
    )


def engines(services: Services, model: str, wish: Any = None) -> EnginesConfig:
    """The engines of connections, for vectors that `model` made, as a client wants them.

    Each built-in model has a threshold of its own; another one's vectors get the default. `wish`
    is `input_data.engines`. Raises InvalidInputError if it cannot be used.
    """
    settings = services.settings
    threshold = settings.connection_threshold
    if threshold is None:
        current = open_model(embedding(services))
        fits = current.name == model
        threshold = (current.connection_threshold if fits else None) or DEFAULT_THRESHOLD
    usual = EnginesConfig(
        threshold,
        Weights(
            {
                ConnectionType.SEMANTIC_SIMILARITY: settings.semantic_weight,
                ConnectionType.CONTRADICTION_DETECTION: settings.contradiction_weight,
                ConnectionType.THEMATIC_BRIDGE: settings.bridge_weight,
            }
        ),
        {
            ConnectionType.SEMANTIC_SIMILARITY: threshold,
            ConnectionType.CONTRADICTION_DETECTION: settings.contradiction_overlap,
            ConnectionType.THEMATIC_BRIDGE: settings.bridge_threshold,
        },
        chat(settings),
    )
    return chosen(usual, wish)


def connections(config: EnginesConfig) -> ConnectionsConfig:
    """How connections are looked for. A unit is small where an endpoint judges: each pair counts.

    A unit that is lost is asked again, so it should be minutes of asking, not hours.
    """
    block = ConnectionsConfig.source_block if config.chat is None else 32
    return ConnectionsConfig(source_block=block, weights=config.weights)


def chat(settings: Settings) -> ChatEndpoint | None:
    """The chat endpoint, if one is configured."""
    if settings.chat_base_url is None or settings.chat_model is None:
        return None
    return ChatEndpoint(settings.chat_base_url, settings.chat_model, secret(settings.chat_api_key))


def secret(value: SecretStr | None) -> str | None:
    """The text of a secret setting."""
    return value.get_secret_value() if value is not None else None
