"""What an archive tells of a document's rows: validated, since anybody may have written it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rhizome_pipelines.checkpoints.envelope import read_versioned
from rhizome_pipelines.checkpoints.json_items import read_entries
from rhizome_pipelines.checkpoints.keys import validated_key
from rhizome_pipelines.lifecycle.documents import SourceType
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.transfer.fault_words import faults_in_words
from rhizome_pipelines.transfer.records import Count, Json, Moment, Share, Text

MAX_DOCUMENT = 64 * 2**20
MAX_COMPONENTS = 10_000

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class _Incoming(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class DocumentRecord(_Incoming):
    """`document.json`. Paths are names in the document's folder."""

    version: Literal["1.0"]
    document_id: UUID
    title: Text | None = None
    author: Text | None = None
    source_type: SourceType
    source_url: Text | None = None
    storage_path: str | None = None
    markdown_path: str | None = None
    processing_status: str | None = None
    word_count: Count | None = None
    page_count: Count | None = None
    outline: Json = None
    metadata: Json = None
    source_metadata: Json = None
    markdown_available: bool | None = None
    chunker_type: Text | None = None
    language: Text | None = None
    document_type: Text | None = None
    detected_metadata: Json = None
    created_at: Moment
    processing_completed_at: Moment | None = None


class ConnectionRecord(_Incoming):
    """One of `connections.json`. Chunks are told by document, index, and MD5 of their content."""

    source_document_id: UUID
    source_index: Count
    source_hash: Hash
    target_document_id: UUID
    target_index: Count
    target_hash: Hash
    connection_type: Literal["semantic_similarity", "contradiction_detection", "thematic_bridge"]
    strength: Share | None = None
    auto_detected: bool | None = None
    user_validated: bool | None = None
    user_starred: bool | None = None
    validated_at: Moment | None = None
    discovered_at: Moment | None = None
    metadata: Json = None


class ComponentRecord(_Incoming):
    """A component of an annotation; chunks by their index."""

    component_type: Annotated[Text, Field(max_length=100)]
    data: dict[Text, Json] | None = None
    about_document: bool = True
    chunk_index: Count | None = None
    chunk_indexes: list[Count] | None = None
    original_chunk_index: Count | None = None
    recovery_confidence: Share | None = None
    recovery_method: Literal["exact", "context", "chunk_bounded", "trigram", "lost"] | None = None
    needs_review: bool | None = None


class AnnotationRecord(_Incoming):
    """One of `annotations.json`."""

    entity_id: UUID
    entity_type: Annotated[Text, Field(max_length=100)] | None = None
    components: Annotated[list[ComponentRecord], Field(max_length=MAX_COMPONENTS)]


def read_document(path: Path) -> DocumentRecord:
    """Read `document.json`. Raises InvalidInputError that tells all faults."""
    if path.stat().st_size > MAX_DOCUMENT:
        raise InvalidInputError(f"document.json is larger than {MAX_DOCUMENT:,} bytes.")
    try:
        found = DocumentRecord.model_validate(read_versioned(path.read_bytes(), "document.json"))
    except ValidationError as error:
        raise InvalidInputError(f"document.json: {faults_in_words(error)}.") from None
    for name in (found.storage_path, found.markdown_path):
        if name is not None:
            validated_key(name)
    return found


_Record = TypeVar("_Record", bound=BaseModel)


def read_list(path: Path, name: str, model: type[_Record]) -> Iterator[_Record]:
    """The records of `{name}.json`, one by one. Raises InvalidInputError at the first fault."""
    for number, record in enumerate(read_entries(path, name, "1.0"), 1):
        yield _validated(record, f"{name}.json, entry {number}", model)


def _validated(record: Any, what: str, model: type[_Record]) -> _Record:
    try:
        return model.model_validate(record)
    except ValidationError as error:
        raise InvalidInputError(f"{what}: {faults_in_words(error)}.") from None
