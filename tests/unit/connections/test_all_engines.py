"""The stage with all engines at once: one list, no pair twice, resumable, deterministic."""

from itertools import permutations
from pathlib import Path
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from rhizome_pipelines.connections import (
    ConnectionsConfig,
    ConnectionsStage,
    ConnectionType,
    EnginesConfig,
    build_engines,
)
from rhizome_pipelines.connections.ports import ChunkTraits
from rhizome_pipelines.stages.stage import StageOutput
from tests.unit.connections.corpus_in_memory import USER, MemoryCorpus, MemoryEdges, StoredDocument
from tests.unit.connections.judged_chunks import silent

CONFIG = ConnectionsConfig(per_chunk=6, source_block=4, corpus_block=5)
DOMAINS = ("biology", "technology", "history")


def document(number: int) -> StoredDocument:
    """Chunks of which some say the same as, some the opposite of, those of other documents."""
    random = np.random.default_rng(7)
    vectors = random.normal(size=(9, 6)).astype(np.float32)
    vectors += np.random.default_rng(number).normal(scale=0.3, size=(9, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    texts = tuple(
        f"Measurements of the colony {i} show that feedback "
        + ("increases" if (number + i) % 2 else "reduces")
        + " the shortest path."
        for i in range(9)
    )
    traits = tuple(
        ChunkTraits(
            (f"colony {'abcdefghi'[i] * 3}", "feedback"),
            0.4 if (number + i) % 2 else -0.4,
            0.5 + i / 20,
            DOMAINS[number % 3],
            key=True,
        )
        for i in range(9)
    )
    return StoredDocument(UUID(int=number), f"Document {number}", texts, vectors, traits)


def stage(which: StoredDocument, corpus: MemoryCorpus, sink: MemoryEdges) -> ConnectionsStage:
    engines = build_engines(EnginesConfig(alike=0.6))
    return ConnectionsStage(which.id, USER, "model", which.digest, corpus, sink, engines, CONFIG)


def run(built: ConnectionsStage, scratch: Path) -> StageOutput:
    scratch.mkdir(parents=True, exist_ok=True)
    return built.finish([(unit, built.work(unit, silent)) for unit in built.units()], scratch)


@pytest.fixture
def corpus() -> MemoryCorpus:
    corpus = MemoryCorpus()
    for number in (1, 2, 3):
        corpus.add(document(number))
    return corpus


def test_each_engine_finds_something_and_no_pair_stands_twice(
    corpus: MemoryCorpus, tmp_path: Path
) -> None:
    one = corpus.stored[UUID(int=1)]
    output = run(stage(one, corpus, MemoryEdges(corpus)), tmp_path)
    frame = pd.read_parquet(output.files["connections.parquet"])
    assert set(frame["type"]) == {kind.value for kind in ConnectionType}
    assert not frame.duplicated(["source", "target", "type"]).any()
    assert not (frame["source"] == frame["target"]).any()
    assert frame["strength"].between(0, 1).all()
    rows = {row["engine"]: row for row in output.facts["by_engine"]}
    assert {name: row["connections"] for name, row in rows.items()} == output.facts["by_type"]
    assert sum(output.facts["by_type"].values()) == len(frame)


def test_the_list_of_a_chunk_falls_by_score_and_says_why(
    corpus: MemoryCorpus, tmp_path: Path
) -> None:
    sink = MemoryEdges(corpus)
    output = run(stage(corpus.stored[UUID(int=1)], corpus, sink), tmp_path)
    frame = pd.read_parquet(output.files["connections.parquet"])
    for _, group in frame.groupby("source"):
        assert group["score"].is_monotonic_decreasing
    weights = {"semantic_similarity": 0.25, "contradiction_detection": 0.4, "thematic_bridge": 0.35}
    for (_, _, kind), edge in sink.stored.items():
        found_by = edge.metadata["found_by"]
        assert found_by[kind.value] == edge.strength
        score = sum(weights[name] * strength for name, strength in found_by.items())
        assert edge.metadata["score"] == pytest.approx(score, abs=1e-6)
        assert edge.metadata["explanation"]
        low = kind is not ConnectionType.SEMANTIC_SIMILARITY
        assert (edge.metadata.get("confidence") == "low") == low


def test_the_edges_are_the_same_in_whatever_order_documents_come(tmp_path: Path) -> None:
    results = []
    for order in permutations([1, 2, 3]):
        corpus = MemoryCorpus()
        sink = MemoryEdges(corpus)
        for number in order:
            run(stage(corpus.add(document(number)), corpus, sink), tmp_path)
        results.append({key: edge.strength for key, edge in sink.stored.items()})
    assert len(results[0]) > 60
    assert all(result == results[0] for result in results)


def test_a_run_that_goes_on_gives_the_same_bytes(corpus: MemoryCorpus, tmp_path: Path) -> None:
    one = corpus.stored[UUID(int=1)]
    whole = run(stage(one, corpus, MemoryEdges(corpus)), tmp_path / "whole")
    first = stage(one, corpus, MemoryEdges(corpus))
    kept = [(unit, first.work(unit, silent)) for unit in first.units()[:2]]
    corpus.add(document(4))
    second = stage(one, corpus, MemoryEdges(corpus))
    assert second.dependencies() == first.dependencies()
    for unit, part in kept:
        second.recall(unit, part)
    rest = [(unit, second.work(unit, silent)) for unit in second.units()[2:]]
    (scratch := tmp_path / "resumed").mkdir()
    resumed = second.finish([*kept, *rest], scratch)
    name = "connections.parquet"
    assert resumed.files[name].read_bytes() == whole.files[name].read_bytes()
    assert resumed.facts == whole.facts


def test_blocks_do_not_matter(corpus: MemoryCorpus, tmp_path: Path) -> None:
    one = corpus.stored[UUID(int=1)]
    results = []
    for source_block, corpus_block in ((4, 5), (9, 100), (1, 1)):
        config = ConnectionsConfig(6, source_block, corpus_block)
        engines = build_engines(EnginesConfig(alike=0.6))
        built = ConnectionsStage(
            one.id, USER, "model", one.digest, corpus, MemoryEdges(corpus), engines, config
        )
        output = run(built, tmp_path / f"{source_block}")
        results.append(output.files["connections.parquet"].read_bytes())
    assert results[0] == results[1] == results[2]


def test_weights_and_thresholds_and_engines_are_part_of_the_fingerprint(
    corpus: MemoryCorpus,
) -> None:
    depends = stage(corpus.stored[UUID(int=1)], corpus, MemoryEdges(corpus)).dependencies()
    for kind in ConnectionType:
        assert f"engine:{kind}" in depends
        assert f"{kind}.weight" in depends
        assert f"{kind}.limit" in depends
    assert depends["semantic_similarity.threshold"] == "0.7"
    assert depends["contradiction_detection.overlap"] == "0.5"
    assert depends["thematic_bridge.threshold"] == "0.6"
