"""Looks at what is stored, for people and for checks; nothing is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.rows import DOCUMENT_COLUMNS, document_from, job_from
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.jobs import Job, JobStatus, JobType

UNBOUNDED_WIDTH = 16_000
"""What pgvector stores at the most, where the column has no fixed width."""

LOOKED_AT_FIRST = 1_000
"""Connections among which the best pairs of documents are looked for at first."""
ALL = 2**62

_BEST: LiteralString = """
with strongest as (
    select c.id, c.strength, c.source_chunk_id, c.target_chunk_id
    from connections c
    where (c.source_chunk_id = any(%(chunks)s) or c.target_chunk_id = any(%(chunks)s))
      and c.user_validated is distinct from false
    order by c.strength desc
    fetch first %(looked_at)s rows with ties),
best as (
    select distinct on (least(s.document_id, t.document_id), greatest(s.document_id, t.document_id))
           e.id, a.title as source_title, b.title as target_title,
           a.id as source_document, b.id as target_document
    from strongest e
    join chunks s on s.id = e.source_chunk_id
    join chunks t on t.id = e.target_chunk_id
    join documents a on a.id = s.document_id and a.user_id = %(user)s
    join documents b on b.id = t.document_id and b.user_id = %(user)s
    order by least(s.document_id, t.document_id), greatest(s.document_id, t.document_id),
             e.strength desc, s.document_id, s.chunk_index, t.chunk_index)
select c.connection_type, c.strength, s.content as source_text, t.content as target_text,
       source_title, target_title
from best
join connections c on c.id = best.id
join chunks s on s.id = c.source_chunk_id
join chunks t on t.id = c.target_chunk_id
order by c.strength desc, source_document, target_document
limit %(limit)s
"""


@dataclass(frozen=True)
class KnownJob:
    """Of a job, what tells whether a document has to be processed."""

    id: UUID
    status: JobStatus


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
) -> Mapping[UUID, KnownJob]:
    """By document: the newest job of that type, as `JobRepository.latest_for_document` finds it."""
    rows = database.all(
        """
        select distinct on (entity_id) entity_id, id, status from background_jobs
        where entity_id = any(%s) and replace(job_type, '-', '_') = %s
        order by entity_id, created_at desc, id desc
        """,
        (list(document_ids), job_type),
    )
    return {
        row["entity_id"]: KnownJob(row["id"], JobStatus(row["status"] or JobStatus.PENDING))
        for row in rows
    }


def documents_by_id(
    database: Database, user_id: UUID, ids: Sequence[UUID]
) -> Mapping[UUID, Document]:
    """Those of the documents that are there and are that user's."""
    rows = database.all(
        f"select {DOCUMENT_COLUMNS} from documents "  # noqa: S608 - a constant
        "where id = any(%s) and user_id = %s",
        (list(ids), user_id),
    )
    return {row["id"]: document_from(row) for row in rows}


IDENTIFIED: Mapping[str, LiteralString] = {"job": "background_jobs", "document": "documents"}
"""Tables of what a person may name by how its id begins."""


def ids_beginning_with(
    database: Database, what: str, beginning: str, user_id: UUID | None
) -> list[UUID]:
    """Those whose id begins so (hex digits and dashes, in lower case); three at the most."""
    query: LiteralString = """
        select id from {table}
        where id::text like %(beginning)s || '%%'
          and (%(user)s::uuid is null or user_id = %(user)s)
        limit 3
        """
    rows = database.all(
        query.replace("{table}", IDENTIFIED[what]), {"beginning": beginning, "user": user_id}
    )
    return [row["id"] for row in rows]


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


def best_connections(
    database: Database, user_id: UUID, document_ids: Sequence[UUID], limit: int
) -> Sequence[ShownConnection]:
    """The strongest connections that touch the documents: one a pair of documents, once a pair.

    A pair of documents is shown by its best pair of chunks, whichever way it points.
    """
    # Chunks named by their ids are found by the connections' indexes, however many others there
    # are.
    chunks = database.all(
        """
        select c.id from chunks c join documents d on d.id = c.document_id
        where d.id = any(%s) and d.user_id = %s
        """,
        (list(document_ids), user_id),
    )
    parameters = {"chunks": [chunk["id"] for chunk in chunks], "user": user_id, "limit": limit}
    # Enough pairs among the strongest connections are the best pairs; if not, all are looked at.
    rows = database.all(_BEST, parameters | {"looked_at": LOOKED_AT_FIRST})
    if len(rows) < limit:
        rows = database.all(_BEST, parameters | {"looked_at": ALL})
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
