"""Connections that an import brings along or carries over, told by the content of their chunks.

Chunks get new rows, and those of the archive may stand elsewhere here. So both ends are told by
document, index and hash of the content, and found again among the chunks that are there when all
documents are written: the same content, and of several the nearest.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg.types.json import Jsonb

from rhizome_pipelines.database.connection import Connection
from rhizome_pipelines.transfer.incoming import ConnectionRecord
from rhizome_pipelines.transfer.ports import Record


@dataclass(frozen=True)
class SettledConnections:
    """Of one document: brought along, carried over as judged, and without a counterpart.

    `judged_lost`: those without one that a person had judged, as `connections.json` tells them.
    """

    brought: int = 0
    carried: int = 0
    lost: int = 0
    judged_lost: Sequence[Record] = ()


def prepare(connection: Connection) -> None:
    """Make the place where they wait, until the transaction ends."""
    connection.execute(
        """
        create temporary table arriving_connections (
            place bigint generated always as identity, document uuid, carried boolean,
            source_document uuid, source_index int, source_hash text,
            target_document uuid, target_index int, target_hash text,
            connection_type text, strength double precision, auto_detected boolean,
            user_validated boolean, user_starred boolean, validated_at timestamptz,
            discovered_at timestamptz, metadata jsonb) on commit drop
        """
    )


def keep_judged(connection: Connection, document_id: UUID) -> None:
    """Put by what a person has judged, starred or drawn, before the document's chunks go."""
    connection.execute(
        """
        insert into arriving_connections (document, carried, source_document, source_index,
            source_hash, target_document, target_index, target_hash, connection_type, strength,
            auto_detected, user_validated, user_starred, validated_at, discovered_at, metadata)
        select %(document)s, true, s.document_id, s.chunk_index, md5(s.content), t.document_id,
            t.chunk_index, md5(t.content), x.connection_type, x.strength, x.auto_detected,
            x.user_validated, x.user_starred, x.validated_at, x.discovered_at, x.metadata
        from (
            select o.* from chunks own cross join lateral (
                select * from connections where source_chunk_id = own.id offset 0) o
            where own.document_id = %(document)s
            union
            select o.* from chunks own cross join lateral (
                select * from connections where target_chunk_id = own.id offset 0) o
            where own.document_id = %(document)s) x
        cross join lateral (select * from chunks c where c.id = x.source_chunk_id offset 0) s
        cross join lateral (select * from chunks c where c.id = x.target_chunk_id offset 0) t
        where (x.user_validated is not null or x.user_starred or x.auto_detected is false)
        order by x.id
        """,
        {"document": document_id},
    )


def bring(connection: Connection, document_id: UUID, records: Iterable[ConnectionRecord]) -> None:
    """Put by those of the archive."""
    copy_in = (
        "copy arriving_connections (document, carried, source_document, source_index, source_hash,"
        " target_document, target_index, target_hash, connection_type, strength, auto_detected,"
        " user_validated, user_starred, validated_at, discovered_at, metadata) from stdin"
    )
    with connection.cursor() as cursor, cursor.copy(copy_in) as copy:
        for one in records:
            copy.write_row(
                (
                    document_id,
                    False,
                    one.source_document_id,
                    one.source_index,
                    one.source_hash,
                    one.target_document_id,
                    one.target_index,
                    one.target_hash,
                    one.connection_type,
                    one.strength,
                    one.auto_detected,
                    one.user_validated,
                    one.user_starred,
                    one.validated_at,
                    one.discovered_at,
                    Jsonb(one.metadata),
                )
            )


def settle(connection: Connection, user_id: UUID) -> dict[UUID, SettledConnections]:
    """Store those whose ends are there. What a person has judged here goes before the archive."""
    connection.execute(_PRESENT, {"user": user_id})
    connection.execute("create index on present_chunks (document_id, hash)")
    connection.execute("analyze present_chunks")
    connection.execute(_ENDS)
    connection.execute(_INSERT)
    rows = connection.execute(
        """
        select document,
               count(distinct (source, target, connection_type))
                   filter (where found and not carried),
               count(*) filter (where found and carried),
               count(*) filter (where not found),
               coalesce(
                   jsonb_agg(to_jsonb(e) - %s::text[] order by place)
                       filter (where carried and not found),
                   '[]')
        from connection_ends e group by document
        """,
        (["place", "carried", "document", "source", "target", "found"],),
    )
    return {document: SettledConnections(*found) for document, *found in rows}


_PRESENT = """
create temporary table present_chunks on commit drop as
select c.id, c.document_id, c.chunk_index, md5(c.content) as hash
from documents d join chunks c on c.document_id = d.id and c.is_current
where d.user_id = %(user)s and d.id in (
    select source_document from arriving_connections
    union select target_document from arriving_connections)
"""

_ENDS = """
create temporary table connection_ends on commit drop as
select a.*, s.id as source, t.id as target,
       s.id is not null and t.id is not null and s.id <> t.id as found
from arriving_connections a
left join lateral (
    select id from present_chunks p
    where p.document_id = a.source_document and p.hash = a.source_hash
    order by abs(p.chunk_index - a.source_index), p.chunk_index limit 1) s on true
left join lateral (
    select id from present_chunks p
    where p.document_id = a.target_document and p.hash = a.target_hash
    order by abs(p.chunk_index - a.target_index), p.chunk_index limit 1) t on true
"""

_INSERT = """
insert into connections (source_chunk_id, target_chunk_id, connection_type, strength,
    auto_detected, user_validated, user_starred, validated_at, discovered_at, metadata)
select distinct on (source, target, connection_type)
    source, target, connection_type, strength, auto_detected, user_validated, user_starred,
    validated_at, coalesce(discovered_at, now()), coalesce(metadata, '{}')
from connection_ends where found
order by source, target, connection_type, carried desc, place
on conflict (source_chunk_id, target_chunk_id, connection_type) do nothing
"""
