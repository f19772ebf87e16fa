"""The four stages of a document, built from its row, its job's input and what came before."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.checkpoints.store import CheckpointStore
from rhizome_pipelines.chunking import ChunkingStage, read_chunks
from rhizome_pipelines.connections import ConnectionsStage, build_engines
from rhizome_pipelines.database.chunks import PostgresChunkSink
from rhizome_pipelines.database.connections import PostgresEdgeSink
from rhizome_pipelines.database.guarded import Fence
from rhizome_pipelines.database.vectors import PostgresCorpus
from rhizome_pipelines.deployment import configuration
from rhizome_pipelines.deployment.selected_chunks import selected_chunks
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.deployment.source import open_source
from rhizome_pipelines.embedding import EmbeddingStage, open_model
from rhizome_pipelines.extraction.metadata import read_metadata
from rhizome_pipelines.extraction.registry import default_registry
from rhizome_pipelines.extraction.stage import CONTENT, METADATA, ExtractionStage
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.jobs import Job, JobType
from rhizome_pipelines.lifecycle.stage_names import StageName
from rhizome_pipelines.stages.stage import Stage

CHUNKS = "chunks.json"

CODE_VERSIONS: Mapping[StageName, str] = {
    StageName.EXTRACTION: ExtractionStage.version,
    StageName.CHUNKING: ChunkingStage.VERSION,
    StageName.EMBEDDINGS: EmbeddingStage.VERSION,
    StageName.CONNECTIONS: ConnectionsStage.VERSION,
}


@dataclass(frozen=True)
class StageContext:
    """What a stage of a document is built from."""

    services: Services
    document: Document
    job: Job
    checkpoints: CheckpointStore
    fence: Fence
    """In whose name rows are written."""
    began: datetime
    """When this job first began: recorded as `processed_at`."""


def open_stage(
    name: StageName, context: StageContext, upstream: StageCheckpoint | None
) -> AbstractContextManager[Stage]:
    """Build a stage; what it holds open (local copies, models) is closed with the context."""
    builders: Mapping[
        StageName,
        Callable[[StageContext, StageCheckpoint | None], AbstractContextManager[Stage]],
    ] = {
        StageName.EXTRACTION: _extraction,
        StageName.CHUNKING: _chunking,
        StageName.EMBEDDINGS: _embeddings,
        StageName.CONNECTIONS: _connections,
    }
    return builders[name](context, upstream)


@contextmanager
def _extraction(context: StageContext, upstream: StageCheckpoint | None) -> Iterator[Stage]:
    with open_source(context.services, context.document, context.job) as source:
        registry = default_registry(configuration.extraction(context.services.settings))
        # A title that only holds the place of one must not win over the source's own.
        document = replace(context.document, title=context.document.known_title)
        yield ExtractionStage(source, document, registry, context.began)


@contextmanager
def _chunking(context: StageContext, upstream: StageCheckpoint | None) -> Iterator[Stage]:
    extraction = _needed(upstream, StageName.CHUNKING)
    config = configuration.chunking(context.services.settings, context.job.input_data)
    with (
        context.checkpoints.open_output(extraction, METADATA) as metadata,
        context.checkpoints.open_output(extraction, CONTENT) as content,
    ):
        pages = [(page.page, page.offset) for page in read_metadata(metadata).pages]
        yield ChunkingStage(
            context.document.id,
            context.document.created_at,
            content,
            extraction.outputs[CONTENT].hash,
            pages,
            config,
        )


@contextmanager
def _embeddings(context: StageContext, upstream: StageCheckpoint | None) -> Iterator[Stage]:
    chunking = _needed(upstream, StageName.EMBEDDINGS)
    config = configuration.embedding(context.services)
    with context.checkpoints.open_output(chunking, CHUNKS) as chunks:
        yield EmbeddingStage(
            context.document.id,
            chunks,
            chunking.outputs[CHUNKS].hash,
            read_chunks,
            open_model(config),
            PostgresChunkSink(
                context.services.database,
                context.document.user_id,
                context.fence,
                lambda: _text(context.checkpoints),
            ),
            config,
            chunk_count=chunking.facts.get("chunk_count"),
        )


def _text(checkpoints: CheckpointStore) -> str:
    """The document's text as it is now."""
    extraction = checkpoints.load_final(StageName.EXTRACTION)
    with checkpoints.open_output(extraction, CONTENT) as content:
        return content.read_bytes().decode()


@contextmanager
def _connections(context: StageContext, upstream: StageCheckpoint | None) -> Iterator[Stage]:
    facts = _needed(upstream, StageName.CONNECTIONS).facts
    database = context.services.database
    engines = configuration.engines(context.services, str(facts["model"]))
    detects = JobType.parse(context.job.job_type) is JobType.DETECT_CONNECTIONS
    given = context.job.input_data if detects else {}
    yield ConnectionsStage(
        context.document.id,
        context.document.user_id,
        str(facts["model"]),
        str(facts["digest"]),
        PostgresCorpus(database),
        PostgresEdgeSink(database, context.fence),
        build_engines(engines),
        replace(
            configuration.connections(engines),
            selection=selected_chunks(context.services, context.document, given),
        ),
    )


def _needed(upstream: StageCheckpoint | None, stage: StageName) -> StageCheckpoint:
    if upstream is None:
        raise InvalidInputError(f"The stage {stage} needs the result of the stage before it.")
    return upstream
