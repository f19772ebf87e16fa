"""`annotations.json`: all annotations of a document, as they travel between installations."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rhizome_pipelines.annotations.model import Recovery, RecoveryMethod
from rhizome_pipelines.checkpoints.envelope import VERSION, unknown_version
from rhizome_pipelines.lifecycle.errors import InvalidInputError

POSITION = "Position"
CHUNK_REF = "ChunkRef"
FILE_NAME = "annotations.json"
MAX_ANNOTATIONS = 200_000
MAX_COMPONENTS = 32
"""Of one annotation; five are known."""
_SHOWN_FAULTS = 10

Name = Annotated[str, Field(min_length=1, max_length=100)]


class StoredRecovery(BaseModel):
    """How an annotation's place was found; the columns of its Position."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: RecoveryMethod | None = None
    confidence: float | None = Field(default=None, ge=0, le=1)
    needs_review: bool = False

    @staticmethod
    def of(recovery: Recovery) -> "StoredRecovery":
        """The same, for the file."""
        return StoredRecovery(
            method=recovery.method,
            confidence=recovery.confidence,
            needs_review=recovery.needs_review,
        )

    def to_recovery(self) -> Recovery:
        """The same, as a value."""
        return Recovery(self.method, self.confidence, self.needs_review)


class StoredAnnotation(BaseModel):
    """One annotation: the `data` of its components by component type, as clients wrote them.

    What a person wrote travels whole, whether or not this program knows the field.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: UUID
    components: dict[Name, dict[str, Any]] = Field(max_length=MAX_COMPONENTS)
    recovery: StoredRecovery = StoredRecovery()

    @model_validator(mode="after")
    def _has_a_place(self) -> "StoredAnnotation":
        if POSITION not in self.components:
            raise ValueError(f"it has no component {POSITION}")
        return self


class AnnotationsFile(BaseModel):
    """The file with its envelope."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    version: Literal["1.0"] = VERSION
    document_id: UUID
    annotations: list[StoredAnnotation] = Field(max_length=MAX_ANNOTATIONS)

    @model_validator(mode="after")
    def _has_each_once(self) -> "AnnotationsFile":
        if len({annotation.id for annotation in self.annotations}) < len(self.annotations):
            raise ValueError("two annotations have the same id")
        return self


def annotations_document(
    document_id: UUID, annotations: Iterable[StoredAnnotation]
) -> dict[str, Any]:
    """The file as JSON values; ordered by id, so that equal annotations give equal bytes."""
    ordered = sorted(annotations, key=lambda annotation: annotation.id)
    file = AnnotationsFile(document_id=document_id, annotations=ordered)
    return file.model_dump(mode="json")


def annotations_from(fields: Mapping[str, Any]) -> Sequence[StoredAnnotation]:
    """The annotations of a file that was parsed from JSON.

    Raises InvalidInputError that names every fault, up to ten.
    """
    if fields.get("version") != VERSION:
        raise InvalidInputError(f"{FILE_NAME} cannot be read: {unknown_version(fields)}.")
    try:
        return AnnotationsFile.model_validate(fields).annotations
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc']))[:200]}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)[:_SHOWN_FAULTS]
        ]
        more = error.error_count() - len(faults)
        raise InvalidInputError(
            f"{FILE_NAME} cannot be read: {'; '.join(faults)}"
            f"{f'; and {more} more faults' if more > 0 else ''}."
        ) from None
