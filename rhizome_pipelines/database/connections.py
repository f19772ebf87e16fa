"""`connections`: a document's edges, replaced with respect for what a person has judged."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from rhizome_pipelines.connections.ports import (
    ConnectionType,
    Edge,
    EdgeCounts,
    EdgeSink,
    Judgement,
)
from rhizome_pipelines.database.connection import Connection, Database
from rhizome_pipelines.database.guarded import Fence
from rhizome_pipelines.database.ownership import chunks_stay, document_kept
from rhizome_pipelines.database.storable import storable_json
from rhizome_pipelines.database.touching import connection_counts, edges_touching
from rhizome_pipelines.stages.stage import Pulse, silent


class PostgresEdgeSink(EdgeSink):
    """`EdgeSink` over the table `connections`.

    A connection that a person drew by hand (`auto_detected` is false) counts as judged. With a
    `fence`, a replacement by an attempt that does not own its job any more raises
    OwnershipLostError and changes nothing. `part`: about so many edges are changed at once.
    """

    def __init__(self, database: Database, fence: Fence | None = None, part: int = 20_000) -> None:
        self._database = database
        self._fence = fence
        self._part = part

    def replace(
        self,
        user_id: UUID,
        document_id: UUID,
        limits: Mapping[ConnectionType, int],
        compared: Sequence[UUID],
        edges: Iterable[Edge],
        discard: Sequence[Judgement] = (),
        *,
        only: Collection[UUID] | None = None,
        pulse: Pulse = silent,
    ) -> EdgeCounts:
        """See `EdgeSink`. Memory does not grow with the number of edges.

        Of two edges with the same ends and type the stronger counts. The document's chunks are
        marked as looked at (`connections_detected`). Raises InvalidInputError for an unknown
        document.
        """
        parameters = {
            "user": user_id,
            "document": document_id,
            "types": [str(kind) for kind in limits],
            "limits": Jsonb({str(kind): most for kind, most in limits.items()}),
            "compared": list(compared),
            "discard": [_discard_key(judgement) for judgement in discard],
            "only": None if only is None else list(only),
        }
        with chunks_stay(), self._database.transaction() as connection:
            parts = -(-_stage_edges(connection, edges) // self._part) or 1
            walk = _Walk(connection, parameters, parts, pulse)
            # Locks are taken only now: the iterable may compute for minutes.
            with document_kept(connection, user_id, document_id, self._fence):
                walk.step(_KEEP_VALID)
                walk.step(_FIND_TOUCHING)
                connection.execute(_LOOK_AT_STAGING)
                judged = _number(connection, _COUNT_JUDGED, parameters)
                removed = connection.execute(_REMOVE_ABSENT, parameters).rowcount
                walk.step(_UPSERT)
                walk.step(_TRIM)
                connection.execute(_MARK_CHUNKS, parameters)
            with connection.cursor() as cursor:
                counted = cursor.execute(_COUNT_CHANGES).fetchone()
        added, updated, trimmed = counted or (0, 0, 0)
        return EdgeCounts(added=added, updated=updated, removed=removed + trimmed, judged=judged)

    def edges(self, user_id: UUID, document_id: UUID) -> Iterator[Edge]:
        """See `EdgeSink`. A connection is held until the iteration ends."""
        return edges_touching(self._database, user_id, document_id)

    def count(self, user_id: UUID, document_id: UUID) -> int:
        """See `EdgeSink`."""
        return connection_counts(self._database, user_id, [document_id]).get(document_id, 0)


def _discard_key(judgement: Judgement) -> str:
    """As the queries put it together; a judgement that has changed since has another key."""
    validated = "-" if judgement.validated is None else str(judgement.validated).lower()
    return f"{judgement.connection} {validated} {str(judgement.starred).lower()}"


class _Walk:
    """The steps of a replacement, each of them by parts: of many rows none takes long.

    A part is of source chunks (of own chunks, for what is stored already), by the hash of their id.
    """

    def __init__(
        self, connection: Connection, parameters: dict[str, Any], parts: int, pulse: Pulse
    ) -> None:
        self._connection = connection
        self._parameters = parameters
        self._parts = parts
        self._pulse = pulse
        self._done = 0

    def step(self, query: LiteralString) -> None:
        total = _STEPS * self._parts
        for part in range(self._parts):
            self._pulse(self._done / total, f"changing rows: {self._done} of {total} steps")
            self._connection.execute(query, self._parameters | {"part": part, "parts": self._parts})
            self._done += 1


def _stage_edges(connection: Connection, edges: Iterable[Edge]) -> int:
    """Copy the edges, one by one, into temporary tables that end with the transaction."""
    staged = 0
    connection.execute(_CREATE_STAGING)
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "copy incoming_edges (source, target, type, strength, metadata) "
            "from stdin (format binary)"
        ) as copy,
    ):
        copy.set_types(["uuid", "uuid", "text", "float8", "jsonb"])
        for edge in edges:
            metadata = Jsonb(storable_json(edge.metadata))
            strength = min(1.0, max(0.0, float(edge.strength)))  # rounding may pass the ends
            copy.write_row((edge.source, edge.target, str(edge.type), strength, metadata))
            staged += 1
    connection.execute("analyze incoming_edges")
    return staged


def _number(connection: Connection, query: LiteralString, parameters: dict[str, Any]) -> int:
    row = connection.execute(query, parameters).fetchone()
    return 0 if row is None else int(row[0])


_STEPS = 4
"""Those of a replacement that are made by parts."""

_CREATE_STAGING: LiteralString = """
create temporary table incoming_edges
    (source uuid, target uuid, type text, strength float8, metadata jsonb) on commit drop;
