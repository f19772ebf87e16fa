"""`ConnectionArchive`: what is stored of a document's connections before they are made anew."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from rhizome_pipelines.connections.ports import (
    ConnectionArchive,
    ConnectionType,
    JudgedConnection,
    Judgement,
    StoredConnections,
)
from rhizome_pipelines.database.connection import Database


class PostgresConnectionArchive(ConnectionArchive):
    """`ConnectionArchive` over `connections`; both chunks must be the user's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def stored(
        self, user_id: UUID, document_id: UUID, types: Sequence[ConnectionType]
    ) -> StoredConnections:
        """See `ConnectionArchive`."""
        rows = self._database.all(_STORED, _parameters(user_id, document_id, types))
        ids: dict[ConnectionType, list[UUID]] = {kind: [] for kind in types}
        for row in rows:
            ids[ConnectionType(row["connection_type"])].append(row["id"])
        moments = [row["discovered_at"] for row in rows if row["discovered_at"] is not None]
        return StoredConnections(ids, max(moments, default=None))

    def judged(
        self, user_id: UUID, document_id: UUID, types: Sequence[ConnectionType]
    ) -> Sequence[JudgedConnection]:
        """See `ConnectionArchive`."""
        rows = self._database.all(_JUDGED, _parameters(user_id, document_id, types))
        return [
            JudgedConnection(
                Judgement(row["id"], row["user_validated"], bool(row["user_starred"])),
                row["auto_detected"] is not False,
                {name: _json(value) for name, value in row.items()},
            )
            for row in rows
        ]

    def embedded_since(self, user_id: UUID, moment: datetime) -> frozenset[UUID]:
        """See `ConnectionArchive`."""
        rows = self._database.all(
            """
            select d.id from documents d join document_embeddings e on e.document_id = d.id
            where d.user_id = %s and e.embedded_at > %s
            """,
            (user_id, moment),
        )
        return frozenset(row["id"] for row in rows)


def _parameters(
    user_id: UUID, document_id: UUID, types: Sequence[ConnectionType]
) -> dict[str, Any]:
    return {"user": user_id, "document": document_id, "types": [str(kind) for kind in types]}


def _json(value: Any) -> Any:
    match value:
        case UUID():
            return str(value)
        case datetime():
            return value.isoformat()
        case _:
            return value if not isinstance(value, Mapping) else dict(value)


_TOUCHING: LiteralString = """
with own as (
    select c.id from documents d join chunks c on c.document_id = d.id
    where d.id = %(document)s and d.user_id = %(user)s),
touching as (
    select id from connections where source_chunk_id in (select id from own)
    union
    select id from connections where target_chunk_id in (select id from own))
"""

# The ends go by their index, whatever the planner thinks of tables that were filled just now.
_BOTH_ENDS: LiteralString = """
from touching join connections x on x.id = touching.id
cross join lateral (
    select c.document_id, c.chunk_index from chunks c join documents d on d.id = c.document_id
    where c.id = x.source_chunk_id and d.user_id = %(user)s offset 0) s
cross join lateral (
    select c.document_id, c.chunk_index from chunks c join documents d on d.id = c.document_id
    where c.id = x.target_chunk_id and d.user_id = %(user)s offset 0) t
where x.connection_type = any(%(types)s)
"""

_STORED: LiteralString = (
    _TOUCHING + "select x.id, x.connection_type, x.discovered_at" + _BOTH_ENDS + "order by x.id"
)

_JUDGED: LiteralString = (
    _TOUCHING
    + """
select x.id, x.source_chunk_id, s.document_id as source_document_id,
       s.chunk_index as source_chunk_index, x.target_chunk_id,
       t.document_id as target_document_id, t.chunk_index as target_chunk_index,
       x.connection_type, x.strength, x.auto_detected, x.user_validated, x.user_starred,
       x.validated_at, x.discovered_at, x.metadata
"""
    + _BOTH_ENDS
    + """
  and (x.user_validated is not null or x.user_starred is true or x.auto_detected is false)
order by x.id
"""
)
