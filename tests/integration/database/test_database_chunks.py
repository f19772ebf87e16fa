"""A document's embedded chunks, replaced whole; the corpus that is read of them."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4, uuid5

import numpy as np
import pytest

from rhizome_pipelines.database.chunks import PostgresChunkSink
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.documents import DocumentRepository, NewDocument
from rhizome_pipelines.database.guarded import GuardedJob, OwnershipLostError
from rhizome_pipelines.database.migrations import migrate
from rhizome_pipelines.database.vectors import PostgresCorpus
from rhizome_pipelines.embedding.ports import EmbeddedChunk, EmbeddingSpace
from rhizome_pipelines.lifecycle.documents import Document, SourceType
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PermanentError
from tests.integration.database.embedded import SPACE, chunk, stored, vector

FULL_RECORD: Mapping[str, Any] = {
    "content": "Ein Rhizom 😀 verbindet.",
    "chunk_index": 0,
    "start_offset": 0,
    "end_offset": 24,
    "themes": ["roots"],
    "importance_score": 0.5,
    "summary": "On roots.",
    "word_count": 4,
    "token_count": 6,
    "emotional_metadata": {"polarity": 0.1, "primaryEmotion": "joy", "intensity": 0.2},
    "conceptual_metadata": {"concepts": [{"text": "rhizome", "importance": 1}]},
    "domain_metadata": {"primaryDomain": "philosophy", "confidence": 0.5},
    "metadata_extracted_at": "2026-01-02T03:04:05+00:00",
    "page_start": 1,
    "page_end": 2,
    "heading_level": 2,
    "heading_path": ["One", "Two, \"quoted\""],
    "section_marker": "s1",
    "bboxes": [{"page": 1}],
    "position_confidence": "exact",
    "position_method": "offset",
    "position_validated": True,
    "chunker_type": "hybrid",
}  # fmt: skip


def connect_chunks(database: Database, source: UUID, target: UUID, **columns: Any) -> UUID:
    rows = database.all(
        """
        insert into connections (source_chunk_id, target_chunk_id, connection_type, strength,
                                 user_validated, user_starred)
        values (%s, %s, 'semantic_similarity', 0.5, %s, %s) returning id
        """,
        (source, target, columns.get("validated"), columns.get("starred", False)),
    )
    identifier: UUID = rows[0]["id"]
    return identifier


@pytest.fixture
def sink(database: Database, user: UUID) -> PostgresChunkSink:
    return PostgresChunkSink(database, user)


def test_every_column_is_stored(
    database: Database, sink: PostgresChunkSink, document: Document
) -> None:
    identifier = uuid5(document.id, "0")
    embedded = EmbeddedChunk(identifier, FULL_RECORD, vector(1))
    assert sink.replace(document.id, SPACE, "digest", [embedded]) == 1
    (row,) = database.all("select *, embedding::text as shown from chunks")
    for column, value in FULL_RECORD.items():
        if column != "metadata_extracted_at":
            assert row[column] == value, column
    assert row["metadata_extracted_at"].isoformat().startswith("2026-01-02T03:04:05")
    assert (row["id"], row["is_current"], row["embedding_model"]) == (identifier, True, "wordllama")
    shown = np.array([float(part) for part in row["shown"].strip("[]").split(",")], np.float32)
    np.testing.assert_allclose(shown[:256], vector(1), rtol=1e-6)
    assert shown.shape == (768,) and not shown[256:].any()
    assert database.all("select embeddings_available as there from documents") == [{"there": True}]
    (record,) = database.all("select * from document_embeddings")
    assert (record["model"], record["dimensions"], record["chunk_count"]) == ("wordllama", 256, 1)


def test_what_a_record_leaves_out_has_the_tables_default(
    database: Database, sink: PostgresChunkSink, document: Document
) -> None:
    database.execute("alter table chunks alter position_validated set not null")
    sink.replace(document.id, SPACE, "d", [chunk(document, 0)])
    sink.replace(document.id, SPACE, "d", [chunk(document, 0)])
    (row,) = database.all("select position_validated, themes, connections_detected from chunks")
    assert row == {"position_validated": False, "themes": None, "connections_detected": False}


def test_five_thousand_chunks_stream_through(
    database: Database, sink: PostgresChunkSink, document: Document
) -> None:
    ahead = 0

    def chunks() -> Iterator[EmbeddedChunk]:
        nonlocal ahead
        for index in range(5_000):
            ahead = index
            yield chunk(document, index, f"{index} 👩‍👩‍👧 \\N \t \"x\" 'y'\n{{}}")

    assert sink.replace(document.id, SPACE, "d", chunks()) == 5_000
    assert ahead == 4_999
    found = stored(database, document)
    assert len(found) == 5_000
    assert found[77][2] == "77 👩‍👩‍👧 \\N \t \"x\" 'y'\n{}"
    assert sink.digest(document.id, SPACE) == "d"


def test_rows_whose_id_stays_keep_their_place_in_the_world(
    database: Database, sink: PostgresChunkSink, document: Document
) -> None:
    sink.replace(document.id, SPACE, "1", [chunk(document, n) for n in range(4)])
    ids = [identifier for identifier, _, _ in stored(database, document)]
    database.execute("update chunks set created_at = '2000-01-01'")
    same = connect_chunks(database, ids[0], ids[1])
    changed = connect_chunks(database, ids[0], ids[2])
    changed_but_judged = connect_chunks(database, ids[2], ids[1], validated=True)
    changed_but_rejected = connect_chunks(database, ids[2], ids[0], validated=False)
    changed_but_starred = connect_chunks(database, ids[1], ids[2], starred=True)
    gone = connect_chunks(database, ids[0], ids[3], validated=True)

    new = [chunk(document, 0), chunk(document, 1), chunk(document, 2, "Another text.")]
    assert sink.replace(document.id, SPACE, "2", new) == 3
    assert [(index, text) for _, index, text in stored(database, document)] == [
        (0, "Chunk 0."),
        (1, "Chunk 1."),
        (2, "Another text."),
    ]
    left = {row["id"] for row in database.all("select id from connections")}
    assert left == {same, changed_but_judged, changed_but_rejected, changed_but_starred}
    assert changed not in left and gone not in left
    kept = database.all("select count(*) as n from chunks where created_at < '2001-01-01'")
    assert kept == [{"n": 3}]


def test_kept_chunks_may_change_places(
    database: Database, sink: PostgresChunkSink, document: Document
) -> None:
    sink.replace(document.id, SPACE, "1", [chunk(document, n) for n in range(5)])
    turned = [chunk(document, n, f"Was {4 - n}.", name=4 - n) for n in range(5)]
    sink.replace(document.id, SPACE, "2", turned)
    assert [text for _, _, text in stored(database, document)] == [
        f"Was {n}." for n in (4, 3, 2, 1, 0)
    ]


def test_only_current_rows_are_replaced(
    database: Database, sink: PostgresChunkSink, document: Document
) -> None:
    database.execute(
        "insert into chunks (document_id, content, chunk_index, is_current) values "
        "(%(d)s, 'old', 0, false), (%(d)s, 'foreign', 0, true)",
        {"d": document.id},
    )
    sink.replace(document.id, SPACE, "1", [chunk(document, 0)])
    texts = {row["content"] for row in database.all("select content from chunks")}
    assert texts == {"old", "Chunk 0."}


def test_no_chunks_are_a_set_as_well(
    database: Database, sink: PostgresChunkSink, document: Document
) -> None:
    sink.replace(document.id, SPACE, "1", [chunk(document, 0)])
    assert sink.replace(document.id, SPACE, "empty", []) == 0
    assert sink.digest(document.id, SPACE) == "empty"
    assert database.all("select embeddings_available as there from documents") == [{"there": False}]


def test_the_digest_is_told_only_of_a_whole_set(
    database: Database, sink: PostgresChunkSink, document: Document
) -> None:
    assert sink.digest(document.id, SPACE) is None
    sink.replace(document.id, SPACE, "d", [chunk(document, n) for n in range(3)])
    assert sink.digest(document.id, SPACE) == "d"
    assert sink.digest(document.id, EmbeddingSpace("wordllama", 128)) is None
    assert sink.digest(document.id, EmbeddingSpace("other", 256)) is None
    assert PostgresChunkSink(database, uuid4()).digest(document.id, SPACE) is None
    database.execute("delete from chunks where chunk_index = 1")
    assert sink.digest(document.id, SPACE) is None


def broken(document: Document) -> Mapping[str, tuple[Sequence[EmbeddedChunk], str]]:
    def of(**record: Any) -> EmbeddedChunk:
        made = {"content": "x", "chunk_index": 1, **record}
        return EmbeddedChunk(uuid4(), made, vector(1))

    return {
        "NUL": ([chunk(document, 0), of(content="a\0b")], "Chunk 1 .* its content holds a NUL"),
        "surrogate": ([of(content="\ud83d")], "its content holds a NUL or half a surrogate"),
        "NUL in JSON": ([of(themes=[{"a\0": 1}])], "its themes holds a NUL"),
        "NUL in a list": ([of(heading_path=["\0"])], "its heading_path holds a NUL"),
        "no content": ([of(content=None)], "its content is missing"),
        "wrong type": ([of(start_offset="7")], "its start_offset is not of the type int4"),
        "no time": (
            [of(metadata_extracted_at="yesterday")],
            "its metadata_extracted_at is no ISO 8601 time",
        ),
        "no list": ([of(heading_path=["a", 1])], r"its heading_path is not of the type text\[\]"),
        "too large": ([of(end_offset=2**31)], "its end_offset is not of the type int4"),
        "wrong shape": (
            [EmbeddedChunk(uuid4(), {"content": "x", "chunk_index": 1}, vector(1, 255))],
            r"vector of shape \(255,\)",
        ),
    }


@pytest.mark.parametrize(
    "fault",
    ["NUL", "surrogate", "NUL in JSON", "NUL in a list", "no content", "wrong type", "no time",
     "no list", "too large", "wrong shape"],
)  # fmt: skip
def test_what_cannot_be_stored_is_refused_whole(
    database: Database, sink: PostgresChunkSink, document: Document, fault: str
) -> None:
    sink.replace(document.id, SPACE, "before", [chunk(document, 0, "Before.")])
    chunks, message = broken(document)[fault]
    with pytest.raises(InvalidInputError, match=message):
        sink.replace(document.id, SPACE, "after", chunks)
    assert [text for _, _, text in stored(database, document)] == ["Before."]
    assert sink.digest(document.id, SPACE) == "before"


def test_a_fault_in_the_stream_changes_nothing(
    database: Database, sink: PostgresChunkSink, document: Document
) -> None:
    def chunks() -> Iterator[EmbeddedChunk]:
        yield chunk(document, 0)
        raise PermanentError("The model broke.")

    with pytest.raises(PermanentError, match="The model broke"):
        sink.replace(document.id, SPACE, "d", chunks())
    assert stored(database, document) == []


def test_vectors_wider_than_the_column_are_refused(
    sink: PostgresChunkSink, document: Document
) -> None:
    with pytest.raises(InvalidInputError, match=r"1024 dimensions.*holds only 768"):
        sink.replace(document.id, EmbeddingSpace("big", 1024), "d", [])


@pytest.mark.parametrize(("column", "padded"), [("vector(300)", 300), ("vector", 256)])
def test_the_columns_width_is_the_databases(
    empty_database_url: str, column: str, padded: int
) -> None:
    with Database(empty_database_url) as database:
        database.execute("create extension vector")
        database.execute(
            "create table documents (id uuid primary key default gen_random_uuid(), user_id uuid)"
        )
        database.execute(
            "create table chunks (id uuid primary key default gen_random_uuid(), "
            "document_id uuid not null, content text not null, chunk_index bigint not null, "
            f"importance_score numeric, embedding {column})"
        )
        migrate(empty_database_url)
        user = uuid4()
        document = DocumentRepository(database).insert(NewDocument(user, SourceType.TXT))
        embedded = EmbeddedChunk(uuid4(), FULL_RECORD, vector(3))
        PostgresChunkSink(database, user).replace(document.id, SPACE, "d", [embedded])
        assert database.all("select vector_dims(embedding) as n from chunks") == [{"n": padded}]
        (block,) = PostgresCorpus(database).vectors(user, "wordllama", [document.id], 10)
        np.testing.assert_array_equal(block.vectors, [vector(3)])


def test_another_users_document_is_not_touched(
    database: Database, sink: PostgresChunkSink, document: Document
) -> None:
    sink.replace(document.id, SPACE, "d", [chunk(document, 0)])
    stranger = PostgresChunkSink(database, uuid4())
    with pytest.raises(InvalidInputError, match="There is no document"):
        stranger.replace(document.id, SPACE, "theirs", [chunk(document, 0, "Overwritten.")])
    assert [text for _, _, text in stored(database, document)] == ["Chunk 0."]
    assert sink.digest(document.id, SPACE) == "d"


def test_a_chunk_of_another_document_is_not_taken_over(
    database: Database, sink: PostgresChunkSink, documents: DocumentRepository, document: Document
) -> None:
    other = documents.insert(NewDocument(document.user_id, SourceType.TXT))
    sink.replace(other.id, SPACE, "d", [chunk(other, 0)])
    with pytest.raises(PermanentError, match="belongs to a chunk of another document"):
        sink.replace(document.id, SPACE, "d", [chunk(document, 1), chunk(other, 0, "Stolen.")])
    assert [text for _, _, text in stored(database, other)] == ["Chunk 0."]
    assert stored(database, document) == []


def test_an_attempt_that_lost_its_job_stores_no_chunks(
    database: Database, guarded: GuardedJob, document: Document
) -> None:
    sink = PostgresChunkSink(database, document.user_id, guarded.fence)
    assert sink.replace(document.id, SPACE, "d", [chunk(document, 0)]) == 1
    database.execute("update background_jobs set status = 'cancelled'")
    with pytest.raises(OwnershipLostError):
        sink.replace(document.id, SPACE, "late", [chunk(document, 0, "Late.")])
    assert [text for _, _, text in stored(database, document)] == ["Chunk 0."]


def test_chunks_and_the_jobs_own_progress_never_wait_for_each_other(
    database: Database, guarded: GuardedJob, document: Document
) -> None:
    sink = PostgresChunkSink(database, document.user_id, guarded.fence)
    with ThreadPoolExecutor(1) as other:
        with database.transaction() as connection:
            # As progress does it: the job's row first, then its document's.
            connection.execute("update background_jobs set progress = '{}'")
            replaced = other.submit(sink.replace, document.id, SPACE, "d", [chunk(document, 0)])
            while not database.all("select from pg_locks where not granted"):
                assert not replaced.done(), replaced.result()
                time.sleep(0.01)
            connection.execute("update documents set processing_stage = 'embeddings'")
        assert replaced.result(timeout=60) == 1