create temporary table valid_edges
    (source uuid, target uuid, type text, strength float8, metadata jsonb) on commit drop;
create temporary table touching_edges
    (id uuid primary key, source uuid, target uuid, type text, judged boolean, discarded boolean)
    on commit drop;
create temporary table touched_edges (id uuid, change text) on commit drop;
"""

# Only edges of these types that touch the document, between current chunks of the user's; none that
# a person has rejected the other way round. The ends go by their index, whatever the planner thinks
# of tables that were filled just now.
_KEEP_VALID: LiteralString = """
insert into valid_edges
select distinct on (i.source, i.target, i.type)
       i.source, i.target, i.type, i.strength, i.metadata
from incoming_edges i
cross join lateral (
    select c.document_id from chunks c join documents d on d.id = c.document_id
    where c.id = i.source and c.is_current and d.user_id = %(user)s offset 0) s
cross join lateral (
    select c.document_id from chunks c join documents d on d.id = c.document_id
    where c.id = i.target and c.is_current and d.user_id = %(user)s offset 0) t
where mod(uuid_hash(i.source) & 2147483647, %(parts)s) = %(part)s
  and i.source <> i.target and i.type = any(%(types)s)
  and %(document)s in (s.document_id, t.document_id)
  and (%(only)s::uuid[] is null or i.source = any(%(only)s) or i.target = any(%(only)s))
  and not exists (select from connections x
                  where x.source_chunk_id = i.target and x.target_chunk_id = i.source
                    and x.connection_type = i.type and x.user_validated is false
                    and x.id || ' ' || coalesce(x.user_validated::text, '-')
               || ' ' || coalesce(x.user_starred, false)::text <> all(%(discard)s::text[]))
order by i.source, i.target, i.type, i.strength desc, i.metadata
"""

# What is stored of these types between the document and those it was compared with.
_FIND_TOUCHING: LiteralString = """
insert into touching_edges
select x.id, x.source_chunk_id, x.target_chunk_id, x.connection_type,
       x.auto_detected is false
       or (x.user_validated is not null or x.user_starred is true)
           and x.id || ' ' || coalesce(x.user_validated::text, '-')
               || ' ' || coalesce(x.user_starred, false)::text <> all(%(discard)s::text[]),
       x.user_validated is not null or x.user_starred is true
