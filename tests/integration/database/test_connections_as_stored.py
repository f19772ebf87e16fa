"""One number of connections: of the stage, of its file, and of the rows that touch the document."""

import math
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid5

import numpy as np
import pandas as pd
import pytest
from psycopg.types.json import Jsonb

from rhizome_pipelines.connections import (
    ConnectionsConfig,
    ConnectionsStage,
    SemanticSimilarityEngine,
)
from rhizome_pipelines.connections.ports import ConnectionType, Edge
from rhizome_pipelines.database.chunks import PostgresChunkSink
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.connections import PostgresEdgeSink
from rhizome_pipelines.database.documents import DocumentRepository, NewDocument
from rhizome_pipelines.database.touching import TYPES, connection_counts
from rhizome_pipelines.database.vectors import PostgresCorpus
from rhizome_pipelines.embedding.ports import EmbeddedChunk, EmbeddingSpace
from rhizome_pipelines.lifecycle.documents import SourceType
from rhizome_pipelines.stages.stage import StageOutput, Unit

SPACE = EmbeddingSpace("m", 2)
FILE = "connections.parquet"


class Library:
    """Documents of few chunks, each a direction in degrees; a chunk keeps one connection."""

    def __init__(self, database: Database, user: UUID, folder: Path) -> None:
        self.database = database
        self.user = user
        self.folder = folder
        self.sink = PostgresEdgeSink(database)

    def add(self, *degrees: float) -> UUID:
        made = DocumentRepository(self.database).insert(NewDocument(self.user, SourceType.TXT)).id
        chunks = [
            EmbeddedChunk(
                uuid5(made, str(n)),
                {"content": f"Passage {n}.", "chunk_index": n},
                np.array([math.cos(math.radians(d)), math.sin(math.radians(d))], np.float32),
            )
            for n, d in enumerate(degrees)
        ]
        PostgresChunkSink(self.database, self.user).replace(made, SPACE, f"digest {made}", chunks)
        return made

    def stage(self, document: UUID, sink: PostgresEdgeSink | None = None) -> ConnectionsStage:
        return ConnectionsStage(
            document, self.user, SPACE.model, f"digest {document}",
            PostgresCorpus(self.database), sink or self.sink,
            [SemanticSimilarityEngine(0.5)], ConnectionsConfig(per_chunk=1),
        )  # fmt: skip

    def finish(self, stage: ConnectionsStage, parts: list[tuple[Unit, bytes]]) -> StageOutput:
        self.folder = self.folder / "next"
        self.folder.mkdir()
        return stage.finish(iter(parts), self.folder)

    def connect(self, document: UUID) -> StageOutput:
        stage = self.stage(document)
        return self.finish(stage, worked(stage))

    def rows(self, document: UUID) -> set[tuple[str, str]]:
        found = self.database.all(
            "select x.source_chunk_id as source, x.target_chunk_id as target from connections x "
            "join chunks s on s.id = x.source_chunk_id join chunks t on t.id = x.target_chunk_id "
            "where %s in (s.document_id, t.document_id)",
            (document,),
        )
        return {(str(row["source"]), str(row["target"])) for row in found}

    def assert_one_number(self, document: UUID, output: StageOutput) -> None:
        frame = pd.read_parquet(output.files[FILE])
        rows = self.rows(document)
        assert set(zip(frame["source"], frame["target"], strict=True)) == rows
        assert len(frame) == len(rows) == output.facts["connections"]
        assert connection_counts(self.database, self.user, [document]) == {document: len(rows)}
        assert output.facts["incoming"] + output.facts["outgoing"] == len(rows)
        assert sum(output.facts["by_type"].values()) == len(rows)


def worked(stage: ConnectionsStage) -> list[tuple[Unit, bytes]]:
    return [(unit, stage.work(unit, lambda fraction, details: None)) for unit in stage.units()]


@pytest.fixture
def library(database: Database, user: UUID, tmp_path: Path) -> Library:
    """Two documents that are as near to each other as can be."""
    library = Library(database, user, tmp_path)
    for document in (library.add(0), library.add(1)):
        library.connect(document)
    return library


def test_chunks_of_others_that_have_their_strongest_already_do_not_count(library: Library) -> None:
    document = library.add(30, 40)
    output = library.connect(document)
    assert output.facts["outgoing"] == 2
    assert output.facts["incoming"] == 0, "found, but weaker than what the others have"
    library.assert_one_number(document, output)


def test_what_a_person_drew_or_rejected_counts_with_the_rest(library: Library) -> None:
    other = library.add(80)
    document = library.add(30, 40)
    library.connect(document)
    library.database.execute("update connections set user_validated = false")
    for source, metadata in ((0, []), (1, {"explanation": None, "score": "much"})):
        library.database.execute(
            "insert into connections (source_chunk_id, target_chunk_id, connection_type, "
            "auto_detected, metadata) values (%s, %s, 'thematic_bridge', false, %s)",
            (uuid5(document, str(source)), uuid5(other, "0"), Jsonb(metadata)),
        )
    output = library.connect(document)
    assert output.facts["by_type"]["thematic_bridge"] == 2
    library.assert_one_number(document, output)


class DyingSink(PostgresEdgeSink):
    """The rows are written, and then the process is gone."""

    def edges(self, user_id: UUID, document_id: UUID) -> Iterator[Edge]:
        raise ConnectionAbortedError


def test_an_end_between_the_rows_and_the_file_changes_nothing(
    library: Library, database: Database
) -> None:
    document = library.add(30, 40)
    whole = library.connect(document)
    expected = library.rows(document)
    database.execute("delete from connections where source_chunk_id = %s", (uuid5(document, "0"),))

    first = library.stage(document, DyingSink(database))
    parts = worked(first)
    with pytest.raises(ConnectionAbortedError):
        library.finish(first, parts)
    again = library.finish(library.stage(document), parts)

    assert library.rows(document) == expected
    assert again.facts == whole.facts
    assert again.files[FILE].read_bytes() == whole.files[FILE].read_bytes()


class PausedError(Exception):
    """What a runner may raise out of a pulse."""


def test_a_stop_while_words_are_put_to_connections_leaves_the_rows_alone(library: Library) -> None:
    document = library.add(30, 40)
    stage = library.stage(document)

    def stop(fraction: float, details: str) -> None:
        if "described" in details:
            raise PausedError

    stage.tell(stop)
    with pytest.raises(PausedError):
        library.finish(stage, worked(stage))
    assert library.rows(document) == set()
    library.assert_one_number(document, library.connect(document))


def test_every_type_of_connection_counts() -> None:
    assert sorted(TYPES) == sorted(ConnectionType)
