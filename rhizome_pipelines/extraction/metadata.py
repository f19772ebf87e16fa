"""`metadata.json`: what is known of a document besides its text; written and read here."""

from datetime import datetime
from pathlib import Path
from typing import Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rhizome_pipelines.lifecycle.documents import SourceType
from rhizome_pipelines.lifecycle.errors import InvalidInputError

METADATA_VERSION: Final = "1.0"
_MAX_BYTES = 64 * 1024 * 1024


class _Envelope(BaseModel):
    """Just enough to tell whether the rest may be read."""

    version: str = ""


class OutlineFact(BaseModel):
    """A heading; `offset` in code points, `utf16_offset` in UTF-16 code units of `content.md`."""

    model_config = ConfigDict(frozen=True)

    level: int = Field(ge=1, le=6)
    title: str
    offset: int = Field(ge=0)
    utf16_offset: int = Field(ge=0)
    page: int | None = None


class PageFact(BaseModel):
    """Where a page (from 1) begins; offsets as in `OutlineFact`."""

    model_config = ConfigDict(frozen=True)

    page: int = Field(ge=1)
    offset: int = Field(ge=0)
    utf16_offset: int = Field(ge=0)


class ExtractionFacts(BaseModel):
    """`metadata.json`, version 1.0. Fields from `source_url` on are ours, beside the contract's.

    `source` is the source type. The outline has at most 20,000 headings (`outline_total` counts
    all); the pages are complete, in order.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Literal["1.0"] = METADATA_VERSION
    document_id: UUID
    title: str | None = None
    author: str | None = None
    source: SourceType
    processing_mode: Literal["local", "cloud"] = "local"
    word_count: int = Field(ge=0)
    page_count: int | None = Field(default=None, ge=0)
    language: str | None = None
    created_at: datetime
    processed_at: datetime
    source_url: str | None = None
    character_count: int = Field(default=0, ge=0)
    utf16_length: int = Field(default=0, ge=0)
    outline: tuple[OutlineFact, ...] = ()
    outline_total: int = Field(default=0, ge=0)
    pages: tuple[PageFact, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        """The bytes of `metadata.json`."""
        return self.model_dump_json(indent=1).encode() + b"\n"


def read_metadata(data: bytes | Path) -> ExtractionFacts:
    """Read `metadata.json` from its bytes or a local file.

    Raises InvalidInputError for an unknown version and for what is no such file.
    """
    if isinstance(data, Path):
        if data.stat().st_size > _MAX_BYTES:
            raise InvalidInputError("The document's metadata.json is too large to be one of ours.")
        data = data.read_bytes()
    try:
        version = _Envelope.model_validate_json(data).version
    except ValidationError as error:
        raise InvalidInputError("The document's metadata.json is not readable JSON.") from error
    if version != METADATA_VERSION:
        raise InvalidInputError(
            f"The document's metadata.json has the version {version[:20]!r}; "
            f"only {METADATA_VERSION!r} is known here. Process the document again."
        )
    try:
        return ExtractionFacts.model_validate_json(data)
    except ValidationError as error:
        fields = sorted({".".join(map(str, fault["loc"][:1])) for fault in error.errors()})
        raise InvalidInputError(
            f"The document's metadata.json has no usable {', '.join(fields)}; "
            "process the document again."
        ) from error
