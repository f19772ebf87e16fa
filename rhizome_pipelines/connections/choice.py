"""Which engines run, with which weights and thresholds: the deployment's, and what a client asks.

A client names engines in the job's `input_data.engines`: a list of names, or an object of names
with `{weight, threshold}`, both optional. What is not named is not run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, assert_never

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from rhizome_pipelines.connections.bridge import DEFAULT_THRESHOLD as BRIDGE_THRESHOLD
from rhizome_pipelines.connections.bridge import TASK as BRIDGE_TASK
from rhizome_pipelines.connections.bridge import BridgeEngine
from rhizome_pipelines.connections.contradiction import DEFAULT_OVERLAP, ContradictionEngine
from rhizome_pipelines.connections.contradiction import TASK as CONTRADICTION_TASK
from rhizome_pipelines.connections.engine import ConnectionEngine
from rhizome_pipelines.connections.jury import Jury
from rhizome_pipelines.connections.ports import ConnectionType
from rhizome_pipelines.connections.semantic import DEFAULT_THRESHOLD, SemanticSimilarityEngine
from rhizome_pipelines.connections.weights import Weights
from rhizome_pipelines.language_model import ChatEndpoint
from rhizome_pipelines.lifecycle.errors import InvalidInputError

DEFAULT_THRESHOLDS: Mapping[ConnectionType, float] = {
    ConnectionType.SEMANTIC_SIMILARITY: DEFAULT_THRESHOLD,
    ConnectionType.CONTRADICTION_DETECTION: DEFAULT_OVERLAP,
    ConnectionType.THEMATIC_BRIDGE: BRIDGE_THRESHOLD,
}

_NAMES = ", ".join(ConnectionType)


@dataclass(frozen=True)
class EnginesConfig:
    """`thresholds`: least cosine, least overlap of concepts, least strength of a bridge.

    `alike` is the cosine from which texts are read by the engines that judge: the deployment's
    own threshold of similarity, whatever a client asks of the semantic engine.
    """

    alike: float = DEFAULT_THRESHOLD
    weights: Weights = field(default_factory=Weights)
    thresholds: Mapping[ConnectionType, float] = field(
        default_factory=lambda: {**DEFAULT_THRESHOLDS}
    )
    chat: ChatEndpoint | None = None


class EngineChoice(BaseModel):
    """What a client may choose of one engine."""

    model_config = ConfigDict(extra="forbid")

    weight: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    threshold: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] | None = None


_Choices = TypeAdapter[Mapping[ConnectionType, EngineChoice]](Mapping[ConnectionType, EngineChoice])


def chosen(config: EnginesConfig, engines: Any) -> EnginesConfig:
    """The configuration with a client's wish, a value of JSON; None asks for nothing.

    Raises InvalidInputError that says which engines there are and what is wrong.
    """
    if engines is None:
        return config
    named = {str(name): {} for name in engines} if isinstance(engines, list) else engines
    try:
        choices = _Choices.validate_python(named)
    except ValidationError as fault:
        told = "; ".join(
            f"{'.'.join(str(place) for place in error['loc'] if place != '[key]')}: {error['msg']}"
            for error in fault.errors(include_input=False, include_url=False)
        )
        raise InvalidInputError(
            f"The wish for engines cannot be used ({told}). There are {_NAMES}; each may have a "
            "weight (above 0, at most 1) and a threshold (between 0 and 1)."
        ) from None
    if not choices:
        raise InvalidInputError(f"At least one engine must be named; there are {_NAMES}.")
    usual = config.weights.by_type
    return replace(
        config,
        weights=Weights(
            {
                kind: choice.weight or usual.get(kind) or Weights().by_type[kind]
                for kind, choice in choices.items()
            }
        ),
        thresholds={
            **config.thresholds,
            **{kind: choice.threshold for kind, choice in choices.items() if choice.threshold},
        },
    )


def build_engines(config: EnginesConfig) -> Sequence[ConnectionEngine]:
    """Those that are not switched off, in the order of their types."""
    return [_engine(kind, config) for kind in ConnectionType if kind in config.weights.used]


def _engine(kind: ConnectionType, config: EnginesConfig) -> ConnectionEngine:
    threshold = config.thresholds.get(kind, DEFAULT_THRESHOLDS[kind])
    match kind:
        case ConnectionType.SEMANTIC_SIMILARITY:
            return SemanticSimilarityEngine(threshold)
        case ConnectionType.CONTRADICTION_DETECTION:
            return ContradictionEngine(config.alike, threshold, _jury(config, CONTRADICTION_TASK))
        case ConnectionType.THEMATIC_BRIDGE:
            return BridgeEngine(config.alike, threshold, _jury(config, BRIDGE_TASK))
        case _:
            assert_never(kind)


def _jury(config: EnginesConfig, task: str) -> Jury | None:
    return None if config.chat is None else Jury(config.chat, task)
