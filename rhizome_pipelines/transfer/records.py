"""A chunk as `chunks.json` has it: its shape, and when two are the same."""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    model_validator,
)

MAX_CONTENT = 4_000_000
"""Characters of one chunk."""


def _storable(text: str) -> str:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds a NUL or half a surrogate pair, which cannot be stored")
    return text


def _storable_json(value: Any) -> Any:
    """Keys and texts at any depth, and numbers that JSON has."""
    match value:
        case str():
            _storable(value)
        case float() if not isfinite(value):
            raise ValueError("holds a number that is not finite")
        case dict():
            for key, item in value.items():
                _storable(key)
                _storable_json(item)
        case list():
            for item in value:
                _storable_json(item)
    return value


def _moment(value: Any) -> Any:
    """ISO 8601; a time without a zone is in UTC."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        return moment
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is a time before the year 1 or after 9999") from None


Text = Annotated[str, AfterValidator(_storable)]
Json = Annotated[JsonValue, AfterValidator(_storable_json)]
Count = Annotated[int, Field(ge=0, lt=2**31)]
Share = Annotated[float, Field(ge=0, le=1)]
Moment = Annotated[datetime, BeforeValidator(_moment)]


class ChunkRecord(BaseModel):
    """One chunk, with the columns of `chunks`; offsets in UTF-16 code units of `content.md`.

    What it does not know is passed over. The limits are those of the table.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)

    chunk_index: Count
    content: Annotated[Text, Field(max_length=MAX_CONTENT)]
    start_offset: Count | None = None
    end_offset: Count | None = None
    themes: Json = None
    importance_score: Share | None = None
    summary: Text | None = None
    word_count: Count | None = None
    token_count: Count | None = None
    emotional_metadata: Json = None
    conceptual_metadata: Json = None
    domain_metadata: Json = None
    metadata_extracted_at: Moment | None = None
    page_start: int | None = Field(None, ge=-(2**31), lt=2**31)
    page_end: int | None = Field(None, ge=-(2**31), lt=2**31)
    heading_level: int | None = Field(None, ge=0, lt=2**31)
    heading_path: list[Text] | None = None
    section_marker: Text | None = None
    bboxes: Json = None
    position_confidence: Literal["exact", "high", "medium", "synthetic"] | None = None
    position_method: Text | None = None
    position_validated: bool | None = None
    chunker_type: (
        Literal[
            "hybrid",
            "token",
            "sentence",
            "recursive",
            "semantic",
            "late",
            "code",
            "neural",
            "slumber",
            "table",
        ]
        | None
    ) = None

    @model_validator(mode="after")
    def _in_order(self) -> "ChunkRecord":
        if (
            self.start_offset is not None
            and self.end_offset is not None
            and self.end_offset < self.start_offset
        ):
            raise ValueError("end_offset is before start_offset")
        return self


COLUMNS = tuple(ChunkRecord.model_fields)
METADATA_COLUMNS = (
    "themes",
    "importance_score",
    "summary",
    "emotional_metadata",
    "conceptual_metadata",
    "domain_metadata",
    "metadata_extracted_at",
)
"""What is said about a chunk, as against what it is."""


def same_record(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two records would be the same row. What is not known is the table's default."""
    return all(_compared(one, column) == _compared(other, column) for column in COLUMNS)


def _compared(record: Mapping[str, Any], column: str) -> Any:
    value = record.get(column)
    match column:
        case "metadata_extracted_at" if isinstance(value, str):
            try:
                return _moment(value)
            except ValueError:
                return value
        case "position_validated":
            return bool(value)
        case _:
            return value
