"""The rows of `documents` that an import adds or overwrites."""

from collections.abc import Mapping
from typing import Any, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.database.connection import Connection
from rhizome_pipelines.lifecycle.documents import DocumentStatus
from rhizome_pipelines.transfer.incoming import DocumentRecord

_FINAL = {DocumentStatus.COMPLETED, DocumentStatus.FAILED, DocumentStatus.AWAITING_REVIEW}

FAILED_ELSEWHERE = "It had failed where it was exported; process it again."


def add(connection: Connection, user_id: UUID, document_id: UUID, row: DocumentRecord) -> bool:
    """A new row; False if there is one with that id."""
    return connection.execute(_ADD, _values(user_id, document_id, row)).rowcount == 1


def overwrite(
    connection: Connection, user_id: UUID, document_id: UUID, row: DocumentRecord
) -> None:
    """Write the archive's values over the row's; only when it was made stays."""
    connection.execute(_OVERWRITE, _values(user_id, document_id, row))


def _values(user_id: UUID, document_id: UUID, row: DocumentRecord) -> Mapping[str, Any]:
    prefix = DocumentKeys(user_id, document_id).prefix
    values = row.model_dump()
    for name in ("outline", "metadata", "source_metadata", "detected_metadata"):
        values[name] = None if values[name] is None else Jsonb(values[name])
    for name in ("storage_path", "markdown_path"):
        values[name] = None if values[name] is None else prefix + values[name]
    status = values["processing_status"]
    values["processing_status"] = status if status in _FINAL else DocumentStatus.PENDING
    values["processing_error"] = FAILED_ELSEWHERE if status == DocumentStatus.FAILED else None
    return {**values, "id": document_id, "user": user_id}


_ADD: LiteralString = """
insert into documents (id, user_id, title, author, source_type, source_url, storage_path,
    markdown_path, processing_status, processing_error, word_count, page_count, outline,
    metadata, source_metadata, markdown_available, chunker_type, language, document_type,
    detected_metadata, created_at, processing_completed_at)
values (%(id)s, %(user)s, %(title)s, %(author)s, %(source_type)s, %(source_url)s,
    %(storage_path)s, %(markdown_path)s, %(processing_status)s, %(processing_error)s,
    %(word_count)s, %(page_count)s, %(outline)s, %(metadata)s, %(source_metadata)s,
    %(markdown_available)s, %(chunker_type)s, %(language)s, %(document_type)s,
    %(detected_metadata)s, %(created_at)s, %(processing_completed_at)s)
on conflict (id) do nothing
"""

_OVERWRITE: LiteralString = """
update documents
set title = %(title)s, author = %(author)s, source_type = %(source_type)s,
    source_url = %(source_url)s, storage_path = %(storage_path)s,
    markdown_path = %(markdown_path)s, processing_status = %(processing_status)s,
    processing_error = %(processing_error)s, word_count = %(word_count)s,
    page_count = %(page_count)s, outline = %(outline)s,
    metadata = %(metadata)s, source_metadata = %(source_metadata)s,
    markdown_available = %(markdown_available)s, chunker_type = %(chunker_type)s,
    language = %(language)s, document_type = %(document_type)s,
    detected_metadata = %(detected_metadata)s,
    processing_completed_at = %(processing_completed_at)s
where id = %(id)s and user_id = %(user)s
"""
