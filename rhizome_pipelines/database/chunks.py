"""`chunks`: a document's embedded chunks, replaced whole in one transaction."""

from collections.abc import Callable, Collection, Iterable
from typing import LiteralString
from uuid import UUID

from psycopg import sql

from rhizome_pipelines.database.annotations import annotations_kept
from rhizome_pipelines.database.chunk_rows import COLUMNS, REQUIRED, chunk_values
from rhizome_pipelines.database.connection import Connection, Database
from rhizome_pipelines.database.guarded import Fence
from rhizome_pipelines.database.ownership import document_kept
from rhizome_pipelines.database.vector_format import (
    column_width,
    encode_vector,
    register_vectors,
)
from rhizome_pipelines.embedding.ports import ChunkSink, EmbeddedChunk, EmbeddingSpace
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PermanentError


class PostgresChunkSink(ChunkSink):
    """`ChunkSink` over the tables `chunks` and `document_embeddings`, for documents of one user.

    With a `fence`, a replacement by an attempt that does not own its job any more raises
    OwnershipLostError and changes nothing. Annotations move along; `read_text` gives the text
    that the chunks were cut from, and is only called if there are annotations to move.
    """

    def __init__(
        self,
        database: Database,
        user_id: UUID,
        fence: Fence | None = None,
        read_text: Callable[[], str] | None = None,
    ) -> None:
        self._database = database
        self._user_id = user_id
        self._fence = fence
        self._read_text = read_text

    def replace(
        self,
        document_id: UUID,
        space: EmbeddingSpace,
        digest: str,
        chunks: Iterable[EmbeddedChunk],
    ) -> int:
        """See `ChunkSink`. Memory does not grow with the number of chunks.

        Connections of a chunk whose content has changed are removed, unless a person judged or
        starred them; those of other chunks stay. Raises InvalidInputError also for an unknown
        document and for a chunk that Postgres cannot hold.
        """
        with self._database.transaction() as connection:
            _stage_rows(connection, space, chunks)
            # Locks are taken only now: the iterable may compute for minutes.
            with document_kept(connection, self._user_id, document_id, self._fence):
                with annotations_kept(connection, self._user_id, document_id, self._read_text):
                    count = _apply(connection, document_id, space)
                connection.execute(
                    RECORD_EMBEDDINGS,
                    {
                        "document": document_id,
                        "model": space.model,
                        "dimensions": space.dimensions,
                        "digest": digest,
                        "chunks": count,
                    },
                )
            connection.execute(
                "update documents set embeddings_available = %s where id = %s and user_id = %s",
                (count > 0, document_id, self._user_id),
            )
        return count

    def digest(self, document_id: UUID, space: EmbeddingSpace) -> str | None:
        """See `ChunkSink`. Whole means: as many rows of that model as were recorded."""
        row = self._database.first(
            """
            select e.digest from document_embeddings e
            join documents d on d.id = e.document_id
            where e.document_id = %(document)s and d.user_id = %(user)s
              and e.model = %(model)s and e.dimensions = %(dimensions)s
              and e.chunk_count = (
                  select count(*) from chunks c
                  where c.document_id = e.document_id and c.is_current
                    and c.embedding_model = e.model and c.embedding is not null)
            """,
            {
                "document": document_id,
                "user": self._user_id,
                "model": space.model,
                "dimensions": space.dimensions,
            },
        )
        return None if row is None else str(row["digest"])


def _stage_rows(
    connection: Connection, space: EmbeddingSpace, chunks: Iterable[EmbeddedChunk]
) -> None:
    """Copy the rows, one by one, into a temporary table that ends with the transaction."""
    width = column_width(connection, space.dimensions)
    vector_oid = register_vectors(connection)
    connection.execute(
        sql.SQL(
            "create temporary table incoming_chunks on commit drop as "
            "select id, {}, embedding from chunks with no data"
        ).format(_list(_TYPED))
    )
    columns = ("id", *COLUMNS, "embedding")
    copy_in = sql.SQL("copy incoming_chunks ({}) from stdin (format binary)").format(
        _list([sql.Identifier(column) for column in columns])
    )
    with connection.cursor() as cursor, cursor.copy(copy_in) as copy:
        copy.set_types(["uuid", *COLUMNS.values(), vector_oid])
        for chunk in chunks:
            if chunk.vector.shape != (space.dimensions,):
                raise InvalidInputError(
                    f"Chunk {chunk.record.get('chunk_index', '?')} has a vector of shape "
                    f"{chunk.vector.shape}; the model {space.model} makes {space.dimensions} "
                    "dimensions."
                )
            vector = encode_vector(chunk.vector, width)
            copy.write_row((chunk.id, *chunk_values(chunk.record), vector))
    connection.execute("analyze incoming_chunks")


