"""What is there before an import, and jobs that follow it."""

from collections.abc import Mapping, Sequence
from uuid import UUID, uuid5

from psycopg.types.json import Jsonb

from rhizome_pipelines.database.connection import Connection, Database
from rhizome_pipelines.lifecycle.jobs import JobType
from rhizome_pipelines.transfer.matching import Place
from rhizome_pipelines.transfer.plan import Existing, Library


class PostgresLibrary(Library):
    """`Library` over `documents` and `chunks`. Of others' documents only that they are there."""

    def __init__(self, database: Database, user_id: UUID) -> None:
        self._database = database
        self._user_id = user_id

    def existing(self, document_ids: Sequence[UUID]) -> Mapping[UUID, Existing]:
        """See `Library`."""
        rows = self._database.all(
            """
            select d.id, d.user_id = %(user)s as own,
                   case when d.user_id = %(user)s then coalesce(d.title, '') else '' end as title,
                   (select count(*) from chunks c
                    where c.document_id = d.id and d.user_id = %(user)s and c.is_current) as chunks
            from documents d where d.id = any(%(ids)s)
            """,
            {"user": self._user_id, "ids": list(document_ids)},
        )
        return {row["id"]: Existing(row["own"], row["title"], row["chunks"]) for row in rows}

    def places(self, document_id: UUID) -> Sequence[Place]:
        """See `Library`."""
        with self._database.connection() as connection:
            return places_of(connection, self._user_id, document_id)


def places_of(connection: Connection, user_id: UUID, document_id: UUID) -> list[Place]:
    """A document's current chunks as matching sees them."""
    rows = connection.execute(
        """
        select c.chunk_index, c.content
        from documents d join chunks c on c.document_id = d.id and c.is_current
        where d.id = %s and d.user_id = %s order by c.chunk_index
        """,
        (document_id, user_id),
    )
    return [Place.of(index, content) for index, content in rows]


def request_detections(
    database: Database, user_id: UUID, job_id: UUID, document_ids: Sequence[UUID]
) -> Mapping[UUID, UUID]:
    """Ask for connections of each document, in the name of a job: once, however often it asks."""
    jobs = {document_id: uuid5(job_id, str(document_id)) for document_id in document_ids}
    with database.transaction() as connection, connection.cursor() as cursor:
        cursor.executemany(
            """
            insert into background_jobs
                (id, user_id, job_type, entity_type, entity_id, input_data, metadata)
            select %(job)s, d.user_id, %(type)s, 'document', d.id, %(input)s,
                   jsonb_build_object('documentId', d.id, 'title', d.title)
            from documents d where d.id = %(document)s and d.user_id = %(user)s
            on conflict (id) do nothing
            """,
            [
                {
                    "job": asked,
                    "type": JobType.DETECT_CONNECTIONS,
                    "input": Jsonb({"document_id": str(document_id)}),
                    "document": document_id,
                    "user": user_id,
                }
                for document_id, asked in jobs.items()
            ],
        )
    return jobs