from connections x
where x.connection_type = any(%(types)s) and x.id in (
    select o.id from connections o join chunks t on t.id = o.target_chunk_id
    where o.source_chunk_id in (
        select id from chunks where document_id = %(document)s
          and mod(uuid_hash(id) & 2147483647, %(parts)s) = %(part)s
          and (%(only)s::uuid[] is null or id = any(%(only)s)))
      and t.document_id = any(%(compared)s)
    union
    select o.id from connections o join chunks s on s.id = o.source_chunk_id
    where o.target_chunk_id in (
        select id from chunks where document_id = %(document)s
          and mod(uuid_hash(id) & 2147483647, %(parts)s) = %(part)s
          and (%(only)s::uuid[] is null or id = any(%(only)s)))
      and s.document_id = any(%(compared)s))
on conflict do nothing
"""

_COUNT_JUDGED: LiteralString = "select count(*) from touching_edges where judged"

# Whatever the planner guesses of tables that were filled just now is wrong.
_LOOK_AT_STAGING: LiteralString = "analyze valid_edges; analyze touching_edges"

# A judgement that is to be discarded goes with its row, which then comes back as a new one. A join,
# since a subquery for each row would read all edges for each of them.
_REMOVE_ABSENT: LiteralString = """
delete from connections x
using (
    select t.id
    from touching_edges t
    left join valid_edges v on v.source = t.source and v.target = t.target and v.type = t.type
    where not t.judged and (t.discarded or v.source is null)) absent
where absent.id = x.id
"""

# xmax is 0 in a row that this statement has inserted, and not in one that it has updated
_UPSERT: LiteralString = """
with stored as (
    insert into connections as x
        (source_chunk_id, target_chunk_id, connection_type, strength, metadata, auto_detected)
    select source, target, type, strength, metadata, true from valid_edges
    where mod(uuid_hash(source) & 2147483647, %(parts)s) = %(part)s
    order by source, target, type
    on conflict (source_chunk_id, target_chunk_id, connection_type) do update
    set strength = excluded.strength, metadata = excluded.metadata
    where x.user_validated is null and x.user_starred is not true and x.auto_detected is not false
    returning x.id, x.xmax = 0 as inserted)
insert into touched_edges
select id, case when inserted then 'added' else 'updated' end from stored
"""

_TRIM: LiteralString = """
with ranked as (
    select x.id, x.connection_type,
           x.user_validated is not null or x.user_starred is true or x.auto_detected is false
               as judged,
           row_number() over (
               partition by x.source_chunk_id, x.connection_type
               order by x.strength desc nulls last, x.target_chunk_id) as place
    from connections x
    where x.connection_type = any(%(types)s)
      and x.source_chunk_id in (
          select source from valid_edges
          where mod(uuid_hash(source) & 2147483647, %(parts)s) = %(part)s)),
trimmed as (
    delete from connections x using ranked
    where x.id = ranked.id and not ranked.judged
      and ranked.place > (%(limits)s ->> ranked.connection_type)::int
    returning x.id)
insert into touched_edges select id, 'trimmed' from trimmed
"""

_MARK_CHUNKS: LiteralString = """
update chunks set connections_detected = true, connections_detected_at = now()
where document_id = %(document)s and is_current
  and (%(only)s::uuid[] is null or id = any(%(only)s))
"""

# An edge that was added and trimmed at once was never there.
_COUNT_CHANGES: LiteralString = """
with each as (
    select bool_or(change = 'added') as added, bool_or(change = 'updated') as updated,
           bool_or(change = 'trimmed') as trimmed
    from touched_edges group by id)
select count(*) filter (where added and not trimmed),
       count(*) filter (where updated and not trimmed),
       count(*) filter (where trimmed and not added)
from each
"""
