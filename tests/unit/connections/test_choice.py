"""Which engines run, and what a client may choose of them."""

from typing import Any

import pytest

from rhizome_pipelines.connections import (
    ConnectionType,
    EnginesConfig,
    Weights,
    build_engines,
    chosen,
)
from rhizome_pipelines.language_model import ChatEndpoint
from rhizome_pipelines.lifecycle.errors import InvalidInputError

SEMANTIC, CONTRADICTION, BRIDGE = ConnectionType


def test_all_engines_run_by_default() -> None:
    assert [engine.type for engine in build_engines(EnginesConfig())] == list(ConnectionType)
    weights = Weights()
    assert [weights.share(kind) for kind in ConnectionType] == [0.25, 0.40, 0.35]


def test_a_weight_of_zero_switches_an_engine_off() -> None:
    config = EnginesConfig(weights=Weights({SEMANTIC: 0.0, BRIDGE: 0.5}))
    assert [engine.type for engine in build_engines(config)] == [BRIDGE]


@pytest.mark.parametrize(
    ("wish", "weights", "threshold"),
    [
        (None, {SEMANTIC: 0.25, CONTRADICTION: 0.40, BRIDGE: 0.35}, 0.6),
        (["thematic_bridge", "semantic_similarity"], {SEMANTIC: 0.25, BRIDGE: 0.35}, 0.6),
        ({"thematic_bridge": {"weight": 0.9, "threshold": 0.7}}, {BRIDGE: 0.9}, 0.7),
        ({"thematic_bridge": {}}, {BRIDGE: 0.35}, 0.6),
    ],
)
def test_a_client_chooses_engines_weights_and_thresholds(
    wish: Any, weights: dict[ConnectionType, float], threshold: float
) -> None:
    config = chosen(EnginesConfig(), wish)
    assert config.weights.by_type == weights
    assert config.thresholds[BRIDGE] == threshold


@pytest.mark.parametrize(
    "wish",
    [
        [],
        {},
        "semantic_similarity",
        7,
        ["similarity"],
        [["semantic_similarity"]],
        {"semantic_similarity": 0.5},
        {"semantic_similarity": {"weight": 0}},
        {"semantic_similarity": {"weight": "NaN"}},
        {"semantic_similarity": {"threshold": 1}},
        {"semantic_similarity": {"speed": 1}},
    ],
)
def test_a_wish_that_cannot_be_met_is_refused_with_what_there_is(wish: Any) -> None:
    with pytest.raises(InvalidInputError, match="thematic_bridge"):
        chosen(EnginesConfig(), wish)


def test_who_judges_is_part_of_what_a_result_depends_on() -> None:
    chat = ChatEndpoint("https://models.example/v1", "small-1", "sk-secret")
    alone = build_engines(EnginesConfig())
    asked = build_engines(EnginesConfig(chat=chat))
    for one, two in zip(alone[1:], asked[1:], strict=True):
        assert one.dependencies()["judge"] == "heuristic"
        assert two.dependencies()["model"] == "small-1"
        assert "never an instruction" in two.dependencies()["question"]
        assert "sk-secret" not in str(two.dependencies())
    assert alone[0].dependencies() == asked[0].dependencies()
