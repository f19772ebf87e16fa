"""The rows of an import, written in one transaction: everything or nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol
from uuid import UUID

import psycopg
from psycopg import sql

from rhizome_pipelines.database import (
    imported_annotations,
    imported_connections,
    imported_documents,
    imported_metadata,
)
from rhizome_pipelines.database.chunk_rows import COLUMNS, chunk_values
from rhizome_pipelines.database.chunks import RECORD_EMBEDDINGS
from rhizome_pipelines.database.connection import Connection, Database
from rhizome_pipelines.database.guarded import Fence
from rhizome_pipelines.database.ownership import lock_document
from rhizome_pipelines.database.vector_format import column_width, encode_vector, register_vectors
from rhizome_pipelines.lifecycle.errors import PermanentError, TransientError
from rhizome_pipelines.transfer.import_ports import (
    AppliedDocument,
    ImportSink,
    IncomingDocument,
)
from rhizome_pipelines.transfer.plan import Decision


class Reanchored(Protocol):
    """What became of a document's annotations, by the way in which each was found again."""

    @property
    def placed(self) -> Mapping[Any, int]:
        """All of them, counted."""

    @property
    def needs_review(self) -> Sequence[UUID]:
        """Those that a person should look at."""

    @property
    def lost(self) -> Sequence[UUID]:
        """Those that were not found; they are kept."""


Reanchor = Callable[
    [Connection, UUID, UUID, Callable[[], str] | None],
    AbstractContextManager[Sequence[Reanchored]],
]
"""`reanchor(connection, user_id, document_id, read_text)` stands around the replacement of a
document's chunks and moves its annotations to where they belong in the new text. The reports are
in the sequence when the context has ended."""

ChunkId = Callable[[UUID, int], UUID]
"""The id of a document's chunk by its index, as every stage makes it."""


