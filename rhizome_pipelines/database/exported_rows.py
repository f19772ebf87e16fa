"""What the database knows of a document, read for an export in one snapshot and as streams."""

import itertools
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, LiteralString
from uuid import UUID

from psycopg import ServerCursor, sql
from psycopg.rows import DictRow, dict_row

from rhizome_pipelines.database.chunk_rows import COLUMNS
from rhizome_pipelines.database.connection import Connection, Database
from rhizome_pipelines.database.vector_format import decode_vectors
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.transfer.ports import DocumentRows, ExportRows, Record, Space, Vectors

_BLOCK = 500
UNKNOWN_MODEL = "unknown"
"""The model of vectors that another program stored without saying which it used."""


class PostgresExportRows(ExportRows):
    """`ExportRows` over the tables; every query is limited to the user."""

    def __init__(self, database: Database, user_id: UUID) -> None:
        self._database = database
        self._user_id = user_id

    def titles(self, document_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        """See `ExportRows`."""
        rows = self._database.all(
            "select id, coalesce(title, '') as title from documents "
            "where user_id = %s and id = any(%s)",
            (self._user_id, list(document_ids)),
        )
        return {row["id"]: row["title"] for row in rows}

    @contextmanager
    def open(self, document_id: UUID) -> Iterator[DocumentRows]:
        """See `ExportRows`. A connection is held until the context ends."""
        with self._database.transaction() as connection:
            connection.execute("set transaction isolation level repeatable read, read only")
            yield _Snapshot(connection, self._user_id, document_id)


class _Snapshot(DocumentRows):
    """One document within one transaction."""

    def __init__(self, connection: Connection, user_id: UUID, document_id: UUID) -> None:
        self._connection = connection
        self._names = (f"exported_{number}" for number in itertools.count())
        self._ids = {"user": user_id, "document": document_id}
        found = self._rows(_DOCUMENT)
        if not found:
            raise InvalidInputError(f"There is no document {document_id} of this user any more.")
        self._document: Record = found[0]["document"]

    @property
    def document(self) -> Record:
        """See `DocumentRows`."""
        return self._document

    @cached_property
    def chunk_count(self) -> int:
        """See `DocumentRows`."""
        return int(self._summary["chunks"])

    @cached_property
    def space(self) -> Space | None:
        """See `DocumentRows`."""
        found = self._summary
        if not found["chunks"] or found["embedded"] != found["chunks"] or found["models"] != 1:
            return None
        return Space(found["model"], found["dimensions"] or found["width"])

    def chunks(self) -> Iterator[Record]:
        """See `DocumentRows`."""
        columns = sql.SQL(", ").join(
            sql.SQL("c.{}").format(sql.Identifier(column)) for column in COLUMNS
        )
        for row in self._stream(sql.SQL(_CHUNKS).format(columns=columns)):
            moment = row["metadata_extracted_at"]
            row["metadata_extracted_at"] = moment.isoformat() if moment else None
            row["is_current"] = True
            yield row

    def vectors(self) -> Iterator[Vectors]:
        """See `DocumentRows`."""
        if self.space is None:
            return
        with ServerCursor(self._connection, next(self._names)) as cursor:
            cursor.execute(_VECTORS, self._ids, binary=True)
            while rows := cursor.fetchmany(_BLOCK):
                yield decode_vectors([row[0] for row in rows], self.space.dimensions)

    def connections(self, beside: Collection[UUID]) -> Iterator[Record]:
        """See `DocumentRows`."""
        yield from self._jsons(_CONNECTIONS, {"beside": list(beside)})

    def annotations(self) -> Iterator[Record]:
        """See `DocumentRows`."""
        yield from self._jsons(_ANNOTATIONS, {})

    @cached_property
    def _summary(self) -> dict[str, Any]:
        return self._rows(_SUMMARY, {"unknown": UNKNOWN_MODEL})[0]

    def _rows(self, query: LiteralString, more: Mapping[str, Any] | None = None) -> list[DictRow]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, {**self._ids, **(more or {})}).fetchall()

    def _jsons(self, query: LiteralString, more: Mapping[str, Any]) -> Iterator[Record]:
        for row in self._stream(sql.SQL(query), more):
            yield row["record"]

    def _stream(
        self, query: sql.SQL | sql.Composed, more: Mapping[str, Any] | None = None
    ) -> Iterator[dict[str, Any]]:
        with ServerCursor(self._connection, next(self._names), row_factory=dict_row) as cursor:
            cursor.execute(query, {**self._ids, **(more or {})})
            while rows := cursor.fetchmany(_BLOCK):
                yield from rows


def _with_moments(query: LiteralString) -> LiteralString:
    """`moment(column)` in UTC, whatever the session's zone is: the same rows give the same bytes.

    Infinity, and what no other program can hold, is the nearest day that they can.
    """
    return re.sub(
        r"\bmoment\(([a-z_.]+)\)",
        r"(case when \1 is not null then "
        r"least(greatest(\1, '0001-01-02Z'), '9999-12-30Z') at time zone 'utc' end)",
        query,
    )


