"""The removal of documents: their jobs, all rows that belong to them, and their own row at last.

Every statement finds a document together with its owner, so that nothing of another user is
reached however the ids came here; every transaction is bounded.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import LiteralString
from uuid import UUID

import psycopg

from rhizome_pipelines.database.administration import BATCH
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.ownership import lock_document
from rhizome_pipelines.lifecycle.errors import PermanentError


@dataclass(frozen=True)
class Owned:
    """A document and whose it is."""

    id: UUID
    user_id: UUID


@dataclass(frozen=True)
class Contents:
    """How many rows belong to a document."""

    chunks: int = 0
    connections: int = 0
    """From its chunks and to them."""
    annotations: int = 0
    """Entities that are about this document and about no other."""
    others: int = 0
    """Of `import_pending`, `obsidian_sync_state` and `cached_chunks`."""


_OTHERS: Sequence[LiteralString] = ("import_pending", "obsidian_sync_state", "cached_chunks")

# Clients write the document's id into the column or into the data, in either spelling.
_NAMED: LiteralString = """
coalesce(c.document_id::text, c.data ->> 'documentId', c.data ->> 'document_id')"""
_ANNOTATIONS: LiteralString = f"""
select e.id from entities e
where e.user_id = %(user)s
  and exists (select from components c where c.entity_id = e.id and {_NAMED} = %(id)s::text)
  and not exists (select from components c where c.entity_id = e.id and {_NAMED} <> %(id)s::text)
"""  # noqa: S608 - a constant

# One after the other, since no index serves both ways of naming a document.
_ABOUT: LiteralString = """
select j.id, j.entity_id from documents d
join background_jobs j on j.entity_id = d.id and j.user_id = d.user_id
where d.id = any(%(documents)s)
union all
select j.id, d.id from documents d
join background_jobs j on j.user_id = d.user_id and j.entity_id is null
    and lower(j.input_data ->> 'document_id') = d.id::text
