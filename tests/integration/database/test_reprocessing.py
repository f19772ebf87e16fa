"""The modes of reprocessing over a real Postgres: what stays, what goes, what comes back."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID, uuid5

import pytest

from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.connections import (
    ConnectionsConfig,
    ConnectionsStage,
    ConnectionType,
    EnginesConfig,
    Weights,
    build_engines,
)
from rhizome_pipelines.connections.detection import DetectionStage
from rhizome_pipelines.connections.ports import Corpus, EdgeSink
from rhizome_pipelines.connections.reprocessing import (
    ReprocessMode,
    ReprocessWish,
    reprocess_output,
)
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.connection_archive import PostgresConnectionArchive
from rhizome_pipelines.database.connections import PostgresEdgeSink
from rhizome_pipelines.database.vectors import PostgresCorpus
from rhizome_pipelines.lifecycle.errors import PermanentError, TransientError
from rhizome_pipelines.stages.stage import StageOutput, Unit
from tests.integration.database.test_engines_and_users import SPACE, add_document
from tests.memory_store import MemoryStore

BEGAN = datetime(2025, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
SEMANTIC, CONTRADICTION, BRIDGE = ConnectionType
ALL_ENGINES = EnginesConfig()
Key = tuple[UUID, UUID, str]


class Library:
    """One user's documents, all chunks of which are connected by every engine."""

    def __init__(self, database: Database, user: UUID, folder: Path) -> None:
        self.database = database
        self.user = user
        self.folder = folder
        self.objects = MemoryStore()
        self.runs = 0
        self.one = self.add("biology", 0.8)
        self.two = self.add("technology", -0.8)

    def add(self, domain: str, polarity: float) -> UUID:
        return add_document(self.database, self.user, domain, polarity, chunks=2)

    def stage(
        self,
        wish: ReprocessWish,
        engines: EnginesConfig = ALL_ENGINES,
        document: UUID | None = None,
    ) -> DetectionStage:
        which = document or self.one

        def build(corpus: Corpus, sink: EdgeSink) -> ConnectionsStage:
            return ConnectionsStage(
                which, self.user, SPACE.model, f"digest {which}", corpus, sink,
                build_engines(engines), ConnectionsConfig(weights=engines.weights),
            )  # fmt: skip

        return DetectionStage(
            build,
            PostgresCorpus(self.database),
            PostgresEdgeSink(self.database),
            PostgresConnectionArchive(self.database),
            DocumentKeys(self.user, which),
            self.objects,
            wish,
            BEGAN,
        )

    def scratch(self) -> Path:
        self.runs += 1
        (folder := self.folder / str(self.runs)).mkdir()
        return folder

    def run(
        self, mode: str, engines: EnginesConfig = ALL_ENGINES, **options: bool
    ) -> dict[str, Any]:
        wish = ReprocessWish(mode=ReprocessMode(mode), **options)
        stage = self.stage(wish, engines)
        output = stage.finish(work(stage), self.scratch())
        assert stage.missing_effects(output.facts) == []
        return reprocess_output(output.facts, 7)

    def rows(self) -> dict[Key, dict[str, Any]]:
        rows = self.database.all("select * from connections")
        return {
            (row["source_chunk_id"], row["target_chunk_id"], row["connection_type"]): row
            for row in rows
        }

    def judge(self, edge: Key, assignment: str) -> None:
        changed = self.database.execute(
            f"update connections set {assignment} "
            "where source_chunk_id = %s and target_chunk_id = %s and connection_type = %s",
            edge,
        )
        assert changed == 1

    def edge(self, kind: ConnectionType = SEMANTIC, source: int = 0, target: int = 0) -> Key:
        return uuid5(self.one, str(source)), uuid5(self.two, str(target)), kind.value

    def backup(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.objects.read(path))
        return found


def work(stage: DetectionStage) -> list[tuple[Unit, bytes]]:
    return [(unit, stage.work(unit, lambda fraction, details: None)) for unit in stage.units()]


def turned(edge: Key) -> Key:
    return edge[1], edge[0], edge[2]


@pytest.fixture
def library(database: Database, user: UUID, tmp_path: Path) -> Library:
    library = Library(database, user, tmp_path)
    library.run("add_new")
    assert len(library.rows()) == 3 * 2 * 4
    return library


