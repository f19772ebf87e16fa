"""What a client asks of an export or an import: `input_data` of the job, read whole or refused."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError, field_validator

from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.transfer.fault_words import faults_in_words

MAX_DOCUMENTS = 20_000
"""Of one export: its manifest names every file, and an import reads it whole."""


class ExportFormat(StrEnum):
    """What kind of archive is made."""

    ZIP = "zip"
    """Everything, to be imported again."""
    MARKDOWN = "markdown"
    """One readable note a document."""
    PARQUET = "parquet"
    """Tables of chunks, embeddings and connections, for pandas."""


class ImportStrategy(StrEnum):
    """What becomes of a document that is there already."""

    SKIP = "skip"
    """It stays as it is."""
    REPLACE = "replace"
    """Its rows go, those of the archive come."""
    MERGE_SMART = "merge_smart"
    """Its chunks take over what is said about them; text, ids and connections stay."""


class _Input(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Self:
        """From `input_data`; null is as good as absent. Raises InvalidInputError, all faults told.

        Fields of other jobs are passed over.
        """
        try:
            return cls.model_validate({k: v for k, v in given.items() if v is not None})
        except ValidationError as error:
            raise InvalidInputError(
                f"The job's input cannot be used: {faults_in_words(error)}."
            ) from None


class ExportInput(_Input):
    """`export_documents`. Without an order of one's own, documents go in as they are named."""

    document_ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=MAX_DOCUMENTS)]
    include_connections: StrictBool = Field(False, alias="includeConnections")
    include_annotations: StrictBool = Field(False, alias="includeAnnotations")
    format: ExportFormat = ExportFormat.ZIP

    @field_validator("document_ids", mode="after")
    @classmethod
    def _each_once(cls, ids: tuple[UUID, ...]) -> tuple[UUID, ...]:
        return tuple(dict.fromkeys(ids))


class ImportInput(_Input):
    """`import_document`. `storage_path` is an archive (`….zip`) or a `chunks.json` in storage.

    Without it, the `chunks.json` of `document_id` is read. With both, only that document of the
    archive is imported.
    """

    document_id: UUID | None = None
    storage_path: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    strategy: ImportStrategy = ImportStrategy.SKIP
    regenerate_embeddings: StrictBool = Field(False, alias="regenerateEmbeddings")
    reprocess_connections: StrictBool = Field(False, alias="reprocessConnections")

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Self:
        """See `_Input`. One of document_id and storage_path is needed."""
        found = super().read(given)
        if found.document_id is None and found.storage_path is None:
            raise InvalidInputError(
                "The job's input cannot be used: name a storage_path, a document_id, or both."
            )
        return found
