"""The strongest connections, against the obvious way to compute them."""

from uuid import UUID, uuid5

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from rhizome_pipelines.connections.comparison import Comparison
from rhizome_pipelines.connections.edge_table import (
    EdgeMerger,
    EdgeTable,
    decode_part,
    encode_part,
    ids_of,
    part_compared_with,
    uuids_of,
)
from rhizome_pipelines.connections.engine import Block
from rhizome_pipelines.connections.exact import cosines, on_grid
from rhizome_pipelines.connections.ports import ConnectionType, VectorBlock
from rhizome_pipelines.connections.semantic import SemanticSimilarityEngine
from rhizome_pipelines.connections.strongest import strongest
from rhizome_pipelines.lifecycle.errors import InvalidInputError

SEMANTIC = ConnectionType.SEMANTIC_SIMILARITY
Triples = list[tuple[UUID, UUID, float]]


def block(name: int, vectors: NDArray[np.float32]) -> VectorBlock:
    document = UUID(int=name)
    return VectorBlock(
        [uuid5(document, str(i)) for i in range(len(vectors))], [document] * len(vectors), vectors
    )


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = (vectors / np.where(norms == 0, 1, norms)).astype(np.float32)
    return scaled


def small_vectors(least: int) -> st.SearchStrategy[NDArray[np.float32]]:
    """Few values, so that ties are common."""
    shapes = st.tuples(st.integers(least, 14), st.just(3))
    values = arrays.arrays(np.float64, shapes, elements=st.sampled_from([0.0, 0.5, 1.0, -1.0]))
    return values.map(unit)


def dot(one: list[float], two: list[float]) -> float:
    return sum(a * b for a, b in zip(one, two, strict=True))


def by_hand(source: VectorBlock, target: VectorBlock, threshold: float, k: int) -> Triples:
    """Every pair, sorted, cut off: forward and backward."""
    rows, columns = on_grid(source.vectors).tolist(), on_grid(target.vectors).tolist()
    directed = [
        pair
        for i, one in enumerate(source.ids)
        for j, two in enumerate(target.ids)
        if (strength := min(round(dot(rows[i], columns[j]), 6), 1.0)) >= threshold
        for pair in ((one, two, strength), (two, one, strength))
    ]
    kept = []
    for chunk in (*source.ids, *target.ids):
        mine = sorted((-s, t) for c, t, s in directed if c == chunk)[:k]
        kept += [(chunk, t, -s) for s, t in mine]
    return sorted(kept)


def plain(chunks: VectorBlock) -> Block:
    return Block(chunks, lambda ids: {})


def found(table: EdgeTable) -> Triples:
    sources = uuids_of(table.ids[table.source])
    targets = uuids_of(table.ids[table.target])
    return sorted(zip(sources, targets, table.strength.tolist(), strict=True))


@settings(deadline=None)
@given(small_vectors(1), small_vectors(0), st.integers(1, 5), st.integers(1, 9))
def test_the_strongest_are_those_found_by_hand(
    one: NDArray[np.float32], two: NDArray[np.float32], k: int, size: int
) -> None:
    source, target = block(1, one), block(2, two)
    comparison = Comparison(plain(source), [SemanticSimilarityEngine(0.4)], {SEMANTIC: k})
    for start in range(0, len(two), size):
        part = slice(start, start + size)
        comparison.add(
            plain(VectorBlock(target.ids[part], target.document_ids[part], target.vectors[part]))
        )
    assert found(comparison.edges()) == by_hand(source, target, 0.4, k)


@settings(deadline=None)
@given(small_vectors(2), small_vectors(1), st.integers(1, 4), st.integers(1, 5))
def test_blocks_of_the_source_do_not_matter_once_merged(
    one: NDArray[np.float32], two: NDArray[np.float32], k: int, size: int
) -> None:
    source, target = block(1, one), block(2, two)
    merger = EdgeMerger({SEMANTIC: k})
    for start in range(0, len(one), size):
        part = slice(start, start + size)
        comparison = Comparison(
            plain(VectorBlock(source.ids[part], source.document_ids[part], source.vectors[part])),
            [SemanticSimilarityEngine(0.4)],
            {SEMANTIC: k},
        )
        comparison.add(plain(target))
        merger.add(decode_part(encode_part(comparison.edges(), "d")))
    assert found(merger.result()) == by_hand(source, target, 0.4, k)


def test_cosines_do_not_depend_on_blocks_or_direction() -> None:
    random = np.random.default_rng(7)
    one = on_grid(unit(random.normal(size=(301, 256))))
    two = on_grid(unit(random.normal(size=(517, 256))))
    whole = cosines(one, two)
    assert whole.tobytes() == np.ascontiguousarray(cosines(two, one).T).tobytes()
    for size in (1, 7, 64):
        rows = np.concatenate([cosines(one[i : i + size], two) for i in range(0, 301, size)])
        assert rows.tobytes() == whole.tobytes()
    single = [[(a * b).sum() for b in two[:20]] for a in one[:20]]
    assert np.array_equal(whole[:20, :20], single)


def test_cosines_are_near_the_true_ones() -> None:
    random = np.random.default_rng(8)
    vectors = unit(random.normal(size=(200, 768)))
    exact = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    assert np.abs(cosines(on_grid(vectors), on_grid(vectors)) - exact).max() < 1e-7


def test_one_vector_many_times_is_cut_by_id() -> None:
    same = unit(np.ones((40, 8)))
    source, target = block(1, same), block(2, same)
    comparison = Comparison(plain(source), [SemanticSimilarityEngine(0.9)], {SEMANTIC: 3})
    comparison.add(plain(target))
    lowest = sorted(target.ids)[:3]
    edges = found(comparison.edges())
    assert [t for s, t, _ in edges if s == source.ids[0]] == lowest
    assert {strength for *_, strength in edges} == {1.0}
    assert len(edges) == 2 * 40 * 3


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from([0.1, 0.5, 0.9]), st.integers(0, 5)),
        max_size=30,
    ),
    st.integers(1, 4),
)
def test_strongest_of_each_group(rows: list[tuple[int, float, int]], k: int) -> None:
    groups, strengths, ties = (np.array([row[i] for row in rows]) for i in range(3))
    kept = [rows[i] for i in strongest(groups.astype(int), strengths, (ties.astype(int),), k)]
    expected = []
    for group in range(4):
        mine = sorted((row for row in rows if row[0] == group), key=lambda r: (-r[1], r[2]))
        expected += mine[:k]
    assert kept == expected


@given(st.lists(st.uuids(), min_size=1, max_size=20))
def test_ids_are_kept_and_sort_as_in_postgres(uuids: list[UUID]) -> None:
    ids = ids_of(uuids)
    assert uuids_of(ids) == uuids
    order = np.lexsort((ids[:, 1], ids[:, 0]))
    assert [uuids[i] for i in order] == sorted(uuids, key=lambda u: u.bytes)


def test_a_part_says_what_it_was_compared_with() -> None:
    data = encode_part(EdgeTable.empty(), "abc")
    assert part_compared_with(data) == "abc"
    assert len(decode_part(data)) == 0
    assert data == encode_part(EdgeTable.empty(), "abc")


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.5, float("nan")])
def test_a_threshold_that_connects_all_or_nothing_is_refused(threshold: float) -> None:
    with pytest.raises(InvalidInputError, match="RHIZOME_CONNECTION_THRESHOLD"):
        SemanticSimilarityEngine(threshold)
