"""Each engine over a real Postgres: its metadata, and that it stays with its user."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

import numpy as np
import pytest
from psycopg.types.json import Jsonb

from rhizome_pipelines.connections import (
    ConnectionsConfig,
    ConnectionsStage,
    ConnectionType,
    EnginesConfig,
    Weights,
    build_engines,
)
from rhizome_pipelines.connections.ports import ChunkTraits
from rhizome_pipelines.database.chunks import PostgresChunkSink
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.connections import PostgresEdgeSink
from rhizome_pipelines.database.documents import DocumentRepository, NewDocument
from rhizome_pipelines.database.vectors import KEY_CHUNKS, PostgresCorpus
from rhizome_pipelines.embedding.ports import EmbeddedChunk, EmbeddingSpace
from rhizome_pipelines.lifecycle.documents import SourceType

SPACE = EmbeddingSpace("m", 2)


def add_document(
    database: Database, user: UUID, domain: str, polarity: float, chunks: int = 3
) -> UUID:
    """Chunks that all three engines connect with those of another domain and feeling."""
    document = DocumentRepository(database).insert(NewDocument(user, SourceType.TXT)).id
    embedded = [
        EmbeddedChunk(
            uuid5(document, str(n)),
            {
                "content": f"Ants of the colony find the shortest path {n}.",
                "chunk_index": n,
                "importance_score": 0.9,
                "conceptual_metadata": {"concepts": [{"text": "ant colony"}, {"text": "path"}]},
                "emotional_metadata": {"polarity": polarity},
                "domain_metadata": {"primaryDomain": domain},
            },
            np.array([1, 0], np.float32),
        )
        for n in range(chunks)
    ]
    PostgresChunkSink(database, user).replace(document, SPACE, f"digest {document}", embedded)
    return document


def detect(database: Database, user: UUID, document: UUID, kind: ConnectionType, at: Path) -> None:
    config = EnginesConfig(weights=Weights({kind: 1.0}))
    stage = ConnectionsStage(
        document, user, SPACE.model, f"digest {document}",
        PostgresCorpus(database), PostgresEdgeSink(database),
        build_engines(config), ConnectionsConfig(),
    )  # fmt: skip
    at.mkdir()
    stage.finish([(u, stage.work(u, lambda f, d: None)) for u in stage.units()], at)


def users_of_connections(database: Database) -> list[tuple[UUID, UUID]]:
    rows = database.all(
        """
        select ds.user_id as one, dt.user_id as two from connections x
        join chunks s on s.id = x.source_chunk_id join documents ds on ds.id = s.document_id
        join chunks t on t.id = x.target_chunk_id join documents dt on dt.id = t.document_id
        """
    )
    return [(row["one"], row["two"]) for row in rows]


@pytest.mark.parametrize("kind", ConnectionType)
def test_defect_13_no_engine_crosses_users(
    database: Database, user: UUID, kind: ConnectionType, tmp_path: Path
) -> None:
    other = uuid4()
    mine = add_document(database, user, "biology", 0.8)
    theirs = add_document(database, other, "technology", -0.8)
    detect(database, user, mine, kind, tmp_path / "one")
    detect(database, other, theirs, kind, tmp_path / "two")
    assert users_of_connections(database) == [], "they would connect if they were one user's"
    add_document(database, user, "technology", -0.8)
    detect(database, user, mine, kind, tmp_path / "three")
    found = users_of_connections(database)
    assert len(found) == 2 * 3 * 3
    assert set(found) == {(user, user)}


def test_metadata_are_read_for_the_users_own_current_chunks(database: Database, user: UUID) -> None:
    document = add_document(database, user, " Biology ", -0.5)
    corpus = PostgresCorpus(database)
    ids = [uuid5(document, str(n)) for n in range(3)]
    database.execute("update chunks set is_current = false where id = %s", (ids[2],))
    found = corpus.traits(user, [*ids, uuid4()])
    expected = ChunkTraits(["ant colony", "path"], -0.5, 0.9, "biology", True)
    assert found == {ids[0]: expected, ids[1]: expected}
    assert corpus.traits(uuid4(), ids) == {}


@pytest.mark.parametrize(
    ("concepts", "polarity", "domain"),
    [
        (None, None, None),
        ([], {}, {}),
        ({"concepts": "ants"}, {"polarity": "bad"}, {"primaryDomain": None}),
        ({"concepts": [1, {"text": 2}, {"name": "x"}, None]}, {"polarity": 7}, {"domain": "x"}),
        ({"concepts": {"text": "ants"}}, {"polarity": True}, []),
    ],
)
def test_metadata_of_another_shape_say_nothing(
    database: Database, user: UUID, concepts: Any, polarity: Any, domain: Any
) -> None:
    document = add_document(database, user, "biology", 0.5, chunks=1)
    database.execute(
        "update chunks set conceptual_metadata = %s, emotional_metadata = %s, "
        "domain_metadata = %s, importance_score = null",
        [None if value is None else Jsonb(value) for value in (concepts, polarity, domain)],
    )
    chunk = uuid5(document, "0")
    assert PostgresCorpus(database).traits(user, [chunk]) == {
        chunk: ChunkTraits([], 0.0, 0.0, "", True)
    }


def test_the_most_important_chunks_of_a_document_are_key(database: Database, user: UUID) -> None:
    document = add_document(database, user, "biology", 0.5, chunks=KEY_CHUNKS + 10)
    database.execute("update chunks set importance_score = 0.95 where chunk_index >= 55")
    ids = [uuid5(document, str(n)) for n in range(KEY_CHUNKS + 10)]
    found = PostgresCorpus(database).traits(user, ids)
    assert [n for n, chunk in enumerate(ids) if not found[chunk].key] == list(range(45, 55))
    assert PostgresCorpus(database).traits(user, ids[45:46])[ids[45]].key is False
