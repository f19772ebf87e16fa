"""Contradictions without an endpoint: the formula, the thresholds, the marks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.connections.contradiction import ContradictionEngine
from rhizome_pipelines.connections.engine import JudgingEngine
from rhizome_pipelines.connections.ports import ChunkTraits
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from tests.unit.connections.judged_chunks import block, candidate, no_cosines, silent

ENGINE = ContradictionEngine(alike=0.5)


def traits(polarity: float, *concepts: str, importance: float = 0.5) -> ChunkTraits:
    return ChunkTraits(concepts, polarity, importance)


GLAD = traits(0.6, "memory", "deep sleep", importance=0.8)
SAD = traits(-0.5, "Memories", "sleep", importance=0.4)


def test_strength_is_overlap_and_distance_and_importance() -> None:
    engine: JudgingEngine = ENGINE
    [finding] = engine.judge([candidate("Bright.", "Dark.", GLAD, SAD)], silent).findings
    assert finding is not None
    overlap, distance, importance = 2 / 3, 1.1, 0.6
    assert finding.strength == pytest.approx(0.4 * overlap + 0.2 * distance + 0.2 * importance)
    assert finding.metadata == {
        "explanation": "Perhaps a contradiction: they speak of memory and sleep with opposite "
        "feeling.",
        "judged_by": "heuristic",
        "confidence": "low",
    }


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (GLAD, traits(0.2, "memory", "sleep")),
        (GLAD, traits(-0.09, "memory", "sleep")),
        (traits(0.12, "memory"), traits(-0.12, "memory")),
        (GLAD, traits(-0.5, "memory", "trees", "birds")),
        (traits(0.6), traits(-0.5)),
    ],
    ids=["same feeling", "hardly any feeling", "too near", "other concepts", "no concepts"],
)
def test_what_is_below_a_threshold_is_no_contradiction(one: ChunkTraits, two: ChunkTraits) -> None:
    assert ENGINE.judge([candidate("Bright.", "Dark.", one, two)], silent).findings == [None]
    here, there = block(1, [one]), block(2, [two])
    assert len(ENGINE.pairs(here, there, no_cosines(here, there), 5).rows) == 0


def test_opposite_words_count_without_any_metadata() -> None:
    pair = candidate(
        "Tests say that coffee reduces the risk of heart disease.",
        "Tests say that coffee increases the risk of heart disease.",
    )
    [finding] = ENGINE.judge([pair], silent).findings
    assert finding is not None
    assert finding.strength == pytest.approx(0.4 * 1 + 0.4 * 0.75)
    assert "they use opposite words" in finding.metadata["explanation"]
    assert finding.metadata["confidence"] == "low"


def test_likely_pairs_are_the_opposed_and_then_the_alike() -> None:
    here = block(1, [GLAD, traits(0.0)])
    there = block(2, [SAD, traits(0.0), traits(0.0, importance=0.0)])
    cosines = np.array([[0.1, 0.6, 0.49], [0.9, 0.5, 0.4]])
    pairs = ENGINE.pairs(here, there, cosines, 5)
    found = dict(
        zip(
            zip(pairs.rows.tolist(), pairs.columns.tolist(), strict=True),
            pairs.strengths.tolist(),
            strict=True,
        )
    )
    assert set(found) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert found[0, 0] == max(found.values())


@given(st.integers(0, 4), st.integers(1, 3))
def test_blocks_do_not_change_which_pairs_are_likely(cut: int, k: int) -> None:
    sides = [
        [traits((-1) ** n * (0.2 + 0.1 * (n % 3)), "memory", "sleep") for n in range(start, 6)]
        for start in (0, 1)
    ]
    here = block(1, sides[0])

    def best(*parts: list[ChunkTraits]) -> list[list[float]]:
        found: list[list[float]] = [[] for _ in sides[0]]
        for number, part in enumerate(parts):
            there = block(2 + number, part)
            pairs = ENGINE.pairs(here, there, no_cosines(here, there), k)
            for row, strength in zip(pairs.rows.tolist(), pairs.strengths.tolist(), strict=True):
                found[row].append(strength)
        return [sorted(strengths, reverse=True)[:k] for strengths in found]

    assert best(sides[1]) == best(sides[1][:cut], sides[1][cut:])


@pytest.mark.parametrize("overlap", [0.0, -1.0, 1.5, float("nan")])
def test_an_overlap_that_cannot_be_is_refused(overlap: float) -> None:
    with pytest.raises(InvalidInputError, match="RHIZOME_CONTRADICTION_OVERLAP"):
        ContradictionEngine(0.5, overlap)