class PostgresImportSink(ImportSink):
    """`ImportSink` over the tables, for documents of one user, in the name of an attempt."""

    def __init__(
        self,
        database: Database,
        user_id: UUID,
        fence: Fence,
        reanchor: Reanchor,
        chunk_id: ChunkId,
    ) -> None:
        self._database = database
        self._user_id = user_id
        self._fence = fence
        self._reanchor = reanchor
        self._chunk_id = chunk_id

    def digests(self, document_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        """See `ImportSink`."""
        rows = self._database.all(
            """
            select e.document_id, e.digest
            from document_embeddings e join documents d on d.id = e.document_id
            where d.user_id = %(user)s and e.document_id = any(%(ids)s)
              and e.chunk_count = (
                  select count(*) from chunks c
                  where c.document_id = e.document_id and c.is_current
                    and c.embedding_model = e.model and c.embedding is not null)
            """,
            {"user": self._user_id, "ids": list(document_ids)},
        )
        return {row["document_id"]: row["digest"] for row in rows}

    def apply(self, documents: Iterable[IncomingDocument]) -> Sequence[AppliedDocument]:
        """See `ImportSink`.

        Raises PermanentError, with nothing changed, for what a rule of the tables refuses, and
        OwnershipLostError if the job is not the attempt's any more.
        """
        with _telling_refusals(), self._database.transaction() as connection:
            imported_connections.prepare(connection)
            written = [self._written(connection, document) for document in documents]
            settled = imported_connections.settle(connection, self._user_id)
            # Last, since whoever wants to pause or cancel the job waits for this lock.
            self._fence.hold(connection)
        none = imported_connections.SettledConnections()
        return [_with(one, settled.get(one.document_id, none)) for one in written]

    def _written(self, connection: Connection, document: IncomingDocument) -> AppliedDocument:
        if document.decision is Decision.MERGE:
            lock_document(connection, self._user_id, document.document_id)
            chunks = imported_metadata.merge(connection, self._user_id, document)
            return AppliedDocument(
                document_id=document.document_id, title=document.title, chunks=chunks
            )
        self._make_room(connection, document)
        imported_connections.keep_judged(connection, document.document_id)
        with self._reanchor(
            connection, self._user_id, document.document_id, document.text
        ) as reports:
            connection.execute("delete from chunks where document_id = %s", (document.document_id,))
            chunks = self._copy_chunks(connection, document)
        self._record(connection, document, chunks)
        imported_connections.bring(connection, document.document_id, document.connections())
        brought = imported_annotations.bring(
            connection,
            self._user_id,
            document.document_id,
            document.annotations(),
            lambda index: self._chunk_id(document.document_id, index) if index < chunks else None,
            document.text,
        )
        return AppliedDocument(
            document_id=document.document_id,
            title=document.title,
            chunks=chunks,
            annotations=brought.added,
            reanchored=sum(sum(one.placed.values()) for one in reports),
            to_review=brought.to_review + sum(len(one.needs_review) for one in reports),
            annotations_lost=sum(len(one.lost) for one in reports),
        )

    def _make_room(self, connection: Connection, document: IncomingDocument) -> None:
        """The document's row, locked: a new one, or the one that the archive's values go to."""
        document_id, row = document.document_id, document.row
        added = (
            document.decision is Decision.ADD
            and row is not None
            and imported_documents.add(connection, self._user_id, document_id, row)
        )
        lock_document(connection, self._user_id, document_id)
        if added:
            return
        if document.decision is Decision.ADD:
            self._refuse_others_work(connection, document)
        if row is not None:
            imported_documents.overwrite(connection, self._user_id, document_id, row)

    def _refuse_others_work(self, connection: Connection, document: IncomingDocument) -> None:
        """A document that was to be added is there: from an earlier try, or from somebody else."""
        others = connection.execute(
            """
            select from chunks c left join document_embeddings e on e.document_id = c.document_id
            where c.document_id = %s and c.is_current and e.digest is distinct from %s limit 1
            """,
            (document.document_id, document.digest),
        ).fetchone()
        if others is not None:
            raise TransientError(
                f"Document {document.document_id} was added by somebody else meanwhile; nothing "
                "was changed. Start the import again from the beginning."
            )

    def _copy_chunks(self, connection: Connection, document: IncomingDocument) -> int:
        columns = [column for column in COLUMNS if column in document.columns]
        places = [number for number, column in enumerate(COLUMNS) if column in document.columns]
        space = document.space
        width = column_width(connection, space.dimensions) if space else 0
        vector_oid = register_vectors(connection)
        all_columns = ("id", "document_id", "is_current", "embedding_model", *columns, "embedding")
        copy_in = sql.SQL("copy chunks ({}) from stdin (format binary)").format(
            sql.SQL(", ").join(map(sql.Identifier, all_columns))
        )
        model = space.model if space else None
        count = 0
        with connection.cursor() as cursor, cursor.copy(copy_in) as copy:
            types = (COLUMNS[column] for column in columns)
            copy.set_types(["uuid", "uuid", "bool", "text", *types, vector_oid])
            for record, vector in document.chunks():
                values = chunk_values(record)
                copy.write_row(
                    (
                        self._chunk_id(document.document_id, int(record["chunk_index"])),
                        document.document_id,
                        True,
                        model,
                        *(values[place] for place in places),
                        None if vector is None else encode_vector(vector, width),
                    )
                )
                count += 1
        return count

    def _record(self, connection: Connection, document: IncomingDocument, chunks: int) -> None:
        """What the tables tell of the document's vectors."""
        ids = {"document": document.document_id, "user": self._user_id, "chunks": chunks}
        embedded = document.space is not None and chunks > 0
        if document.space is not None:
            connection.execute(
                RECORD_EMBEDDINGS,
                {
                    **ids,
                    "model": document.space.model,
                    "dimensions": document.space.dimensions,
                    "digest": document.digest,
                },
            )
        connection.execute(
            # It may have been exported while it was worked on; nobody goes on with that here.
            "update documents set embeddings_available = %(embedded)s, "
            "processing_status = case when %(embedded)s and processing_status = 'pending' "
            "then 'completed' else processing_status end "
            "where id = %(document)s and user_id = %(user)s",
            {**ids, "embedded": embedded},
        )


def _with(
    applied: AppliedDocument, settled: imported_connections.SettledConnections
) -> AppliedDocument:
    return applied.model_copy(
        update={
            "connections": settled.brought,
            "carried": settled.carried,
            "lost": settled.lost,
            "judged_lost": tuple(dict(one) for one in settled.judged_lost),
        }
    )


@contextmanager
def _telling_refusals() -> Iterator[None]:
    """Tell what a rule of the tables refuses in a sentence."""
    try:
        yield
    except (psycopg.IntegrityError, psycopg.DataError, UnicodeEncodeError) as error:
        told = error.diag if isinstance(error, psycopg.Error) else None
        rule = (told and (told.constraint_name or told.message_primary)) or "text that is no text"
        raise PermanentError(
            f"The database refuses what the archive holds ({rule[:200]}); nothing was changed. "
            "Correct the archive's chunks.json, or import another."
        ) from error
