"""extraction → chunking → embeddings → connections, one partition a document."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from dagster import (
    AssetCheckSpec,
    AssetExecutionContext,
    AssetsDefinition,
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
from rhizome_pipelines.run_api import DOCUMENT_PARTITIONS

if TYPE_CHECKING:
    StageResult = MaterializeResult[StageCheckpoint]
else:
    # Dagster recognises the bare class only.
    StageResult = MaterializeResult

# An asset with checks may be annotated with MaterializeResult alone, which tells Dagster nothing
# of the value's type.
CHECKPOINT_TYPE = PythonObjectDagsterType(StageCheckpoint, name="StageCheckpoint")

documents = DynamicPartitionsDefinition(name=DOCUMENT_PARTITIONS)


def stage_asset(
    name: StageName, description: str, kinds: set[str]
) -> Callable[[Callable[..., StageResult]], AssetsDefinition]:
    """What all stages have in common as assets; a check that fails blocks what comes after."""
    return asset(
        name=name.value,
        description=description,
        kinds=kinds,
        partitions_def=documents,
        group_name="document",
        owners=["team:rhizome"],
        io_manager_key="checkpoints",
        dagster_type=CHECKPOINT_TYPE,
        code_version=CODE_VERSIONS[name],
        check_specs=[
            AssetCheckSpec(check, asset=name.value, description=passed, blocking=True)
            for check, passed in CHECK_NAMES[name].items()
        ],
    )


@stage_asset(
    StageName.EXTRACTION,
    "The document as clean markdown: headings, lists, tables, page numbers, language.",
    {"markdown"},
)
def extraction(
    context: AssetExecutionContext, attempt: ResourceParam[AttemptSession]
) -> StageResult:
    return materialize_stage(context, attempt, StageName.EXTRACTION, None)


@stage_asset(
    StageName.CHUNKING,
    "The markdown in chunks that follow its structure, with exact offsets and metadata.",
    {"json"},
)
def chunking(
    context: AssetExecutionContext,
    attempt: ResourceParam[AttemptSession],
    extraction: StageCheckpoint,
) -> StageResult:
    return materialize_stage(context, attempt, StageName.CHUNKING, extraction)


@stage_asset(
    StageName.EMBEDDINGS,
    "A vector for every chunk, as Parquet and in pgvector: the rows of the document.",
    {"parquet", "postgres"},
)
def embeddings(
    context: AssetExecutionContext,
    attempt: ResourceParam[AttemptSession],
    chunking: StageCheckpoint,
) -> StageResult:
    return materialize_stage(context, attempt, StageName.EMBEDDINGS, chunking)


@stage_asset(
    StageName.CONNECTIONS,
    "Connections between this document's chunks and those of the user's other documents.",
    {"postgres", "parquet"},
)
def connections(
    context: AssetExecutionContext,
    attempt: ResourceParam[AttemptSession],
    embeddings: StageCheckpoint,
) -> StageResult:
    return materialize_stage(context, attempt, StageName.CONNECTIONS, embeddings)


DOCUMENT_ASSETS = [extraction, chunking, embeddings, connections]