def _apply(connection: Connection, document_id: UUID, space: EmbeddingSpace) -> int:
    """Make the staged rows the document's current chunks; their number."""
    for statement in (_DROP_STALE_CONNECTIONS, _DELETE_ABSENT, _MAKE_ROOM):
        connection.execute(statement, {"document": document_id, "model": space.model})
    given = _given_columns(connection)
    columns = [sql.Identifier(column) for column in given]
    assignments = [
        sql.SQL("{0} = excluded.{0}" if column in given else "{0} = default").format(
            sql.Identifier(column)
        )
        for column in COLUMNS
    ]
    staged = connection.execute("select count(*) from incoming_chunks").fetchone()
    stored = connection.execute(
        sql.SQL(_UPSERT).format(columns=_list(columns), assignments=_list(assignments)),
        {"document": document_id, "model": space.model},
    ).rowcount
    if staged != (stored,):
        raise PermanentError(
            f"The chunks of document {document_id} were not stored: the id of one of them belongs "
            "to a chunk of another document."
        )
    return stored


def _given_columns(connection: Connection) -> list[str]:
    """The columns that at least one staged row fills; the others keep the table's defaults."""
    query = sql.SQL("select {} from incoming_chunks").format(
        _list(
            [
                sql.SQL("coalesce(bool_or({} is not null), false)").format(sql.Identifier(column))
                for column in COLUMNS
            ]
        )
    )
    row = connection.execute(query).fetchone()
    filled = dict(zip(COLUMNS, row or (), strict=True))
    return [column for column in COLUMNS if filled[column] or column in REQUIRED]


def _list(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)


_TYPED = [
    sql.SQL("null::{} as {}").format(sql.SQL(kind), sql.Identifier(column))
    for column, kind in COLUMNS.items()
]

# What was concluded from another text, or from another model's vectors, holds no longer, unless
# a person has said so.
_DROP_STALE_CONNECTIONS: LiteralString = """
delete from connections x
using chunks c join incoming_chunks i on i.id = c.id
where c.document_id = %(document)s
  and (c.content is distinct from i.content or c.embedding_model is distinct from %(model)s)
  and (x.source_chunk_id = c.id or x.target_chunk_id = c.id)
  and x.user_validated is null and x.user_starred is not true and x.auto_detected is not false
"""

# Which set of vectors a document's chunks have, whoever has made them.
RECORD_EMBEDDINGS: LiteralString = """
insert into document_embeddings
    (document_id, model, dimensions, digest, chunk_count, embedded_at)
values (%(document)s, %(model)s, %(dimensions)s, %(digest)s, %(chunks)s, now())
on conflict (document_id) do update
set model = excluded.model, dimensions = excluded.dimensions, digest = excluded.digest,
    chunk_count = excluded.chunk_count, embedded_at = excluded.embedded_at
"""

_DELETE_ABSENT: LiteralString = """
delete from chunks c
where c.document_id = %(document)s and c.is_current
  and not exists (select from incoming_chunks i where i.id = c.id)
"""

# Kept rows that change places would meet in the unique index on the way.
_MAKE_ROOM: LiteralString = """
update chunks c set is_current = false
from incoming_chunks i
where i.id = c.id and c.document_id = %(document)s and c.is_current
  and c.chunk_index <> i.chunk_index
"""

_UPSERT: LiteralString = """
insert into chunks (id, document_id, {columns}, embedding, embedding_model, is_current)
select id, %(document)s, {columns}, embedding, %(model)s, true
from incoming_chunks
order by chunk_index
on conflict (id) do update
set {assignments}, embedding = excluded.embedding, embedding_model = excluded.embedding_model,
    is_current = true,
    connections_detected = chunks.connections_detected and chunks.content = excluded.content
where chunks.document_id = excluded.document_id
"""


def current_chunks(
    database: Database, user_id: UUID, document_id: UUID, ids: Collection[UUID]
) -> frozenset[UUID]:
    """Those of the ids that are current chunks of the user's document."""
    rows = database.all(
        """
        select c.id from documents d join chunks c on c.document_id = d.id
        where d.id = %s and d.user_id = %s and c.is_current and c.id = any(%s)
        """,
        (document_id, user_id, list(ids)),
    )
    return frozenset(row["id"] for row in rows)
