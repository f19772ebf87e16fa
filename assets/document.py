"""extraction → chunking → embeddings → connections, one partition a document."""

from typing import Any

from dagster import (
    AssetCheckSpec,
    AssetExecutionContext,
    DynamicPartitionsDefinition,
    MaterializeResult,
    PythonObjectDagsterType,
    ResourceParam,
    asset,
)

from assets.materialization import materialize_stage
from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.deployment.attempt import AttemptSession
from rhizome_pipelines.deployment.document_stages import CODE_VERSIONS
from rhizome_pipelines.deployment.stage_checks import CHECK_NAMES
from rhizome_pipelines.lifecycle.stage_names import StageName

# An asset with checks may be annotated with MaterializeResult alone, which tells Dagster nothing
# of the value's type.
CHECKPOINT_TYPE = PythonObjectDagsterType(StageCheckpoint, name="StageCheckpoint")

documents = DynamicPartitionsDefinition(name="documents")


def _stage(name: StageName, description: str, kinds: set[str]) -> dict[str, Any]:
    """What all stages have in common as assets; a check that fails blocks what comes after."""
    return {
        "description": description,
        "kinds": kinds,
        "partitions_def": documents,
        "group_name": "document",
        "owners": ["team:rhizome"],
        "io_manager_key": "checkpoints",
        "dagster_type": CHECKPOINT_TYPE,
        "code_version": CODE_VERSIONS[name],
        "check_specs": [
            AssetCheckSpec(check, asset=name.value, description=passed, blocking=True)
            for check, passed in CHECK_NAMES[name].items()
        ],
    }


@asset(
    **_stage(
        StageName.EXTRACTION,
        "The document as clean markdown: headings, lists, tables, page numbers, language.",
        {"markdown"},
    )
)
def extraction(
    context: AssetExecutionContext, attempt: ResourceParam[AttemptSession]
) -> MaterializeResult:
    return materialize_stage(context, attempt, StageName.EXTRACTION, None)


@asset(
    **_stage(
        StageName.CHUNKING,
        "The markdown in chunks that follow its structure, with exact offsets and metadata.",
        {"json"},
    )
)
def chunking(
    context: AssetExecutionContext,
    attempt: ResourceParam[AttemptSession],
    extraction: StageCheckpoint,
) -> MaterializeResult:
    return materialize_stage(context, attempt, StageName.CHUNKING, extraction)


@asset(
    **_stage(
        StageName.EMBEDDINGS,
        "A vector for every chunk, as Parquet and in pgvector: the rows of the document.",
        {"parquet", "postgres"},
    )
)
def embeddings(
    context: AssetExecutionContext,
    attempt: ResourceParam[AttemptSession],
    chunking: StageCheckpoint,
) -> MaterializeResult:
    return materialize_stage(context, attempt, StageName.EMBEDDINGS, chunking)


@asset(
    **_stage(
        StageName.CONNECTIONS,
        "Connections between this document's chunks and those of the user's other documents.",
        {"postgres", "parquet"},
    )
)
def connections(
    context: AssetExecutionContext,
    attempt: ResourceParam[AttemptSession],
    embeddings: StageCheckpoint,
) -> MaterializeResult:
    return materialize_stage(context, attempt, StageName.CONNECTIONS, embeddings)


DOCUMENT_ASSETS = [extraction, chunking, embeddings, connections]
