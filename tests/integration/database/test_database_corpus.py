"""The embedded chunks of one user, as the engines read them."""

from uuid import UUID, uuid4, uuid5

import numpy as np
import pytest

from rhizome_pipelines.database.chunks import PostgresChunkSink
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.documents import DocumentRepository, NewDocument
from rhizome_pipelines.database.vectors import PostgresCorpus
from rhizome_pipelines.embedding.ports import EmbeddedChunk, EmbeddingSpace
from rhizome_pipelines.lifecycle.documents import Document, SourceType
from tests.integration.database.embedded import SPACE, chunk, stored, vector


@pytest.fixture
def sink(database: Database, user: UUID) -> PostgresChunkSink:
    return PostgresChunkSink(database, user)


def test_the_corpus_is_one_users_in_one_space(
    database: Database, documents: DocumentRepository, user: UUID
) -> None:
    mine = [documents.insert(NewDocument(user, SourceType.TXT, title=f"T{n}")) for n in range(3)]
    theirs = documents.insert(NewDocument(uuid4(), SourceType.TXT))
    other_model = documents.insert(NewDocument(user, SourceType.TXT))
    for document in (*mine, theirs):
        sink = PostgresChunkSink(database, document.user_id)
        sink.replace(document.id, SPACE, str(document.id), [chunk(document, n) for n in range(3)])
    PostgresChunkSink(database, user).replace(
        other_model.id, EmbeddingSpace("other", 256), "d", [chunk(other_model, 0)]
    )
    database.execute(
        "update chunks set is_current = false where id = %s", (uuid5(mine[0].id, "2"),)
    )

    corpus = PostgresCorpus(database)
    mine.sort(key=lambda document: document.id)
    found = corpus.documents(user, SPACE.model)
    assert [(entry.id, entry.title, entry.digest) for entry in found] == [
        (document.id, document.title, str(document.id)) for document in mine
    ]
    every = [document.id for document in (*mine, theirs, other_model)]
    blocks = list(corpus.vectors(user, SPACE.model, every, 2))
    assert [len(block.ids) for block in blocks] == [2, 2, 2, 2]
    ids = [identifier for block in blocks for identifier in block.ids]
    owners = [identifier for block in blocks for identifier in block.document_ids]
    assert owners == sorted(owners) and set(owners) == {document.id for document in mine}
    expected = [
        uuid5(document.id, str(n)) for document in mine for n in range(3)
        if uuid5(document.id, str(n)) in ids
    ]  # fmt: skip
    assert ids == expected and len(ids) == 8
    for block in blocks:
        assert block.vectors.shape == (len(block.ids), 256)
        assert block.vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(block.vectors, axis=1), 1, rtol=1e-5)
    assert list(corpus.vectors(user, SPACE.model, [], 2)) == []
    assert list(corpus.vectors(user, "unknown", every, 2)) == []
    assert corpus.documents(uuid4(), SPACE.model) == []


def test_texts_of_others_are_left_out(
    database: Database, sink: PostgresChunkSink, document: Document
) -> None:
    record = {"content": "x 😀", "chunk_index": 4, "heading_path": ["A", "B"]}
    sink.replace(document.id, SPACE, "d", [EmbeddedChunk(uuid4(), record, vector(1))])
    ((identifier, _, _),) = stored(database, document)
    corpus = PostgresCorpus(database)
    (text,) = corpus.texts(document.user_id, [identifier, uuid4()]).values()
    assert (text.document_title, text.chunk_index, text.content, text.heading_path) == (
        "On rhizomes",
        4,
        "x 😀",
        ["A", "B"],
    )
    assert corpus.texts(uuid4(), [identifier]) == {}
