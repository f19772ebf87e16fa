"""What is shown of what is stored."""

from uuid import UUID, uuid4, uuid5

import numpy as np
import pytest

from rhizome_pipelines.connections.ports import ConnectionType, Edge
from rhizome_pipelines.database.chunks import PostgresChunkSink
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.connections import PostgresEdgeSink
from rhizome_pipelines.database.documents import DocumentRepository, NewDocument
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.database.overview import (
    KnownJob,
    best_connections,
    newest_jobs,
)
from rhizome_pipelines.database.touching import connection_counts
from rhizome_pipelines.embedding.ports import EmbeddedChunk, EmbeddingSpace
from rhizome_pipelines.lifecycle.documents import Document, SourceType
from rhizome_pipelines.lifecycle.jobs import Job, JobStatus, JobType

SEMANTIC = ConnectionType.SEMANTIC_SIMILARITY
Four = tuple[Document, Document, Document, Document]


def with_chunks(database: Database, user: UUID) -> Document:
    document = DocumentRepository(database).insert(NewDocument(user, SourceType.TXT))
    chunks = [
        EmbeddedChunk(
            uuid5(document.id, str(number)),
            {"content": "", "chunk_index": number},
            np.ones(2, np.float32),
        )
        for number in range(3)
    ]
    PostgresChunkSink(database, user).replace(document.id, EmbeddingSpace("m", 2), "d", chunks)
    return document


def edge(source: Document, start: int, target: Document, end: int, strength: float) -> Edge:
    ends = uuid5(source.id, str(start)), uuid5(target.id, str(end))
    return Edge(*ends, SEMANTIC, strength)


@pytest.fixture
def four(database: Database, user: UUID) -> Four:
    """A, B, C and D, in the order of their ids, each of three chunks: A0, A1 …; and connections."""
    made = (with_chunks(database, user) for _ in range(4))
    a, b, c, d = sorted(made, key=lambda document: document.id)
    for document, title in zip((a, b, c, d), "ABCD", strict=True):
        database.execute("update documents set title = %s where id = %s", (title, document.id))
        database.execute(
            "update chunks set content = %s || chunk_index where document_id = %s",
            (title, document.id),
        )
    edges = [
        edge(a, 0, b, 0, 0.8),
        edge(b, 1, a, 1, 0.9),
        edge(a, 2, c, 2, 0.7),
        edge(a, 1, c, 0, 0.7),
        edge(c, 1, d, 1, 0.95),
        edge(b, 0, d, 0, 0.99),
    ]
    sink = PostgresEdgeSink(database)
    for document in (a, b, c):
        own = [one for one in edges if one.source in {uuid5(document.id, str(n)) for n in range(3)}]
        sink.replace(user, document.id, {SEMANTIC: 5}, [document.id], own)
    assert len(database.all("select from connections")) == len(edges)
    database.execute("update connections set user_validated = false where strength > 0.985")
    return a, b, c, d


def shown(database: Database, user: UUID, documents: list[Document], limit: int) -> list[str]:
    found = best_connections(database, user, [one.id for one in documents], limit)
    return [
        f"{one.source_title} {one.source_text} {one.target_title} {one.target_text}"
        for one in found
    ]


def test_each_pair_of_documents_is_shown_by_its_best_pair_of_chunks(
    database: Database, user: UUID, four: Four
) -> None:
    a, _, _, d = four

    assert shown(database, user, [*four], 5) == ["C C1 D D1", "B B1 A A1", "A A1 C C0"]
    assert shown(database, user, [a], 5) == ["B B1 A A1", "A A1 C C0"]
    assert shown(database, user, [d], 5) == ["C C1 D D1"]
    assert shown(database, user, [*four], 1) == ["C C1 D D1"]
    assert shown(database, uuid4(), [*four], 5) == []


def test_a_documents_connections_are_all_that_touch_it(
    database: Database, user: UUID, four: Four
) -> None:
    ids = [one.id for one in four]
    counts = connection_counts(database, user, ids)
    rows = database.all(
        "select s.document_id as source, t.document_id as target from connections x "
        "join chunks s on s.id = x.source_chunk_id join chunks t on t.id = x.target_chunk_id"
    )
    assert counts == {
        one: sum(one in (row["source"], row["target"]) for row in rows) for one in ids
    }
    assert sum(counts.values()) == 2 * len(rows), "each connects two of them"
    assert connection_counts(database, uuid4(), ids) == {}


def test_the_newest_jobs_of_many_documents(
    database: Database, jobs: JobRepository, job: Job, document: Document, user: UUID
) -> None:
    newer = jobs.insert(user, JobType.PROCESS_DOCUMENT, document_id=document.id)
    jobs.insert(user, JobType.DETECT_CONNECTIONS, document_id=document.id)
    other = DocumentRepository(database).insert(NewDocument(user, SourceType.TXT))
    only = jobs.insert(user, JobType.PROCESS_DOCUMENT, document_id=other.id)
    asked = [document.id, other.id, uuid4()]

    found = newest_jobs(database, asked, JobType.PROCESS_DOCUMENT)

    assert found == {
        document.id: KnownJob(newer.id, JobStatus.PENDING),
        other.id: KnownJob(only.id, JobStatus.PENDING),
    }
    assert job.id not in {one.id for one in found.values()}
