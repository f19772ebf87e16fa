"""Rows in `background_jobs` as any client writes them, in plain SQL, and what became of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from benchmarks.deployment import Home
from benchmarks.markdown_files import short_text
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.lifecycle.documents import Document, SourceType

_INSERT = """
    insert into background_jobs (user_id, job_type, entity_type, entity_id, input_data)
    values (%s, 'process_document', 'document', %s, %s)
    returning id
"""
_WAITED = """
    select extract(epoch from a.created_at - j.created_at)::float8 as taken,
           extract(epoch from a.started_at - j.created_at)::float8 as started,
           extract(epoch from j.completed_at - j.created_at)::float8 as completed,
           extract(epoch from j.completed_at - a.started_at)::float8 as worked
    from background_jobs j join job_attempts a on a.job_id = j.id and a.number = 1
    where j.id = %s
"""


def tiny_document(home: Home, folder: Path, user: UUID | None = None) -> Document:
    """A document that no other in the folder is equal to: a heading and one paragraph."""
    number = len(list(folder.iterdir()))
    path = folder / f"{number}.md"
    path.write_text(short_text(f"tiny {number}"), encoding="utf-8")
    return home.add(path, user or uuid4(), SourceType.MARKDOWN_ASIS)


def wish(database: Database, documents: Sequence[Document]) -> list[UUID]:
    """Ask for the documents to be processed, all in one transaction; the ids of the rows."""
    ids = []
    with database.transaction() as connection:
        for document in documents:
            given = {
                "document_id": str(document.id),
                "source_type": document.source_type.value,
                "storage_path": document.storage_path,
            }
            row = connection.execute(
                _INSERT, (document.user_id, document.id, Jsonb(given))
            ).fetchone()
            if row is None:
                raise AssertionError("an INSERT that returns gives a row")
            ids.append(row[0])
    return ids


def waited(database: Database, job_id: UUID) -> dict[str, Any]:
    """Seconds from the row's INSERT to `taken` (its first attempt), `started` and `completed`."""
    row = database.first(_WAITED, (job_id,))
    if row is None:
        raise AssertionError("a job that was started has an attempt")
    return row