EVERY = ["contradiction_detection", "semantic_similarity", "thematic_bridge"]


def test_smart_keeps_what_a_person_has_judged_and_makes_the_rest_anew(library: Library) -> None:
    library.judge(library.edge(SEMANTIC), "user_validated = true, strength = 0.123")
    library.judge(library.edge(BRIDGE), "user_starred = true, strength = 0.234")
    library.database.execute(
        "update connections set strength = 0.345 where user_validated is null "
        "and user_starred is not true"
    )
    before = library.rows()
    output = library.run("smart")
    after = library.rows()
    assert set(after) == set(before)
    for edge in (library.edge(SEMANTIC), library.edge(BRIDGE)):
        assert after[edge] == before[edge]
    assert not any(row["strength"] == 0.345 for row in after.values())
    assert output["connectionsBefore"] == output["connectionsAfter"] == 24
    assert output["validatedPreserved"] == 2
    assert output["engines"] == EVERY


def test_defect_8_a_rejected_pair_never_comes_back(library: Library) -> None:
    edge = library.edge()
    library.judge(edge, "user_validated = false")
    rejected = library.rows()[edge]
    for preserve in (True, False):
        library.run("smart", preserveValidated=preserve)
        after = library.rows()
        assert after[edge] == rejected, "the rejection itself stays, so that all can see it"
        assert turned(edge) not in after, "nor the other way round"
        assert library.edge(BRIDGE) in after, "another engine says something else of the pair"
    library.run("add_new")
    stage = library.stage(ReprocessWish(), document=library.two)
    stage.finish(work(stage), library.scratch())
    assert turned(edge) not in library.rows(), "nor from the other document"


def test_all_makes_everything_anew_after_a_backup(library: Library) -> None:
    library.judge(library.edge(SEMANTIC), "user_validated = true, validated_at = now()")
    library.judge(library.edge(BRIDGE), "user_validated = false")
    library.judge(library.edge(CONTRADICTION), "user_starred = true")
    library.judge(library.edge(SEMANTIC, 1, 1), "auto_detected = false, strength = 0.111")
    before = library.rows()
    output = library.run("all", backupFirst=False)
    after = library.rows()
    assert set(after) == set(before)
    for kind in ConnectionType:
        row = after[library.edge(kind)]
        assert (row["user_validated"], row["user_starred"]) == (None, False)
    assert after[library.edge(SEMANTIC, 1, 1)] == before[library.edge(SEMANTIC, 1, 1)]
    assert (output["connectionsDeleted"], output["connectionsCreated"]) == (3, 3)
    assert output["validatedPreserved"] == 0
    assert output["backupPath"] == (
        f"{library.user}/{library.one}/validated-connections-20250304T050607000089Z.json"
    )
    backup = library.backup(output["backupPath"])
    assert backup["count"] == len(backup["connections"]) == 4
    kept = {row["connection_type"]: row for row in backup["connections"] if row["auto_detected"]}
    assert kept["semantic_similarity"]["user_validated"] is True
    assert kept["semantic_similarity"]["validated_at"]
    assert kept["thematic_bridge"]["user_validated"] is False
    assert kept["contradiction_detection"]["user_starred"] is True
    assert kept["thematic_bridge"]["source_document_id"] == str(library.one)
    assert kept["thematic_bridge"]["target_chunk_index"] == 0


def test_add_new_only_looks_at_documents_that_came_later(library: Library) -> None:
    library.database.execute("update connections set strength = 0.345")
    gone = library.edge()
    library.database.execute(
        "delete from connections where source_chunk_id = %s and target_chunk_id = %s "
        "and connection_type = %s",
        gone,
    )
    before = library.rows()
    nothing = library.run("add_new")
    assert (nothing["connectionsCreated"], nothing["backupCreated"]) == (0, False)
    assert library.rows() == before
    three = library.add("history", -0.5)
    output = library.run("add_new")
    after = library.rows()
    assert {edge: after[edge] for edge in before} == before
    assert output["connectionsCreated"] == len(after) - len(before) == 24
    own = {uuid5(three, "0"), uuid5(three, "1")}
    assert all(own & {*edge[:2]} for edge in after.keys() - before.keys())