where d.id = any(%(documents)s)
"""


def owned(database: Database, ids: Collection[UUID], user_id: UUID | None) -> Sequence[Owned]:
    """Those of the documents that are the user's (anybody's, if None), in the order of ids."""
    rows = database.all(
        """
        select id, user_id from documents
        where id = any(%(ids)s) and (%(user)s::uuid is null or user_id = %(user)s) order by id
        """,
        {"ids": list(ids), "user": user_id},
    )
    return [Owned(row["id"], row["user_id"]) for row in rows]


def unfinished(database: Database, user_id: UUID | None) -> Sequence[Owned]:
    """Documents that are in processing, wait for it or for a review, or failed in it."""
    rows = database.all(
        """
        select id, user_id from documents
        where processing_status is distinct from 'completed'
          and (%(user)s::uuid is null or user_id = %(user)s)
        order by id
        """,
        {"user": user_id},
    )
    return [Owned(row["id"], row["user_id"]) for row in rows]


# Jobs


def count_jobs(database: Database, documents: Collection[UUID]) -> int:
    """How many jobs are about these documents."""
    row = database.first(
        f"select count(*) as jobs from ({_ABOUT}) as about",  # noqa: S608
        {"documents": list(documents)},
    )
    return row["jobs"] if row else 0


def delete_jobs(database: Database, documents: Collection[UUID]) -> list[UUID]:
    """Delete all jobs about these documents; their ids."""
    deleted: list[UUID] = []
    while True:
        rows = database.all(
            f"""
            with about as ({_ABOUT} limit %(limit)s)
            delete from background_jobs j using about where j.id = about.id returning j.id
            """,  # noqa: S608 - a constant
            {"documents": list(documents), "limit": BATCH},
        )
        deleted += [row["id"] for row in rows]
        if len(rows) < BATCH:
            return deleted


def still_at_work(
    database: Database,
    documents: Collection[UUID],
    jobs: Collection[UUID],
    silence: timedelta,
) -> int:
    """How many of the jobs, or of deleted ones about the documents, have a worker alive.

    Alive is an attempt that has no end on record and gave a sign of life within `silence`.
    """
    row = database.first(
        """
        select count(distinct job_id) as jobs from job_attempts
        where ended_at is null and (entity_id = any(%(documents)s) or job_id = any(%(jobs)s))
          and coalesce(heartbeat_at, created_at) > now() - %(silence)s::interval
        """,
        {"documents": list(documents), "jobs": list(jobs), "silence": silence},
    )
    return row["jobs"] if row else 0


def deleted_at_work(database: Database, user_id: UUID | None, silence: timedelta) -> int:
    """How many deleted jobs of the user (of anybody, if None) have a worker alive, as above."""
    row = database.first(
        """
        select count(distinct job_id) as jobs from job_attempts
        where ended_at is null and job_deleted_at is not null
          and (%(user)s::uuid is null or user_id = %(user)s)
          and coalesce(heartbeat_at, created_at) > now() - %(silence)s::interval
        """,
        {"user": user_id, "silence": silence},
    )
    return row["jobs"] if row else 0


# What belongs to a document


def count_contents(database: Database, document: Owned) -> Contents:
    """How many rows `delete_contents` would remove."""
    others = " + ".join(
        f"(select count(*) from {table} where document_id = d.id)"  # noqa: S608 - constants
        for table in _OTHERS
    )
    row = database.first(
        f"""
        select
            (select count(*) from chunks where document_id = d.id) as chunks,
            (select count(*) from (
                select c.id from chunks k join connections c on c.source_chunk_id = k.id
                where k.document_id = d.id
                union
                select c.id from chunks k join connections c on c.target_chunk_id = k.id
                where k.document_id = d.id) as either) as connections,
            (select count(*) from ({_ANNOTATIONS}) as annotations) as annotations,
            {others} as others
        from documents d where d.id = %(id)s and d.user_id = %(user)s
        """,  # noqa: S608 - the pieces are constants
        _names(document),
    )
    return Contents(**row) if row else Contents()


def mark(database: Database, document: Owned, sentence: str) -> None:
    """Say of the document that it is not what it was: its removal has begun."""
    database.execute(
        """
        update documents set processing_status = 'failed', processing_error = %(sentence)s
        where id = %(id)s and user_id = %(user)s
        """,
        {**_names(document), "sentence": sentence},
    )


def delete_contents(database: Database, document: Owned) -> Contents:
    """Remove all rows that belong to the document, but not its own.

    Raises InvalidInputError if the document is gone, PermanentError if a table of somebody else's
    refers to what is to go.
    """
    annotations = _repeatedly(
        database,
        f"delete from entities where id in ({_ANNOTATIONS} limit %(limit)s)",  # noqa: S608
        document,
    )
    chunks = connections = 0
    while (removed := _delete_some_chunks(database, document)) != (0, 0):
        chunks, connections = chunks + removed[0], connections + removed[1]
    others = sum(
        _repeatedly(
            database,
            f"""
            delete from {table} where ctid = any(array(
                select t.ctid from {table} t join documents d on d.id = t.document_id
                where d.id = %(id)s and d.user_id = %(user)s limit %(limit)s))
            """,  # noqa: S608 - constants
            document,
        )
        for table in _OTHERS
    )
    return Contents(chunks, connections, annotations, others)


def delete_row(database: Database, document: Owned) -> bool:
    """Remove the document's own row. Raises PermanentError as `delete_contents` does."""
    statement: LiteralString = "delete from documents where id = %(id)s and user_id = %(user)s"
    return _execute(database, statement, document) == 1


def _delete_some_chunks(database: Database, document: Owned) -> tuple[int, int]:
    """At most so many chunks, and their connections: in both directions."""
    with _nothing_else_refers(document), database.transaction() as connection:
        lock_document(connection, document.user_id, document.id)
        found = connection.execute(
            "select id from chunks where document_id = %s limit %s", (document.id, BATCH)
        ).fetchall()
        ids = [row[0] for row in found]
        connections = connection.execute(
            "delete from connections where source_chunk_id = any(%(ids)s) "
            "or target_chunk_id = any(%(ids)s)",
            {"ids": ids},
        ).rowcount
        chunks = connection.execute("delete from chunks where id = any(%s)", (ids,)).rowcount
    return chunks, connections


def _repeatedly(database: Database, statement: LiteralString, document: Owned) -> int:
    """Run a statement that removes `limit` rows at the most until there are no more."""
    removed = 0
    while batch := _execute(database, statement, document):
        removed += batch
    return removed


def _execute(database: Database, statement: LiteralString, document: Owned) -> int:
    with _nothing_else_refers(document):
        return database.execute(statement, {**_names(document), "limit": BATCH})


@contextmanager
def _nothing_else_refers(document: Owned) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.ForeignKeyViolation as error:
        raise PermanentError(
            f"The document {document.id} cannot be removed: rows of the table "
            f"{error.diag.table_name!r} refer to it or to what belongs to it. Remove those first."
        ) from error


def _names(document: Owned) -> dict[str, object]:
    return {"id": document.id, "user": document.user_id}
