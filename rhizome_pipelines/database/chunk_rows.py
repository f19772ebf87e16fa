"""A chunk of `chunks.json` as a row of `chunks`: its columns, their types, and what is refused."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from rhizome_pipelines.database.storable import is_storable, is_storable_json
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


def _value(record: Mapping[str, Any], column: str, kind: str) -> Any:  # noqa: PLR0911
    value = record.get(column)
    if value is None:
        if column in REQUIRED:
            raise _refusal(record, column, "is missing")
        return None
    match kind, value:
        case "text", str():
            if not is_storable(value):
                raise _refusal(record, column, _UNSTORABLE)
            return value
        case "text[]", list() | tuple() if all(isinstance(item, str) for item in value):
            if not is_storable_json(value):
                raise _refusal(record, column, _UNSTORABLE)
            return list(value)
        case "jsonb", _:
            if not is_storable_json(value):
                raise _refusal(record, column, _UNSTORABLE)
            return Jsonb(value)
        case "bool", bool():
            return value
        case "timestamptz", str():
            try:
                return datetime.fromisoformat(value)
            except ValueError:
                raise _refusal(record, column, "is no ISO 8601 time") from None
        case "int4", int() if not isinstance(value, bool) and -(2**31) <= value < 2**31:
            return value
        case "float8", int() | float() if not isinstance(value, bool):
            return float(value)
        case _:
            raise _refusal(record, column, f"is not of the type {kind}")


def _refusal(record: Mapping[str, Any], column: str, what: str) -> InvalidInputError:
    return InvalidInputError(
        f"Chunk {record.get('chunk_index', '?')} cannot be stored: its {column} {what}."
    )