def test_engines_that_are_not_named_keep_their_connections(library: Library) -> None:
    library.database.execute("update connections set strength = 0.345")
    output = library.run("all", EnginesConfig(weights=Weights({BRIDGE: 1.0})))
    strengths: dict[str, set[float]] = {kind: set() for kind in EVERY}
    for (_, _, kind), row in library.rows().items():
        strengths[kind].add(row["strength"])
    assert strengths["semantic_similarity"] == strengths["contradiction_detection"] == {0.345}
    assert 0.345 not in strengths["thematic_bridge"]
    assert output["engines"] == ["thematic_bridge"]
    assert output["byEngine"]["thematic_bridge"]["before"] == 8


def test_readers_see_the_old_connections_or_the_new_ones(library: Library) -> None:
    library.judge(library.edge(), "user_validated = true")
    stage = library.stage(ReprocessWish(mode=ReprocessMode.ALL))
    parts = work(stage)
    with library.database.transaction() as connection:
        connection.execute(_SLOW_DELETION)
    seen: list[int] = []
    with ThreadPoolExecutor(1) as pool:
        end = pool.submit(stage.finish, parts, library.scratch())
        while not end.done():
            seen.append(len(library.rows()))
        end.result()
    assert len(seen) > 1, "the deletion takes its time, so somebody looked in between"
    assert {*seen, len(library.rows())} == {24}


_SLOW_DELETION: LiteralString = """
create function slow_down() returns trigger language plpgsql as
    'begin perform pg_sleep(0.2); return null; end';
create trigger slow_deletion after delete on connections for each statement
    execute function slow_down();
"""


def test_nothing_is_deleted_if_the_backup_is_not_as_it_was_written(library: Library) -> None:
    library.judge(library.edge(), "user_validated = true")
    for damage in (
        lambda path: library.objects.write(path, b'{"connections": [1]}'),
        lambda path: library.objects.delete([path]),
    ):
        stage = library.stage(ReprocessWish(mode=ReprocessMode.ALL))
        parts = work(stage)
        before = library.rows()
        (path,) = (info.key for info in library.objects.list(f"{library.user}/"))
        damage(path)
        with pytest.raises(PermanentError, match="no connection was touched"):
            stage.finish(parts, library.scratch())
        assert library.rows() == before


class ForgetfulStore(MemoryStore):
    """Takes everything and keeps half."""

    def write(self, key: str, data: bytes) -> None:
        super().write(key, data[: len(data) // 2])


def test_a_backup_that_cannot_be_read_back_ends_the_attempt(library: Library) -> None:
    library.objects = ForgetfulStore()
    stage = library.stage(ReprocessWish())
    before = library.rows()
    with pytest.raises(TransientError, match="no connection was touched"):
        work(stage)
    assert library.rows() == before


def test_a_judgement_made_meanwhile_is_kept(library: Library) -> None:
    starred, untouched = library.edge(BRIDGE), library.edge(CONTRADICTION)
    library.judge(starred, "user_starred = true")
    stage = library.stage(ReprocessWish(mode=ReprocessMode.ALL))
    parts = work(stage)
    library.judge(starred, "user_validated = false")
    library.judge(untouched, "user_validated = true")
    before = library.rows()
    stage.finish(parts, library.scratch())
    after = library.rows()
    for edge in (starred, untouched):
        assert after[edge] == before[edge]


def test_an_end_that_comes_twice_tells_the_same(library: Library) -> None:
    library.judge(library.edge(), "user_validated = true")
    first = library.stage(ReprocessWish(mode=ReprocessMode.ALL))
    parts = work(first)
    once = first.finish(parts, library.scratch())
    second = library.stage(ReprocessWish(mode=ReprocessMode.ALL))
    assert second.dependencies() == first.dependencies()
    for unit, part in parts:
        second.recall(unit, part)
    again = second.finish(parts, library.scratch())
    assert again.facts == once.facts
    assert content(again) == content(once)


def content(output: StageOutput) -> bytes:
    (path,) = output.files.values()
    return path.read_bytes()


def test_a_look_at_the_units_writes_nothing(library: Library) -> None:
    library.stage(ReprocessWish(mode=ReprocessMode.ALL)).units()
    assert list(library.objects.list(f"{library.user}/")) == []
