"""`Corpus`: the embedded, current chunks of one user, read as a stream."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection, ServerCursor
from psycopg.rows import TupleRow, tuple_row

from rhizome_pipelines.connections.ports import (
    ChunkText,
    ChunkTraits,
    Corpus,
    CorpusDocument,
    VectorBlock,
)
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.vector_format import decode_vectors

KEY_CHUNKS = 50
"""Chunks of a document that count as its most important ones."""

_TRAITS: LiteralString = """
with wanted as (
    select c.id, c.document_id from documents d join chunks c on c.document_id = d.id
    where d.user_id = %(user)s and c.id = any(%(chunks)s) and c.is_current),
placed as (
    select c.id, c.importance_score as importance, row_number() over (
               partition by c.document_id order by c.importance_score desc nulls last, c.chunk_index
           ) as place
    from chunks c
    where c.is_current and c.document_id in (select document_id from wanted))
select w.id, p.place, p.importance, c.conceptual_metadata -> 'concepts' as concepts,
       c.emotional_metadata -> 'polarity' as polarity,
       c.domain_metadata ->> 'primaryDomain' as domain,
       c.domain_metadata -> 'confidence' as confidence
from wanted w join placed p on p.id = w.id join chunks c on c.id = w.id
"""


class PostgresCorpus(Corpus):
    """`Corpus` over `documents`, `document_embeddings` and `chunks`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def documents(self, user_id: UUID, model: str) -> Sequence[CorpusDocument]:
        """See `Corpus`."""
        rows = self._database.all(
            """
            select d.id, coalesce(d.title, '') as title, e.chunk_count, e.digest
            from documents d join document_embeddings e on e.document_id = d.id
            where d.user_id = %s and e.model = %s and e.chunk_count > 0
            order by d.id
            """,
            (user_id, model),
        )
        return [
            CorpusDocument(row["id"], row["title"], row["chunk_count"], row["digest"])
            for row in rows
        ]

    def vectors(
        self, user_id: UUID, model: str, document_ids: Sequence[UUID], block: int
    ) -> Iterator[VectorBlock]:
        """See `Corpus`. A connection is held until the iteration ends."""
        dimensions = self._dimensions(user_id, model)
        if dimensions is None or not document_ids:
            return
        with self._database.transaction() as connection:
            cursor = _server_cursor(connection)
            with cursor:
                cursor.execute(
                    """
                    select c.id, c.document_id, c.embedding
                    from documents d join chunks c on c.document_id = d.id
                    where d.user_id = %s and d.id = any(%s) and c.is_current
                      and c.embedding_model = %s and c.embedding is not null
                    order by c.document_id, c.chunk_index
                    """,
                    (user_id, list(document_ids), model),
                    binary=True,
                )
                while rows := cursor.fetchmany(block):
                    ids, documents, encoded = zip(*rows, strict=True)
                    yield VectorBlock(ids, documents, decode_vectors(encoded, dimensions))

    def texts(self, user_id: UUID, chunk_ids: Sequence[UUID]) -> Mapping[UUID, ChunkText]:
        """See `Corpus`."""
        rows = self._database.all(
            """
            select c.id, c.document_id, coalesce(d.title, '') as document_title, c.chunk_index,
                   c.content, coalesce(c.heading_path, '{}') as heading_path
            from documents d join chunks c on c.document_id = d.id
            where d.user_id = %s and c.id = any(%s)
            """,
            (user_id, list(chunk_ids)),
        )
        return {row["id"]: ChunkText(**row) for row in rows}

    def traits(self, user_id: UUID, chunk_ids: Sequence[UUID]) -> Mapping[UUID, ChunkTraits]:
        """See `Corpus`."""
        rows = self._database.all(_TRAITS, {"user": user_id, "chunks": list(chunk_ids)})
        return {row["id"]: _traits(row) for row in rows}

    def _dimensions(self, user_id: UUID, model: str) -> int | None:
        row = self._database.first(
            """
            select max(e.dimensions) as dimensions
            from documents d join document_embeddings e on e.document_id = d.id
            where d.user_id = %s and e.model = %s
            """,
            (user_id, model),
        )
        return None if row is None else row["dimensions"]


def _traits(row: Mapping[str, Any]) -> ChunkTraits:
    """Metadata may have been written by others: what has not the right type says nothing."""
    concepts = row["concepts"] if isinstance(row["concepts"], list) else []
    return ChunkTraits(
        [c["text"] for c in concepts if isinstance(c, dict) and isinstance(c.get("text"), str)],
        _number(row["polarity"], -1.0),
        _number(row["importance"], 0.0),
        str(row["domain"] or "").strip().lower(),
        row["place"] <= KEY_CHUNKS,
        1.0 if row["confidence"] is None else _number(row["confidence"], 0.0),
    )


def _number(value: Any, least: float) -> float:
    """A number from `least` to 1; 0 for anything else."""
    fits = isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= 1
    return float(value) if fits else 0.0


def _server_cursor(connection: Connection[TupleRow]) -> ServerCursor[TupleRow]:
    return ServerCursor(connection, "rhizome_vectors", row_factory=tuple_row)
