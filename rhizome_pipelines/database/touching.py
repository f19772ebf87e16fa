"""The connections of a document: all rows that start at one of its chunks or lead to one.

Both directions, each row once, whoever has made it. Whatever tells a number of connections of a
document counts these, so that no two numbers differ.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import LiteralString
from uuid import UUID

from psycopg import ServerCursor
from psycopg.rows import tuple_row

from rhizome_pipelines.connections.ports import ConnectionType, Edge
from rhizome_pipelines.database.connection import Database

# By their indexes, chunk for chunk, whatever the planner thinks of tables that were just filled.
_TOUCHING: LiteralString = """
    select c.document_id, x.id from wanted d join chunks c on c.document_id = d.id
    cross join lateral (
        select id from connections
        where source_chunk_id = c.id and connection_type = any(%(types)s) offset 0) x
    union
    select c.document_id, x.id from wanted d join chunks c on c.document_id = d.id
    cross join lateral (
        select id from connections
        where target_chunk_id = c.id and connection_type = any(%(types)s) offset 0) x
"""

_WANTED: LiteralString = """
with wanted as materialized (
    select id from documents where id = any(%(documents)s) and user_id = %(user)s),
touching as (
"""

_COUNT: LiteralString = (
    _WANTED
    + _TOUCHING
    + """)
select document_id, count(*) as connections from touching group by document_id
"""
)

# What another program has stored need not have a score.
_EDGES: LiteralString = (
    _WANTED
    + _TOUCHING
    + """)
select x.source_chunk_id, x.target_chunk_id, x.connection_type, x.strength, x.metadata
from touching join connections x on x.id = touching.id
order by x.source_chunk_id,
         case when jsonb_typeof(x.metadata -> 'score') = 'number'
              then (x.metadata ->> 'score')::float8 else coalesce(x.strength, 0) end desc,
         x.target_chunk_id, x.connection_type
"""
)


def connection_counts(
    database: Database, user_id: UUID, document_ids: Sequence[UUID]
) -> Mapping[UUID, int]:
    """How many connections touch each of the user's documents; those of none are left out."""
    rows = database.all(_COUNT, _parameters(user_id, document_ids))
    return {row["document_id"]: row["connections"] for row in rows}


def edges_touching(database: Database, user_id: UUID, document_id: UUID) -> Iterator[Edge]:
    """As `EdgeSink.edges`. A connection is held until the iteration ends."""
    with (
        database.transaction() as connection,
        ServerCursor(connection, "rhizome_edges", row_factory=tuple_row) as cursor,
    ):
        cursor.execute(_EDGES, _parameters(user_id, [document_id]))
        for source, target, kind, strength, metadata in cursor:
            known = metadata if isinstance(metadata, dict) else {}
            yield Edge(source, target, ConnectionType(kind), strength or 0.0, known)


def _parameters(user_id: UUID, document_ids: Sequence[UUID]) -> dict[str, object]:
    return {
        "user": user_id,
        "documents": list(document_ids),
        "types": [str(kind) for kind in ConnectionType],
    }
