"""The connections of a document: all rows that start at one of its chunks or lead to one.

Both directions, each row once, whoever has made it. Whatever tells a number of connections of a
document counts these, so that no two numbers differ.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, LiteralString
from uuid import UUID

from psycopg.rows import tuple_row

from rhizome_pipelines.database.connection import Database

if TYPE_CHECKING:
    from rhizome_pipelines.connections.ports import Edge

TYPES = ("semantic_similarity", "contradiction_detection", "thematic_bridge")
"""All there are: the engines, which know them too, take a while to load, and a count needs none."""

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

_SOURCES: LiteralString = (
    _WANTED
    + _TOUCHING
    + """)
select distinct x.source_chunk_id from touching join connections x on x.id = touching.id
order by x.source_chunk_id
"""
)

# What another program has stored need not have a score.
_EDGES: LiteralString = """
with own as materialized (
    select c.id from documents d join chunks c on c.document_id = d.id
    where d.id = any(%(documents)s) and d.user_id = %(user)s)
select x.source_chunk_id, x.target_chunk_id, x.connection_type, x.strength, x.metadata
from unnest(%(sources)s::uuid[]) as source (id)
cross join lateral (
    select * from connections
    where source_chunk_id = source.id and connection_type = any(%(types)s) offset 0) x
where x.source_chunk_id in (select id from own) or x.target_chunk_id in (select id from own)
order by x.source_chunk_id,
         case when jsonb_typeof(x.metadata -> 'score') = 'number'
              then (x.metadata ->> 'score')::float8 else coalesce(x.strength, 0) end desc,
         x.target_chunk_id, x.connection_type
"""

_SOURCES_AT_ONCE = 200


def connection_counts(
    database: Database, user_id: UUID, document_ids: Sequence[UUID]
) -> Mapping[UUID, int]:
    """How many connections touch each of the user's documents; those of none are left out."""
    rows = database.all(_COUNT, _parameters(user_id, document_ids))
    return {row["document_id"]: row["connections"] for row in rows}


def edges_touching(database: Database, user_id: UUID, document_id: UUID) -> "Iterator[Edge]":
    """As `EdgeSink.edges`. A connection is held until the iteration ends."""
    from rhizome_pipelines.connections.ports import ConnectionType, Edge  # noqa: PLC0415 - see TYPES

    parameters = _parameters(user_id, [document_id])
    with database.transaction() as connection, connection.cursor(row_factory=tuple_row) as cursor:
        # One look, though it is taken source by source: to sort all of many rows takes long.
        cursor.execute("set transaction isolation level repeatable read")
        sources = [source for (source,) in cursor.execute(_SOURCES, parameters).fetchall()]
        for start in range(0, len(sources), _SOURCES_AT_ONCE):
            parameters["sources"] = sources[start : start + _SOURCES_AT_ONCE]
            rows = cursor.execute(_EDGES, parameters).fetchall()
            for source, target, kind, strength, metadata in rows:
                known = metadata if isinstance(metadata, dict) else {}
                yield Edge(source, target, ConnectionType(kind), strength or 0.0, known)


def _parameters(user_id: UUID, document_ids: Sequence[UUID]) -> dict[str, object]:
    return {
        "user": user_id,
        "documents": list(document_ids),
        "types": list(TYPES),
    }
