"""What is asked of connections goes by their index, whatever is thought of the tables.

Postgres knows nothing yet of rows that were written a moment ago, as when a library was just
imported. A plan that joins all chunks with all chunks then looks like a cheap one.
"""

from collections.abc import Iterator
from typing import Any, LiteralString, cast
from uuid import UUID

import pytest

from rhizome_pipelines.connections.ports import ConnectionType, Edge
from rhizome_pipelines.database import connection_archive, exported_rows
from rhizome_pipelines.database.chunks import PostgresChunkSink
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.connections import PostgresEdgeSink
from rhizome_pipelines.database.documents import DocumentRepository, NewDocument
from rhizome_pipelines.lifecycle.documents import SourceType
from tests.integration.database.embedded import SPACE, chunk

CHUNKS, EDGES = 200, 400
SEMANTIC = ConnectionType.SEMANTIC_SIMILARITY


@pytest.fixture
def library(database: Database, documents: DocumentRepository, user: UUID) -> list[UUID]:
    """Two documents that were filled just now, and their connections."""
    made = []
    for title in ("one", "two"):
        document = documents.insert(NewDocument(user, SourceType.TXT, title=title))
        chunks = [chunk(document, index) for index in range(CHUNKS)]
        PostgresChunkSink(database, user).replace(document.id, SPACE, title, chunks)
        made.append((document.id, [one.id for one in chunks]))
    (one, sources), (two, targets) = made
    edges = [
        Edge(sources[number % CHUNKS], targets[number * 7 % CHUNKS], SEMANTIC, 0.7)
        for number in range(EDGES)
    ]
    PostgresEdgeSink(database).replace(user, one, {SEMANTIC: 50}, [two], edges)
    return [one, two]


QUESTIONS = {
    "exported": exported_rows._CONNECTIONS,
    "stored": connection_archive._STORED,
    "judged": connection_archive._JUDGED,
}


def scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if plan.get("Relation Name") == "chunks":
        yield plan
    for below in plan.get("Plans", []):
        yield from scans(below)


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_ends_of_connections_are_found_one_by_one(
    database: Database, user: UUID, library: list[UUID], question: str
) -> None:
    parameters = {
        "user": user,
        "document": library[0],
        "beside": library,
        "types": [SEMANTIC.value],
    }
    query = cast("LiteralString", QUESTIONS[question])
    (row,) = database.all("explain (format json) " + query, parameters)
    found = [*scans(row["QUERY PLAN"][0]["Plan"])]
    by_id = [one for one in found if one.get("Index Name") == "chunks_pkey"]
    assert len(by_id) == 2
    assert len(found) == 3, "and the document's own chunks"
