"""Looks at what is stored, for people and for checks; nothing is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.rows import document_from, job_from
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.jobs import Job, JobType

UNBOUNDED_WIDTH = 16_000
"""What pgvector stores at the most, where the column has no fixed width."""


@dataclass(frozen=True)
class ShownConnection:
    """A connection with both texts."""

    type: str
    strength: float
    source_title: str
    target_title: str
    source_text: str
    target_text: str


def jobs_by_id(database: Database, ids: Sequence[UUID]) -> Sequence[Job]:
    """Those of the jobs that still have a row."""
    rows = database.all("select * from background_jobs where id = any(%s)", (list(ids),))
    return [job_from(row) for row in rows]


def newest_jobs(
    database: Database, document_ids: Sequence[UUID], job_type: JobType
) -> Mapping[UUID, Job]:
    """By document: the newest job of that type, as `JobRepository.latest_for_document` finds it."""
    rows = database.all(
        """
        select distinct on (entity_id) * from background_jobs
        where entity_id = any(%s) and replace(job_type, '-', '_') = %s
        order by entity_id, created_at desc, id desc
        """,
        (list(document_ids), job_type),
    )
    return {row["entity_id"]: job_from(row) for row in rows}


def documents_by_id(
    database: Database, user_id: UUID, ids: Sequence[UUID]
) -> Mapping[UUID, Document]:
    """Those of the documents that are there and are that user's."""
    rows = database.all(
        "select * from documents where id = any(%s) and user_id = %s", (list(ids), user_id)
    )
    return {row["id"]: document_from(row) for row in rows}


def embedding_width(database: Database) -> int:
    """Width of the column `chunks.embedding`."""
    row = database.first(
        "select atttypmod as width from pg_attribute "
        "where attrelid = 'chunks'::regclass and attname = 'embedding'"
    )
    return row["width"] if row and row["width"] > 0 else UNBOUNDED_WIDTH


def embedded_chunks(database: Database, user_id: UUID, document_id: UUID) -> int:
    """Current chunks of the document that have a vector."""
    row = database.first(
        """
        select count(*) as chunks
        from chunks c join documents d on d.id = c.document_id
        where d.id = %s and d.user_id = %s and c.is_current and c.embedding is not null
        """,
        (document_id, user_id),
    )
    return row["chunks"] if row else 0


def connection_counts(
    database: Database, user_id: UUID, document_ids: Sequence[UUID]
) -> Mapping[UUID, int]:
    """How many connections start at each document; those of none are left out."""
    rows = database.all(
        """
        select d.id, count(*) as connections
        from connections c
        join chunks s on s.id = c.source_chunk_id
        join documents d on d.id = s.document_id
        where d.id = any(%s) and d.user_id = %s and c.user_validated is distinct from false
        group by d.id
        """,
        (list(document_ids), user_id),
    )
    return {row["id"]: row["connections"] for row in rows}


def best_connections(
    database: Database, user_id: UUID, document_ids: Sequence[UUID], limit: int
) -> Sequence[ShownConnection]:
    """The strongest connections that touch the documents: one a pair of documents, once a pair.

    A pair of documents is shown by its best pair of chunks, whichever way it points. The texts are
    read only for those that are shown: to sort them all with their texts took most of the time.
    """
    rows = database.all(
        """
        with touching as (
            select c.id, c.strength, s.document_id as source_document,
                   t.document_id as target_document, s.chunk_index as source_index,
                   t.chunk_index as target_index, least(s.document_id, t.document_id) as one,
                   greatest(s.document_id, t.document_id) as other
            from connections c
            join chunks s on s.id = c.source_chunk_id
            join chunks t on t.id = c.target_chunk_id
            join documents a on a.id = s.document_id and a.user_id = %(user)s
            join documents b on b.id = t.document_id and b.user_id = %(user)s
            where (s.document_id = any(%(documents)s) or t.document_id = any(%(documents)s))
              and c.user_validated is distinct from false),
        strongest as (
            select one, other, max(strength) as strength from touching
            group by one, other
            order by max(strength) desc
            fetch first %(limit)s rows with ties),
        best as (
            select distinct on (one, other) touching.*
            from touching join strongest using (one, other, strength)
            order by one, other, source_document, source_index, target_index)
        select c.connection_type, c.strength, s.content as source_text, t.content as target_text,
               a.title as source_title, b.title as target_title
        from best
        join connections c on c.id = best.id
        join chunks s on s.id = c.source_chunk_id
        join chunks t on t.id = c.target_chunk_id
        join documents a on a.id = best.source_document
        join documents b on b.id = best.target_document
        order by c.strength desc, source_document, target_document
        limit %(limit)s
        """,
        {"documents": list(document_ids), "user": user_id, "limit": limit},
    )
    return [
        ShownConnection(
            type=row["connection_type"],
            strength=row["strength"],
            source_title=row["source_title"],
            target_title=row["target_title"],
            source_text=row["source_text"],
            target_text=row["target_text"],
        )
        for row in rows
    ]
