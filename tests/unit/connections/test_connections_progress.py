"""What the connections stage tells while it works: often, and never a smaller number."""

from uuid import UUID

import numpy as np

from rhizome_pipelines.connections import (
    ConnectionsConfig,
    ConnectionsStage,
    EnginesConfig,
    build_engines,
)
from rhizome_pipelines.connections.judging import SLICE
from tests.unit.connections.corpus_in_memory import USER, MemoryCorpus, MemoryEdges, StoredDocument


def alike(number: int, chunks: int) -> StoredDocument:
    """A document whose chunks are all alike, and like those of every other one."""
    vectors = np.ones((chunks, 4), np.float32) / 2
    texts = tuple(f"Passage {index} of document {number}." for index in range(chunks))
    return StoredDocument(UUID(int=number), f"Document {number}", texts, vectors)


def crowded(corpus: MemoryCorpus, sink: MemoryEdges) -> ConnectionsStage:
    """A document of 40 chunks, with one of 60 that all of them are like."""
    corpus.add(alike(2, 60))
    one = corpus.add(alike(1, 40))
    engines, config = build_engines(EnginesConfig()), ConnectionsConfig(corpus_block=16)
    return ConnectionsStage(one.id, USER, "model", one.digest, corpus, sink, engines, config)


def test_a_unit_tells_of_each_block_and_of_each_slice_of_likely_pairs() -> None:
    corpus = MemoryCorpus()
    stage = crowded(corpus, MemoryEdges(corpus))
    told: list[tuple[float, str]] = []
    for unit in stage.units():
        stage.work(unit, lambda fraction, details: told.append((fraction, details)))
    compared = [f"compared with {done} of 60 chunks" for done in (16, 32, 48, 60)]
    pairs = 40 * 60
    ends = [*range(SLICE, pairs, SLICE), pairs]
    read = [f"read {end:,} of {pairs:,} likely pairs (contradiction detection)" for end in ends]
    assert [details for _, details in told] == [*compared, *read]
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert len(set(fractions)) == len(fractions), "each report is a step forward"
