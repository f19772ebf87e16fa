"""`documents`: rows read and written, each query limited to one user."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.rows import DOCUMENT_COLUMNS, document_from
from rhizome_pipelines.lifecycle.documents import (
    PLACEHOLDER_TITLES,
    Document,
    DocumentStatus,
    SourceType,
)


@dataclass(frozen=True)
class NewDocument:
    """A document to be added. `source_metadata["sha256"]` is what `find_by_sha256` looks for."""

    user_id: UUID
    source_type: SourceType
    id: UUID | None = None
    title: str | None = None
    author: str | None = None
    storage_path: str | None = None
    source_url: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    source_metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ExtractionRecord:
    """What the document's row tells of its text. `markdown_path` is bucket-relative.

    `source_metadata` is merged into what is stored.
    """

    markdown_path: str
    word_count: int
    page_count: int | None = None
    title: str | None = None
    author: str | None = None
    language: str | None = None
    outline: Sequence[Mapping[str, Any]] = ()
    source_metadata: Mapping[str, Any] = field(default_factory=dict)


class DocumentRepository:
    """Documents as rows. A `user_id` of None is the reconciler's and the operator's view."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, new: NewDocument) -> Document:
        """A new pending document."""
        rows = self._database.all(
            """
            insert into documents (id, user_id, title, author, source_type, storage_path,
                                   source_url, metadata, source_metadata, processing_status)
            values (coalesce(%(id)s, gen_random_uuid()), %(user)s, %(title)s, %(author)s,
                    %(type)s, %(path)s, %(url)s, %(metadata)s, %(source_metadata)s, 'pending')
            returning *
            """,
            {
                "id": new.id,
                "user": new.user_id,
                "title": new.title or "Untitled",
                "author": new.author,
                "type": new.source_type,
                "path": new.storage_path,
                "url": new.source_url,
                "metadata": Jsonb(dict(new.metadata)),
                "source_metadata": Jsonb(dict(new.source_metadata)),
            },
        )
        return document_from(rows[0])

    def get(self, user_id: UUID | None, document_id: UUID) -> Document | None:
        """The document, or None if there is none or it is not that user's."""
        row = self._database.first(
            """
            select * from documents
            where id = %(id)s and (%(user)s::uuid is null or user_id = %(user)s)
            """,
            {"id": document_id, "user": user_id},
        )
        return document_from(row) if row else None

    def list(self, user_id: UUID, *, limit: int = 1_000) -> Sequence[Document]:
        """The user's documents, the newest first."""
        rows = self._database.all(
            "select * from documents where user_id = %s order by created_at desc, id limit %s",
            (user_id, limit),
        )
        return [document_from(row) for row in rows]

    def find_by_sha256(
        self, user_id: UUID, sha256: str, source_type: SourceType
    ) -> Document | None:
        """The user's oldest document made from a source with that hash."""
        row = self._database.first(
            """
            select * from documents
            where user_id = %s and source_metadata ->> 'sha256' = %s and source_type = %s
            order by created_at, id limit 1
            """,
            (user_id, sha256, source_type),
        )
        return document_from(row) if row else None

    def find_by_url(self, user_id: UUID, url: str) -> Document | None:
        """The user's oldest document fetched from that URL."""
        row = self._database.first(
            """
            select * from documents where user_id = %s and source_url = %s
            order by created_at, id limit 1
            """,
            (user_id, url),
        )
        return document_from(row) if row else None

    def find_by_hashes(
        self, user_id: UUID, wanted: Collection[tuple[str, SourceType]]
    ) -> Mapping[tuple[str, SourceType], Document]:
        """What `find_by_sha256` finds, for many hashes and types by one statement."""
        if not wanted:
            return {}
        rows = self._database.all(
            f"""
            select distinct on (source_metadata ->> 'sha256', source_type) {DOCUMENT_COLUMNS}
            from documents
            where user_id = %s and source_metadata ->> 'sha256' = any(%s) and source_type = any(%s)
            order by source_metadata ->> 'sha256', source_type, created_at, id
            """,  # noqa: S608 - a constant
            (user_id, [sha256 for sha256, _ in wanted], [*{str(type_) for _, type_ in wanted}]),
        )
        found = [document_from(row) for row in rows]
        return {
            (one.source_metadata["sha256"], one.source_type): one
            for one in found
            if one.source_type is not None
        }

    def find_by_urls(self, user_id: UUID, urls: Collection[str]) -> Mapping[str, Document]:
        """What `find_by_url` finds, for many addresses by one statement."""
        if not urls:
            return {}
        rows = self._database.all(
            f"""
            select distinct on (source_url) {DOCUMENT_COLUMNS} from documents
            where user_id = %s and source_url = any(%s)
            order by source_url, created_at, id
            """,  # noqa: S608 - a constant
            (user_id, list(urls)),
        )
        return {row["source_url"]: document_from(row) for row in rows}

    def set_status(
        self,
        user_id: UUID,
        document_id: UUID,
        status: DocumentStatus,
        *,
        stage: str | None = None,
        error: str | None = None,
    ) -> bool:
        """Set the processing status and its error; the stage only if given."""
        return (
            self._database.execute(
                """
            update documents
            set processing_status = %(status)s, processing_error = %(error)s,
                processing_stage = coalesce(%(stage)s, processing_stage)
            where id = %(id)s and user_id = %(user)s
            """,
                {
                    "id": document_id,
                    "user": user_id,
                    "status": status,
                    "stage": stage,
                    "error": error,
                },
            )
            == 1
        )

    def record_source(self, user_id: UUID, document_id: UUID, storage_path: str) -> bool:
        """Where the source lies, if the row does not say so already."""
        return (
            self._database.execute(
                """
            update documents set storage_path = %s
            where id = %s and user_id = %s and coalesce(storage_path, '') = ''
            """,
                (storage_path, document_id, user_id),
            )
            == 1
        )

    def record_extraction(self, user_id: UUID, document_id: UUID, found: ExtractionRecord) -> bool:
        """What extraction found. A title or an author that a person has given stays."""
        return (
            self._database.execute(
                """
            update documents
            set title = case when title is null or lower(trim(title)) = any(%(placeholders)s)
                             then coalesce(%(title)s, title) else title end,
                author = coalesce(nullif(trim(author), ''), %(author)s),
                language = coalesce(%(language)s, language),
                word_count = %(word_count)s,
                page_count = %(page_count)s,
                outline = %(outline)s,
                source_metadata = case when jsonb_typeof(source_metadata) = 'object'
                                       then source_metadata else '{}' end || %(source_metadata)s,
                markdown_path = %(markdown_path)s,
                markdown_available = true
            where id = %(id)s and user_id = %(user)s
            """,
                {
                    "id": document_id,
                    "user": user_id,
                    "placeholders": list(PLACEHOLDER_TITLES),
                    "title": found.title or None,
                    "author": found.author or None,
                    "language": found.language,
                    "word_count": found.word_count,
                    "page_count": found.page_count,
                    "outline": Jsonb([dict(entry) for entry in found.outline]),
                    "source_metadata": Jsonb(dict(found.source_metadata)),
                    "markdown_path": found.markdown_path,
                },
            )
            == 1
        )

    def record_chunking(self, user_id: UUID, document_id: UUID, chunker_type: str) -> bool:
        """How the text was cut."""
        return (
            self._database.execute(
                "update documents set chunker_type = %s where id = %s and user_id = %s",
                (chunker_type, document_id, user_id),
            )
            == 1
        )

    def delete(self, user_id: UUID, document_id: UUID) -> bool:
        """Remove the document with its chunks and connections; its jobs' rows stay."""
        return (
            self._database.execute(
                "delete from documents where id = %s and user_id = %s", (document_id, user_id)
            )
            == 1
        )
