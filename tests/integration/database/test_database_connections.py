"""A document's connections, replaced with respect for what a person has judged."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4, uuid5

import numpy as np
import pytest

from rhizome_pipelines.connections.ports import ConnectionType, Edge, EdgeCounts
from rhizome_pipelines.database.chunks import PostgresChunkSink
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.connections import PostgresEdgeSink
from rhizome_pipelines.database.documents import DocumentRepository, NewDocument
from rhizome_pipelines.database.guarded import GuardedJob, OwnershipLostError
from rhizome_pipelines.embedding.ports import EmbeddedChunk, EmbeddingSpace
from rhizome_pipelines.lifecycle.documents import Document, SourceType
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PermanentError

SEMANTIC = ConnectionType.SEMANTIC_SIMILARITY
BRIDGE = ConnectionType.THEMATIC_BRIDGE


def chunk(document: Document, index: int) -> UUID:
    return uuid5(document.id, str(index))


def add_document(database: Database, user: UUID, chunks: int) -> Document:
    document = DocumentRepository(database).insert(NewDocument(user, SourceType.TXT))
    embedded = [
        EmbeddedChunk(
            chunk(document, n), {"content": f"{n}", "chunk_index": n}, np.ones(2, np.float32)
        )
        for n in range(chunks)
    ]
    PostgresChunkSink(database, user).replace(document.id, EmbeddingSpace("m", 2), "d", embedded)
    return document


@pytest.fixture
def one(database: Database, user: UUID) -> Document:
    return add_document(database, user, 4)


@pytest.fixture
def two(database: Database, user: UUID) -> Document:
    return add_document(database, user, 4)


@pytest.fixture
def sink(database: Database) -> PostgresEdgeSink:
    return PostgresEdgeSink(database)


def everything(database: Database) -> list[UUID]:
    return [row["id"] for row in database.all("select id from documents")]


def stored(database: Database) -> dict[tuple[UUID, UUID, str], dict[str, Any]]:
    rows = database.all("select * from connections")
    return {
        (row["source_chunk_id"], row["target_chunk_id"], row["connection_type"]): row
        for row in rows
    }


def judge(database: Database, edge: Edge, assignment: str) -> None:
    changed = database.execute(
        f"update connections set {assignment} "
        "where source_chunk_id = %s and target_chunk_id = %s and connection_type = %s",
        (edge.source, edge.target, edge.type),
    )
    assert changed == 1


def test_edges_are_added_updated_and_removed(
    database: Database, sink: PostgresEdgeSink, user: UUID, one: Document, two: Document
) -> None:
    first = [
        Edge(chunk(one, n), chunk(two, n), SEMANTIC, 0.5, {"explanation": "é😀\0"})
        for n in range(3)
    ]
    back = Edge(chunk(two, 3), chunk(one, 0), SEMANTIC, 0.25)
    assert sink.replace(
        user, one.id, {SEMANTIC: 5}, everything(database), [*first, back]
    ) == EdgeCounts(4, 0, 0, 0)
    assert sink.count(user, one.id) == sink.count(user, two.id) == 4
    assert sink.count(uuid4(), one.id) == 0
    before = stored(database)
    assert before[first[0].source, first[0].target, SEMANTIC]["metadata"] == {"explanation": "é😀�"}

    again = Edge(first[0].source, first[0].target, SEMANTIC, 0.75, {"explanation": "new"})
    assert sink.replace(
        user, one.id, {SEMANTIC: 5}, everything(database), [again, back]
    ) == EdgeCounts(0, 2, 2, 0)
    after = stored(database)
    assert set(after) == {
        (again.source, again.target, SEMANTIC),
        (back.source, back.target, SEMANTIC),
    }
    kept = after[again.source, again.target, SEMANTIC]
    assert (kept["strength"], kept["metadata"]) == (0.75, {"explanation": "new"})
    for unchanged in ("id", "discovered_at"):
        assert kept[unchanged] == before[again.source, again.target, SEMANTIC][unchanged]
    flags = database.all("select distinct document_id, connections_detected as d from chunks")
    assert {row["document_id"]: row["d"] for row in flags} == {one.id: True, two.id: False}


@pytest.mark.parametrize(
    "judgement",
    ["user_validated = true", "user_validated = false", "user_starred = true",
     "auto_detected = false"],
)  # fmt: skip
def test_what_a_person_judged_does_not_change(
    database: Database, sink: PostgresEdgeSink, user: UUID, one: Document, two: Document,
    judgement: str,
) -> None:  # fmt: skip
    edge = Edge(chunk(one, 0), chunk(two, 0), SEMANTIC, 0.5)
    sink.replace(user, one.id, {SEMANTIC: 5}, everything(database), [edge])
    judge(database, edge, judgement)
    before = stored(database)
    stronger = Edge(edge.source, edge.target, SEMANTIC, 0.9, {"explanation": "again"})
    assert sink.replace(
        user, one.id, {SEMANTIC: 5}, everything(database), [stronger]
    ) == EdgeCounts(0, 0, 0, 1)
    assert sink.replace(user, one.id, {SEMANTIC: 5}, everything(database), []) == EdgeCounts(
        0, 0, 0, 1
    )
    assert stored(database) == before


def test_other_types_and_other_documents_stay(
    database: Database, sink: PostgresEdgeSink, user: UUID, one: Document, two: Document
) -> None:
    three = add_document(database, user, 1)
    bridge = Edge(chunk(one, 0), chunk(two, 0), BRIDGE, 0.5)
    elsewhere = Edge(chunk(two, 0), chunk(three, 0), SEMANTIC, 0.5)
    sink.replace(user, one.id, {BRIDGE: 5}, everything(database), [bridge])
    sink.replace(user, two.id, {SEMANTIC: 5}, everything(database), [elsewhere])
    before = stored(database)
    assert sink.replace(user, one.id, {SEMANTIC: 5}, everything(database), []) == EdgeCounts(
        0, 0, 0, 0
    )
    assert stored(database) == before


def test_outside_sources_keep_their_strongest(
    database: Database, sink: PostgresEdgeSink, user: UUID, one: Document, two: Document
) -> None:
    source = chunk(two, 0)
    three = add_document(database, user, 3)
    old = [Edge(source, chunk(three, n), SEMANTIC, 0.1 * (n + 1)) for n in range(3)]
    sink.replace(user, three.id, {SEMANTIC: 5}, everything(database), old)
    judge(database, old[0], "user_validated = true")
    new = [Edge(source, chunk(one, n), SEMANTIC, 0.15 + 0.2 * n) for n in range(3)]
    # all, by strength: 0.55 new, 0.35 new, 0.3 old, 0.2 old, 0.15 new, 0.1 old and judged
    assert sink.replace(user, one.id, {SEMANTIC: 3}, everything(database), new) == EdgeCounts(
        2, 0, 1, 0
    )
    strengths = sorted(round(row["strength"], 2) for row in stored(database).values())
    assert strengths == [0.1, 0.3, 0.35, 0.55]
    assert sink.replace(user, one.id, {SEMANTIC: 3}, everything(database), new) == EdgeCounts(
        0, 2, 0, 0
    )


def test_trimming_looks_at_one_type_and_at_every_source_chunk(
    database: Database, sink: PostgresEdgeSink, user: UUID, one: Document, two: Document
) -> None:
    own = [Edge(chunk(one, 0), chunk(two, n), SEMANTIC, 0.5) for n in range(4)]
    bridges = [Edge(chunk(two, 0), chunk(one, n), BRIDGE, 0.5) for n in range(2)]
    sink.replace(user, one.id, {BRIDGE: 2}, everything(database), bridges)
    incoming = [Edge(chunk(two, 0), chunk(one, n), SEMANTIC, 0.5) for n in range(3)]
    assert sink.replace(
        user, one.id, {SEMANTIC: 2}, everything(database), [*own, *incoming]
    ) == EdgeCounts(4, 0, 0, 0)
    assert sink.count(user, one.id) == 2 + 2 + 2


def test_edges_that_cannot_be_are_passed_over(
    database: Database, sink: PostgresEdgeSink, user: UUID, one: Document, two: Document
) -> None:
    three = add_document(database, user, 1)
    theirs = add_document(database, uuid4(), 1)
    database.execute("update chunks set is_current = false where id = %s", (chunk(two, 3),))
    good = Edge(chunk(one, 0), chunk(two, 0), SEMANTIC, 1.0000001)
    edges = [
        good,
        Edge(good.source, good.target, SEMANTIC, 0.2),
        Edge(chunk(one, 0), uuid4(), SEMANTIC, 0.5),
        Edge(chunk(one, 0), chunk(theirs, 0), SEMANTIC, 0.5),
        Edge(chunk(theirs, 0), chunk(one, 0), SEMANTIC, 0.5),
        Edge(chunk(two, 0), chunk(three, 0), SEMANTIC, 0.5),
        Edge(chunk(one, 0), chunk(one, 0), SEMANTIC, 0.5),
        Edge(chunk(one, 0), chunk(two, 3), SEMANTIC, 0.5),
        Edge(chunk(one, 0), chunk(two, 1), BRIDGE, 0.5),
    ]
    assert sink.replace(user, one.id, {SEMANTIC: 5}, everything(database), edges) == EdgeCounts(
        1, 0, 0, 0
    )
    ((key, row),) = stored(database).items()
    assert key == (good.source, good.target, SEMANTIC)
    assert row["strength"] == 1.0


def test_another_users_document_is_refused(
    database: Database, sink: PostgresEdgeSink, one: Document, two: Document
) -> None:
    edge = Edge(chunk(one, 0), chunk(two, 0), SEMANTIC, 0.5)
    with pytest.raises(InvalidInputError, match="There is no document"):
        sink.replace(uuid4(), one.id, {SEMANTIC: 5}, everything(database), [edge])
    assert stored(database) == {}


def test_a_fault_in_the_stream_changes_nothing(
    database: Database, sink: PostgresEdgeSink, user: UUID, one: Document, two: Document
) -> None:
    edge = Edge(chunk(one, 0), chunk(two, 0), SEMANTIC, 0.5)
    sink.replace(user, one.id, {SEMANTIC: 5}, everything(database), [edge])

    def edges() -> Iterator[Edge]:
        yield Edge(chunk(one, 1), chunk(two, 1), SEMANTIC, 0.5)
        raise PermanentError("No more.")

    with pytest.raises(PermanentError, match="No more"):
        sink.replace(user, one.id, {SEMANTIC: 5}, everything(database), edges())
    assert set(stored(database)) == {(edge.source, edge.target, SEMANTIC)}


def test_an_attempt_that_lost_its_job_stores_no_connections(
    database: Database, guarded: GuardedJob, user: UUID, one: Document, two: Document
) -> None:
    database.execute("update background_jobs set status = 'paused'")
    edge = Edge(chunk(one, 0), chunk(two, 0), SEMANTIC, 0.5)
    with pytest.raises(OwnershipLostError):
        PostgresEdgeSink(database, guarded.fence).replace(
            user, one.id, {SEMANTIC: 5}, everything(database), [edge]
        )
    assert stored(database) == {}


def test_documents_of_one_user_at_the_same_time_do_not_block_each_other(
    database: Database, sink: PostgresEdgeSink, user: UUID
) -> None:
    documents: Sequence[Document] = [add_document(database, user, 3) for _ in range(4)]

    def connect(mine: Document) -> None:
        edges = []
        for other in documents:
            for n in range(3):
                edges += [
                    Edge(chunk(mine, n), chunk(other, n), SEMANTIC, 0.5),
                    Edge(chunk(other, n), chunk(mine, n), SEMANTIC, 0.5),
                ]
        sink.replace(user, mine.id, {SEMANTIC: 2}, everything(database), reversed(edges))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(connect, documents * 3))
    by_source: dict[UUID, int] = {}
    for source, _, _ in stored(database):
        by_source[source] = by_source.get(source, 0) + 1
    assert by_source and max(by_source.values()) <= 3


def connected(one: Document, two: Document) -> list[Edge]:
    """All chunks of both, either way, each pair with a strength of its own."""
    return [
        Edge(chunk(*source), chunk(*target), SEMANTIC, 0.5 + (4 * n + m + turned) / 100)
        for n in range(4)
        for m in range(4)
        for turned, source, target in ((0, (one, n), (two, m)), (1, (two, m), (one, n)))
    ]


def test_many_edges_are_changed_part_by_part_as_all_at_once(
    database: Database, sink: PostgresEdgeSink, user: UUID, one: Document, two: Document
) -> None:
    edges, limits, told = connected(one, two), {SEMANTIC: 2}, list[float]()

    def pulse(fraction: float, details: str) -> None:
        told.append(fraction)

    counts = sink.replace(user, one.id, limits, everything(database), edges)
    whole = {key: row["strength"] for key, row in stored(database).items()}
    database.execute("delete from connections")
    by_parts = PostgresEdgeSink(database, part=5)
    again = by_parts.replace(user, one.id, limits, everything(database), edges, pulse=pulse)

    assert again == counts == EdgeCounts(16, 0, 0, 0)
    assert {key: row["strength"] for key, row in stored(database).items()} == whole
    assert len(told) == 4 * 7, "four steps of seven parts"
    assert told == sorted(told) and told[-1] < 1
    fewer = by_parts.replace(user, one.id, limits, everything(database), [])
    assert fewer == EdgeCounts(0, 0, 16, 0)


class Stopped(Exception):
    pass


def test_a_stop_between_two_parts_changes_nothing(
    database: Database, sink: PostgresEdgeSink, user: UUID, one: Document, two: Document
) -> None:
    edges = connected(one, two)
    sink.replace(user, one.id, {SEMANTIC: 5}, everything(database), edges[:6])
    before = stored(database)

    def stop(fraction: float, details: str) -> None:
        if fraction > 0.9:
            raise Stopped

    by_parts = PostgresEdgeSink(database, part=4)
    with pytest.raises(Stopped):
        by_parts.replace(user, one.id, {SEMANTIC: 5}, everything(database), edges, pulse=stop)
    assert stored(database) == before
