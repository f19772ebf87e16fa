"""One list out of all engines' edges."""

from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.connections.edge_table import NO_NOTE, TYPES, EdgeTable, ids_of, uuids_of
from rhizome_pipelines.connections.ports import ConnectionType
from rhizome_pipelines.connections.ranking import Ranked, ranked
from rhizome_pipelines.connections.weights import Weights
from rhizome_pipelines.lifecycle.errors import InvalidInputError

SEMANTIC, CONTRADICTION, BRIDGE = TYPES
Row = tuple[int, int, ConnectionType, float]


def table(rows: list[Row]) -> EdgeTable:
    both = [UUID(int=n) for row in rows for n in row[:2]]
    places = np.arange(len(both), dtype=np.int32)
    return EdgeTable.joined(
        [
            EdgeTable(
                ids_of(both),
                places[0::2],
                places[1::2],
                np.array([TYPES.index(row[2]) for row in rows], np.int8),
                np.array([row[3] for row in rows], np.float64),
                np.full(len(rows), NO_NOTE, np.int32),
            )
        ]
    )


def listed(found: Ranked) -> list[tuple[int, int, ConnectionType, float]]:
    edges = found.edges
    sources, targets = uuids_of(edges.ids[edges.source]), uuids_of(edges.ids[edges.target])
    kinds = [TYPES[n] for n in edges.type.tolist()]
    rows = zip(sources, targets, kinds, found.score.tolist(), strict=True)
    return [(source.int, target.int, kind, score) for source, target, kind, score in rows]


def test_a_pair_that_two_engines_find_comes_before_one_that_either_finds() -> None:
    rows: list[Row] = [
        (1, 2, SEMANTIC, 0.8),
        (1, 3, SEMANTIC, 0.8),
        (1, 3, BRIDGE, 0.6),
        (1, 4, BRIDGE, 0.6),
    ]
    found = ranked(table(rows), Weights())
    assert listed(found) == [
        (1, 3, SEMANTIC, 0.41),
        (1, 3, BRIDGE, 0.41),
        (1, 4, BRIDGE, 0.21),
        (1, 2, SEMANTIC, 0.2),
    ]
    assert found.reasons(0) == {
        "score": 0.41,
        "found_by": {"semantic_similarity": 0.8, "thematic_bridge": 0.6},
    }


def test_a_pair_has_one_score_from_both_sides() -> None:
    found = ranked(
        table([(1, 2, SEMANTIC, 0.8), (2, 1, CONTRADICTION, 0.5)]),
        Weights({SEMANTIC: 0.5, CONTRADICTION: 0.5}),
    )
    assert listed(found) == [(1, 2, SEMANTIC, 0.65), (2, 1, CONTRADICTION, 0.65)]


def test_only_the_ratio_of_weights_counts() -> None:
    rows: list[Row] = [(1, 2, SEMANTIC, 0.8), (1, 3, BRIDGE, 0.6)]
    one = ranked(table(rows), Weights({SEMANTIC: 0.2, BRIDGE: 0.1}))
    two = ranked(table(rows), Weights({SEMANTIC: 1.0, BRIDGE: 0.5}))
    assert listed(one) == listed(two)


ROWS = st.lists(
    st.tuples(
        st.integers(1, 4),
        st.integers(5, 8),
        st.sampled_from(TYPES),
        st.sampled_from([0.1, 0.5, 0.9]),
    ),
    unique_by=lambda row: row[:3],
    max_size=20,
)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_list_does_not_depend_on_the_order_of_edges(rows: list[Row], random) -> None:  # type: ignore[no-untyped-def]
    shuffled = random.sample(rows, len(rows))
    found = listed(ranked(table(rows), Weights()))
    assert found == listed(ranked(table(shuffled), Weights()))
    assert {row[:3] for row in found} == {row[:3] for row in rows}
    for source in range(1, 5):
        scores = [score for s, _, _, score in found if s == source]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    "weights",
    [{}, {SEMANTIC: 0.0}, {SEMANTIC: -0.1, BRIDGE: 1.0}, {SEMANTIC: 1.1}, {BRIDGE: float("nan")}],
)
def test_weights_that_cannot_be_are_refused(weights: dict[ConnectionType, float]) -> None:
    with pytest.raises(InvalidInputError, match="weight"):
        Weights(weights)