_DOCUMENT = _with_moments("""
select jsonb_build_object(
    'title', title, 'author', author, 'source_type', source_type, 'source_url', source_url,
    'storage_path', storage_path, 'markdown_path', markdown_path,
    'processing_status', processing_status, 'word_count', word_count, 'page_count', page_count,
    'outline', outline, 'metadata', metadata, 'source_metadata', source_metadata,
    'markdown_available', markdown_available, 'chunker_type', chunker_type,
    'language', language, 'document_type', document_type, 'detected_metadata', detected_metadata,
    'created_at', coalesce(moment(created_at), 'epoch'),
    'processing_completed_at', moment(processing_completed_at)) as document
from documents where id = %(document)s and user_id = %(user)s
""")

_SUMMARY = """
select count(*) as chunks, count(c.embedding) as embedded,
       count(distinct coalesce(c.embedding_model, '')) as models,
       coalesce(max(c.embedding_model), %(unknown)s) as model,
       max(vector_dims(c.embedding)) as width,
       max(e.dimensions) filter (where e.model = c.embedding_model) as dimensions
from documents d
join chunks c on c.document_id = d.id and c.is_current
left join document_embeddings e on e.document_id = d.id
where d.id = %(document)s and d.user_id = %(user)s
"""

_CHUNKS: LiteralString = """
select {columns} from documents d join chunks c on c.document_id = d.id and c.is_current
where d.id = %(document)s and d.user_id = %(user)s
order by c.chunk_index
"""

_VECTORS = """
select c.embedding from documents d join chunks c on c.document_id = d.id and c.is_current
where d.id = %(document)s and d.user_id = %(user)s
order by c.chunk_index
"""

# Each step goes by an index, whatever the planner thinks of tables that were filled just now: a
# join of all chunks with all chunks would be the whole library squared.
_CONNECTIONS = _with_moments("""
with own as materialized (
    select c.id from chunks c join documents d on d.id = c.document_id
    where c.document_id = %(document)s and d.user_id = %(user)s and c.is_current),
touching as (
    select x.*, true as outward from own cross join lateral (
        select * from connections where source_chunk_id = own.id offset 0) x
    union all
    select x.*, false from own cross join lateral (
        select * from connections where target_chunk_id = own.id offset 0) x)
select jsonb_build_object(
    'source_document_id', s.document_id, 'source_index', s.chunk_index, 'source_hash', s.hash,
    'target_document_id', t.document_id, 'target_index', t.chunk_index, 'target_hash', t.hash,
    'connection_type', x.connection_type, 'strength', x.strength,
    'auto_detected', x.auto_detected, 'user_validated', x.user_validated,
    'user_starred', x.user_starred, 'validated_at', moment(x.validated_at),
    'discovered_at', moment(x.discovered_at), 'metadata', x.metadata,
    'target_title', t.title) as record
from touching x
cross join lateral (
    select c.document_id, c.chunk_index, md5(c.content) as hash
    from chunks c join documents d on d.id = c.document_id
    where c.id = x.source_chunk_id and c.is_current and d.user_id = %(user)s
    offset 0) s
cross join lateral (
    select c.document_id, c.chunk_index, md5(c.content) as hash, d.title
    from chunks c join documents d on d.id = c.document_id
    where c.id = x.target_chunk_id and c.is_current and d.user_id = %(user)s
    offset 0) t
where x.outward
   or s.document_id <> %(document)s and s.document_id <> all(%(beside)s::uuid[])
order by s.document_id, s.chunk_index, t.document_id, t.chunk_index, x.connection_type
""")

# Rows of older clients say only in their data whose document it is.
_ANNOTATIONS = """
select jsonb_build_object(
    'entity_id', e.id, 'entity_type', e.entity_type,
    'components', (
        select jsonb_agg(jsonb_build_object(
            'component_type', c.component_type, 'data', c.data,
            'about_document', coalesce(c.document_id::text = %(document)s::text
                or c.document_id is null and %(document)s::text in
                    (c.data ->> 'documentId', c.data ->> 'document_id'), false),
            'chunk_index', one.chunk_index,
            'chunk_indexes', (
                select jsonb_agg(many.chunk_index order by many.chunk_index) from chunks many
                where many.id = any(c.chunk_ids) and many.document_id = %(document)s),
            'original_chunk_index', c.original_chunk_index,
            'recovery_confidence', c.recovery_confidence,
            'recovery_method', c.recovery_method, 'needs_review', c.needs_review)
            order by c.component_type, c.data::text, c.id)
        from components c
        left join chunks one on one.id = c.chunk_id and one.document_id = %(document)s
        where c.entity_id = e.id)) as record
from entities e
where e.user_id = %(user)s and exists (
    select from components c
    where c.entity_id = e.id
      and (c.document_id = %(document)s
           or (c.document_id is null and %(document)s::text in
               (c.data ->> 'documentId', c.data ->> 'document_id'))))
order by e.id
"""
