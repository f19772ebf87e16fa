"""How much each engine counts in the list that is made of all."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rhizome_pipelines.connections.ports import ConnectionType
from rhizome_pipelines.lifecycle.errors import InvalidInputError

DEFAULT_WEIGHTS: Mapping[ConnectionType, float] = {
    ConnectionType.SEMANTIC_SIMILARITY: 0.25,
    ConnectionType.CONTRADICTION_DETECTION: 0.40,
    ConnectionType.THEMATIC_BRIDGE: 0.35,
}


@dataclass(frozen=True)
class Weights:
    """How much each engine counts, 0–1; what counts is the ratio. 0 switches an engine off."""

    by_type: Mapping[ConnectionType, float] = field(default_factory=lambda: {**DEFAULT_WEIGHTS})

    def __post_init__(self) -> None:
        for kind in ConnectionType:
            weight = self.by_type.get(kind, 0.0)
            if not 0.0 <= weight <= 1.0:
                raise InvalidInputError(
                    f"The weight of {kind} must lie between 0 and 1; it is {weight}."
                )
        if not any(self.by_type.get(kind, 0.0) > 0 for kind in ConnectionType):
            raise InvalidInputError("At least one engine must have a weight above 0.")

    def share(self, kind: ConnectionType) -> float:
        """The engine's part of a score, 0–1; all parts together are 1."""
        return self.by_type.get(kind, 0.0) / sum(self.by_type.values())

    @property
    def used(self) -> frozenset[ConnectionType]:
        """The engines that are not switched off."""
        return frozenset(kind for kind in ConnectionType if self.by_type.get(kind, 0.0) > 0)
