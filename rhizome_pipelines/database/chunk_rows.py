"""A chunk of `chunks.json` as a row of `chunks`: its columns, their types, and what is refused."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from psycopg.types.json import Jsonb

from rhizome_pipelines.database.storable import is_storable_json
from rhizome_pipelines.lifecycle.errors import InvalidInputError

COLUMNS: Mapping[str, str] = {
    "content": "text",
    "chunk_index": "int4",
    "start_offset": "int4",
    "end_offset": "int4",
    "themes": "jsonb",
    "importance_score": "float8",
    "summary": "text",
    "word_count": "int4",
    "token_count": "int4",
    "emotional_metadata": "jsonb",
    "conceptual_metadata": "jsonb",
    "domain_metadata": "jsonb",
    "metadata_extracted_at": "timestamptz",
    "page_start": "int4",
    "page_end": "int4",
    "heading_level": "int4",
    "heading_path": "text[]",
    "section_marker": "text",
    "bboxes": "jsonb",
    "position_confidence": "text",
    "position_method": "text",
    "position_validated": "bool",
    "chunker_type": "text",
}
"""What a record of `chunks.json` may set, with the type in which it is sent to Postgres."""

REQUIRED = ("content", "chunk_index")
"""The columns that a row cannot be without."""


_UNSTORABLE = "holds a NUL or half a surrogate pair, which Postgres cannot store"


def chunk_values(record: Mapping[str, Any]) -> list[Any]:
    """The record's values in the order of COLUMNS; what it does not say is null.

    Raises InvalidInputError that names the chunk and the column.
    """
    return [_value(record, column, kind) for column, kind in COLUMNS.items()]


def _value(record: Mapping[str, Any], column: str, kind: str) -> Any:
    value = record.get(column)
    if value is None:
        if column in REQUIRED:
            raise _refusal(record, column, "is missing")
        return None
    if not _fits(value, kind):
        raise _refusal(record, column, f"is not of the type {kind}")
    if not is_storable_json(value):
        raise _refusal(record, column, _UNSTORABLE)
    match kind:
        case "jsonb":
            return Jsonb(value)
        case "float8":
            return float(value)
        case "timestamptz":
            moment = _moment(value)
            if moment is None:
                raise _refusal(record, column, "is no ISO 8601 time")
            return moment
        case _:
            return value


def _fits(value: Any, kind: str) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match kind:
        case "text" | "timestamptz":
            return isinstance(value, str)
        case "text[]":
            return isinstance(value, list) and all(isinstance(item, str) for item in value)
        case "bool":
            return isinstance(value, bool)
        case "int4":
            return number and isinstance(value, int) and -(2**31) <= value < 2**31
        case "float8":
            return number
        case _:
            return kind == "jsonb"


def _moment(text: str) -> datetime | None:
    """An ISO 8601 time; one without a zone is in UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _refusal(record: Mapping[str, Any], column: str, what: str) -> InvalidInputError:
    return InvalidInputError(
        f"Chunk {record.get('chunk_index', '?')} cannot be stored: its {column} {what}."
    )
