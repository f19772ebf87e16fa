"""From chunks to stored connections, with the default model and a real Postgres."""

import hashlib
import json
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from rhizome_pipelines.connections import (
    ConnectionsConfig,
    ConnectionsStage,
    SemanticSimilarityEngine,
)
from rhizome_pipelines.database.chunks import PostgresChunkSink
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.connections import PostgresEdgeSink
from rhizome_pipelines.database.documents import DocumentRepository, NewDocument
from rhizome_pipelines.database.vectors import PostgresCorpus
from rhizome_pipelines.embedding import EmbeddingConfig, EmbeddingStage, open_model
from rhizome_pipelines.lifecycle.documents import SourceType
from rhizome_pipelines.stages.stage import Stage, StageOutput

MODEL = open_model(EmbeddingConfig())

PASSAGES = {
    "On memory": [
        "Each time a memory is recalled it becomes unstable and has to be stored again.",
        "During deep sleep the hippocampus replays what was experienced by day.",
        " ",
        "Recalled memories are unstable; a recalled memory has to be stored once more.",
    ],
    "On sleep": [
        "In deep sleep the hippocampus replays the experiences of the day.",
        "Cats sleep up to sixteen hours a day, mostly lightly.",
    ],
    "On learning": [
        "A memory that is recalled becomes unstable until it is stored again.",
        "Sleep after learning helps: the hippocampus replays the day in deep sleep.",
        "A memory that is recalled becomes unstable until it is stored again.",
    ],
}


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with Database(database_url) as opened:
        yield opened


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    yield from map(json.loads, path.read_text().splitlines())


def run(stage: Stage, scratch: Path) -> StageOutput:
    scratch.mkdir(parents=True)
    parts = [(unit, stage.work(unit, lambda fraction, details: None)) for unit in stage.units()]
    return stage.finish(parts, scratch)


class Library:
    """One user's documents, processed one after the other."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        self.user = uuid4()
        self.documents: dict[str, UUID] = {}

    def process(self, title: str) -> tuple[EmbeddingStage, StageOutput]:
        stage, embedded = self.embed_with_stage(title)
        connections = self.connections(title, embedded)
        found = run(connections, self.folder / uuid4().hex)
        assert connections.missing_effects(found.facts) == []
        return stage, embedded

    def embed(self, title: str) -> StageOutput:
        return self.embed_with_stage(title)[1]

    def embed_with_stage(self, title: str) -> tuple[EmbeddingStage, StageOutput]:
        document = self.documents.get(title) or self._insert(title)
        chunks = self.folder / f"{document}.jsonl"
        lines = [
            json.dumps({"chunk_index": i, "content": text, "start_offset": 0, "end_offset": 1})
            for i, text in enumerate(PASSAGES[title])
        ]
        chunks.write_text("\n".join(lines))
        embeddings = EmbeddingStage(
            document,
            chunks,
            hashlib.sha256(chunks.read_bytes()).hexdigest(),
            read_lines,
            MODEL,
            PostgresChunkSink(self.database, self.user),
            EmbeddingConfig(),
        )
        return embeddings, run(embeddings, self.folder / uuid4().hex)

    def connections(self, title: str, embedded: StageOutput) -> ConnectionsStage:
        """The stage, not yet run."""
        return ConnectionsStage(
            self.documents[title],
            self.user,
            embedded.facts["model"],
            embedded.facts["digest"],
            PostgresCorpus(self.database),
            PostgresEdgeSink(self.database),
            [SemanticSimilarityEngine(0.5)],
            ConnectionsConfig(per_chunk=2, source_block=3, corpus_block=2),
        )

    def _insert(self, title: str) -> UUID:
        made = DocumentRepository(self.database).insert(
            NewDocument(self.user, SourceType.PDF, title=title)
        )
        self.documents[title] = made.id
        return made.id

    def edges(self) -> list[tuple[str, int, str, int, float, str]]:
        """Titles, chunk indexes, strength and explanation of what is stored."""
        rows = self.database.all(
            """
            select ds.title as source, s.chunk_index as i, dt.title as target, t.chunk_index as j,
                   x.strength, x.metadata ->> 'explanation' as explanation
            from connections x
            join chunks s on s.id = x.source_chunk_id join documents ds on ds.id = s.document_id
            join chunks t on t.id = x.target_chunk_id join documents dt on dt.id = t.document_id
            where ds.user_id = %s
            order by ds.title, s.chunk_index, dt.title, t.chunk_index
            """,
            (self.user,),
        )
        return [tuple(row.values()) for row in rows]


def test_a_chunk_is_connected_with_what_says_the_same(database: Database, tmp_path: Path) -> None:
    library = Library(database, tmp_path)
    for title in PASSAGES:
        library.process(title)
    edges = library.edges()
    pairs = {(source, i, target, j) for source, i, target, j, *_ in edges}
    assert ("On memory", 1, "On sleep", 0) in pairs
    assert ("On sleep", 0, "On memory", 1) in pairs
    assert ("On memory", 0, "On learning", 0) in pairs
    assert not [pair for pair in pairs if ("On sleep", 1) in (pair[:2], pair[2:])]
    assert not [pair for pair in pairs if ("On memory", 2) in (pair[:2], pair[2:])]
    assert all(0.5 <= strength <= 1 for *_, strength, _ in edges)
    assert all("Similarity" in explanation for *_, explanation in edges)


def test_the_order_of_documents_does_not_matter(database: Database, tmp_path: Path) -> None:
    results = []
    for order in permutations(PASSAGES):
        library = Library(database, tmp_path)
        for title in PASSAGES:
            library._insert(title)
        for title in order:
            library.process(title)
        results.append([(edge[0], edge[1], edge[2], edge[4]) for edge in library.edges()])
    assert len(results[0]) > 4
    assert all(result == results[0] for result in results)


def test_processing_again_changes_nothing(database: Database, tmp_path: Path) -> None:
    library = Library(database, tmp_path)
    for title in PASSAGES:
        library.process(title)
    before = library.edges()
    embeddings, embedded = library.process("On memory")
    assert library.edges() == before
    assert embeddings.missing_effects(embedded.facts) == []


def test_another_users_documents_are_never_seen(database: Database, tmp_path: Path) -> None:
    one, two = Library(database, tmp_path), Library(database, tmp_path)
    one.process("On memory")
    two.process("On learning")
    assert one.edges() == two.edges() == []


def test_documents_processed_at_the_same_time_keep_their_connections(
    database: Database, tmp_path: Path
) -> None:
    expected = Library(database, tmp_path)
    for title in PASSAGES:
        expected.process(title)
    for first, second in permutations(PASSAGES, 2):
        library = Library(database, tmp_path)
        (third,) = PASSAGES.keys() - {first, second}
        library.process(third)
        early = library.connections(first, library.embed(first))
        pinned = [(unit, early.work(unit, lambda f, d: None)) for unit in early.units()]
        library.process(second)
        (scratch := tmp_path / uuid4().hex).mkdir()
        early.finish(pinned, scratch)
        shown = [(e[0], e[1], e[2], e[4]) for e in library.edges()]
        assert shown == [(e[0], e[1], e[2], e[4]) for e in expected.edges()]
