"""Bridges without an endpoint: across fields, from what is important, beyond chance."""

import math
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhizome_pipelines.connections.bridge import VOCABULARY, BridgeEngine, _log_odds
from rhizome_pipelines.connections.engine import JudgingEngine
from rhizome_pipelines.connections.ports import ChunkTraits
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from tests.unit.connections.judged_chunks import block, candidate, no_cosines, silent

ENGINE = BridgeEngine(alike=0.5)


def traits(domain: str, *concepts: str, importance: float = 0.7, key: bool = True) -> ChunkTraits:
    return ChunkTraits(concepts, 0.0, importance, domain, key)


ANTS = traits("biology", "feedback", "shortest path", "colony")
ROUTERS = traits("technology", "paths", "feedback loop", "router")


def connected(one: ChunkTraits, two: ChunkTraits) -> int:
    here, there = block(1, [one]), block(2, [two])
    return len(ENGINE.pairs(here, there, no_cosines(here, there), 5).rows)


def test_two_fields_that_share_rare_concepts_are_bridged() -> None:
    engine: JudgingEngine = ENGINE
    [finding] = engine.judge([candidate("Ants.", "Routers.", ANTS, ROUTERS)], silent).findings
    assert finding is not None
    assert 0.6 <= finding.strength <= 1
    assert finding.metadata["explanation"] == (
        "Across biology and technology: both speak of feedback and path; chance would give such "
        "an overlap once in about 10,000 pairs."
    )
    assert finding.metadata["judged_by"] == "heuristic"
    assert finding.metadata["confidence"] == "low"


@pytest.mark.parametrize(
    ("one", "two", "pairs"),
    [
        (ANTS, ROUTERS, 1),
        (traits("biology", "feedback", "path", key=False), ROUTERS, 1),
        (
            traits("biology", "feedback", "path", key=False),
            traits("technology", "feedback", "path", importance=0.59),
            0,
        ),
        (ANTS, traits("biology", "feedback", "path"), 0),
        (ANTS, traits("general", "feedback", "path"), 0),
        (ANTS, traits("", "feedback", "path"), 0),
        (ANTS, traits("technology", "feedback", "queue", "packet", "cable"), 0),
        (ANTS, replace(ROUTERS, confidence=0.29), 0),
        (ANTS, traits("technology"), 0),
    ],
    ids=["a bridge", "one is key", "none is important", "one field", "general", "unknown field",
         "chance", "a guess", "no concepts"],
)  # fmt: skip
def test_what_is_a_bridge(one: ChunkTraits, two: ChunkTraits, pairs: int) -> None:
    assert connected(one, two) == connected(two, one) == pairs


SIZES = st.integers(0, 20)


@given(SIZES, SIZES, st.integers(0, 20))
def test_chance_is_the_hypergeometric_tail(here: int, there: int, common: int) -> None:
    common = min(common, here, there)
    tail = sum(
        Fraction(
            math.comb(here, k) * math.comb(VOCABULARY - here, there - k),
            math.comb(VOCABULARY, there),
        )
        for k in range(common, min(here, there) + 1)
    )
    assert _log_odds(here, there, common) == pytest.approx(-math.log10(tail), abs=1e-9)
    assert _log_odds(here, there, common) == _log_odds(there, here, common)


def test_what_pairs_promise_is_what_is_found() -> None:
    here, there = block(1, [ANTS]), block(2, [ROUTERS])
    pairs = ENGINE.pairs(here, there, no_cosines(here, there), 5)
    [finding] = ENGINE.judge([candidate("Ants.", "Routers.", ANTS, ROUTERS)], silent).findings
    assert finding is not None
    assert pairs.strengths.tolist() == [finding.strength]


@pytest.mark.parametrize("threshold", [0.0, 1.0, float("nan")])
def test_a_threshold_that_connects_all_or_nothing_is_refused(threshold: float) -> None:
    with pytest.raises(InvalidInputError, match="RHIZOME_BRIDGE_THRESHOLD"):
        BridgeEngine(0.5, threshold)
