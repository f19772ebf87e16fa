"""The connections stage: pinned corpus, resumption, and the same edges in whatever order."""

from itertools import permutations
from pathlib import Path
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from rhizome_pipelines.connections import (
    ConnectionsConfig,
    ConnectionsStage,
    SemanticSimilarityEngine,
)
from rhizome_pipelines.connections.ports import CorpusDocument
from rhizome_pipelines.lifecycle.errors import TransientError
from rhizome_pipelines.stages.stage import StageOutput, Unit
from tests.unit.connections.corpus_in_memory import USER, MemoryCorpus, MemoryEdges, StoredDocument

CONFIG = ConnectionsConfig(per_chunk=3, source_block=8, corpus_block=7)
Parts = list[tuple[Unit, bytes]]


def document(number: int, chunks: int = 20, seed: int | None = None) -> StoredDocument:
    random = np.random.default_rng(number if seed is None else seed)
    vectors = random.normal(size=(chunks, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    texts = tuple(f"Passage {i} of document {number} on tides and moons" for i in range(chunks))
    return StoredDocument(UUID(int=number), f"Document {number}", texts, vectors)


def stage(
    which: StoredDocument, corpus: MemoryCorpus, sink: MemoryEdges, digest: str | None = None
) -> ConnectionsStage:
    engines = [SemanticSimilarityEngine(0.6)]
    return ConnectionsStage(
        which.id, USER, "model", digest or which.digest, corpus, sink, engines, CONFIG
    )


def heard(fraction: float, details: str) -> None:
    assert 0 <= fraction <= 1


def work(built: ConnectionsStage) -> Parts:
    return [(unit, built.work(unit, heard)) for unit in built.units()]


def finish(built: ConnectionsStage, parts: Parts, scratch: Path) -> StageOutput:
    scratch.mkdir(parents=True, exist_ok=True)
    return built.finish(iter(parts), scratch)


@pytest.fixture
def corpus() -> MemoryCorpus:
    return MemoryCorpus()


@pytest.fixture
def sink(corpus: MemoryCorpus) -> MemoryEdges:
    return MemoryEdges(corpus)


def test_the_edges_are_the_same_in_whatever_order_documents_come(tmp_path: Path) -> None:
    results = []
    for order in permutations([1, 2, 3]):
        corpus = MemoryCorpus()
        sink = MemoryEdges(corpus)
        for number in order:
            built = stage(corpus.add(document(number)), corpus, sink)
            finish(built, work(built), tmp_path)
        results.append(sink.stored)
    assert len(results[0]) > 60
    assert all(result == results[0] for result in results)


def test_units_are_the_corpus_and_absolute_blocks(corpus: MemoryCorpus, sink: MemoryEdges) -> None:
    units = stage(corpus.add(document(1)), corpus, sink).units()
    assert [u.key for u in units] == [
        "corpus",
        "chunks-000000-000007",
        "chunks-000008-000015",
        "chunks-000016-000019",
    ]
    assert units[-1].counters == {"chunks_compared": 20, "chunks_total": 20}


def test_a_document_alone_has_no_connections(
    corpus: MemoryCorpus, sink: MemoryEdges, tmp_path: Path
) -> None:
    built = stage(corpus.add(document(1)), corpus, sink)
    output = finish(built, work(built), tmp_path)
    assert output.facts["connections"] == 0
    assert output.facts["corpus_documents"] == 0
    assert output.facts["best"] == []
    assert pd.read_parquet(output.files["connections.parquet"]).empty
    assert built.missing_effects(output.facts) == []


def test_file_rows_and_facts_agree(corpus: MemoryCorpus, sink: MemoryEdges, tmp_path: Path) -> None:
    corpus.add(document(1))
    two = corpus.add(document(2))
    built = stage(two, corpus, sink)
    output = finish(built, work(built), tmp_path)
    frame = pd.read_parquet(output.files["connections.parquet"])
    assert list(frame.columns) == [
        "source",
        "target",
        "type",
        "strength",
        "explanation",
        "target_document_title",
        "target_snippet",
        "score",
        "details",
    ]
    rows = zip(frame["source"], frame["target"], frame["strength"], strict=True)
    assert set(rows) == {(str(e.source), str(e.target), e.strength) for e in sink.stored.values()}
    facts = output.facts
    assert facts["connections"] == len(frame) == facts["incoming"] + facts["outgoing"]
    assert facts["by_type"] == {"semantic_similarity": len(frame)}
    assert facts["by_document"] == [
        {"document_id": str(UUID(int=1)), "title": "Document 1", "count": len(frame)}
    ]
    assert sum(count for _, count in facts["strengths"]) == len(frame)
    outgoing = frame[frame["source"].isin([str(chunk) for chunk in two.ids])]
    best = sorted(outgoing["strength"], reverse=True)[:10]
    assert [example["strength"] for example in facts["best"]] == best
    assert facts["settings"] == {"semantic_similarity": {"threshold": "0.6"}}


def test_a_document_that_comes_later_changes_nothing_on_resume(
    corpus: MemoryCorpus, sink: MemoryEdges, tmp_path: Path
) -> None:
    corpus.add(document(1))
    two = corpus.add(document(2))
    first = stage(two, corpus, sink)
    whole = finish(first, work(first), tmp_path / "whole")
    kept = work(first)[:2]
    corpus.add(document(3))
    second = stage(two, corpus, sink)
    assert second.dependencies() == first.dependencies()
    for unit, part in kept:
        second.recall(unit, part)
    streams = corpus.streams
    parts = [*kept, *((unit, second.work(unit, heard)) for unit in second.units()[2:])]
    resumed = finish(second, parts, tmp_path / "resumed")
    assert corpus.streams == streams + 4, "each of the two blocks was compared once"
    name = "connections.parquet"
    assert resumed.files[name].read_bytes() == whole.files[name].read_bytes()
    assert resumed.facts == whole.facts


def test_a_stage_that_was_not_told_of_the_pin_puts_it_right(
    corpus: MemoryCorpus, sink: MemoryEdges, tmp_path: Path
) -> None:
    corpus.add(document(1))
    two = corpus.add(document(2))
    first = stage(two, corpus, sink)
    whole = finish(first, work(first), tmp_path / "whole")
    kept = work(first)[:2]
    corpus.add(document(3))
    second = stage(two, corpus, sink)
    parts = [*kept, *((unit, second.work(unit, heard)) for unit in second.units()[2:])]
    resumed = finish(second, parts, tmp_path / "resumed")
    assert resumed.facts == whole.facts


@pytest.mark.parametrize("gone", [True, False], ids=["deleted", "embedded anew"])
def test_a_pinned_document_that_changes_is_left_out_altogether(
    corpus: MemoryCorpus, sink: MemoryEdges, tmp_path: Path, gone: bool
) -> None:
    corpus.add(document(1))
    three = corpus.add(document(3))
    without = stage(three, corpus, sink)
    expected = finish(without, work(without), tmp_path / "expected")
    corpus.add(document(2))
    built = stage(three, corpus, sink)
    parts = work(built)
    if gone:
        del corpus.stored[UUID(int=2)]
    else:
        corpus.add(document(2, seed=99))
    output = finish(built, parts, tmp_path / "after")
    assert output.facts["left_out"] == [str(UUID(int=2))]
    assert output.facts["corpus_digest"] == expected.facts["corpus_digest"]
    name = "connections.parquet"
    assert output.files[name].read_bytes() == expected.files[name].read_bytes()


def test_its_own_new_vectors_end_the_stage(
    corpus: MemoryCorpus, sink: MemoryEdges, tmp_path: Path
) -> None:
    one = corpus.add(document(1))
    built = stage(one, corpus, sink)
    parts = work(built)
    corpus.add(document(1, seed=5))
    with pytest.raises(TransientError, match="embeds it again"):
        finish(built, parts, tmp_path)
    with pytest.raises(TransientError, match="embeds it again"):
        stage(one, corpus, sink).units()


class RestlessCorpus(MemoryCorpus):
    """Another document of the user's is embedded anew at every look."""

    def documents(self, user_id: UUID, model: str) -> list[CorpusDocument]:
        self.streams += 1
        if self.streams > 3:
            self.add(document(2, seed=self.streams))
        return list(super().documents(user_id, model))


def test_a_corpus_that_never_rests_still_ends(tmp_path: Path) -> None:
    corpus = RestlessCorpus()
    one = corpus.add(document(1))
    corpus.add(document(2))
    built = stage(one, corpus, MemoryEdges(corpus))
    output = finish(built, work(built), tmp_path)
    assert output.facts["left_out"] == [str(UUID(int=2))]


def test_no_stored_connection_at_all_is_noticed(
    corpus: MemoryCorpus, sink: MemoryEdges, tmp_path: Path
) -> None:
    corpus.add(document(1))
    built = stage(corpus.add(document(2)), corpus, sink)
    facts = finish(built, work(built), tmp_path).facts
    assert built.missing_effects(facts) == []
    sink.stored.clear()
    assert built.missing_effects(facts) == [
        f"none of the {facts['connections']} connections is in the database"
    ]


def test_what_the_result_depends_on(corpus: MemoryCorpus, sink: MemoryEdges) -> None:
    one = corpus.add(document(1))
    assert stage(one, corpus, sink).dependencies() == {
        "document_id": str(one.id),
        "user_id": str(USER),
        "input:embeddings": one.digest,
        "model:embedding": "model",
        "engine:semantic_similarity": "1",
        "semantic_similarity.limit": "3",
        "semantic_similarity.weight": "0.25",
        "semantic_similarity.threshold": "0.6",
    }


def test_two_engines_of_one_type_are_a_mistake(corpus: MemoryCorpus, sink: MemoryEdges) -> None:
    engines = [SemanticSimilarityEngine(0.6), SemanticSimilarityEngine(0.7)]
    with pytest.raises(ValueError, match="one type"):
        ConnectionsStage(UUID(int=1), USER, "model", "d", corpus, sink, engines, CONFIG)
