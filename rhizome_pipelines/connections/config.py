"""What may be chosen about finding connections."""

from dataclasses import dataclass, field

from rhizome_pipelines.connections.selection import Selection
from rhizome_pipelines.connections.weights import Weights
from rhizome_pipelines.lifecycle.errors import InvalidInputError

MOST_PER_CHUNK = 1_000


@dataclass(frozen=True)
class ConnectionsConfig:
    """What a chunk keeps, how engines count, and how much is compared at once.

    `per_chunk`: the strongest connections of each type that a chunk keeps; an engine may have a
    lower limit of its own. `selection`: the document's chunks that are looked at; None for all.

    `source_block` (chunks in a unit) and `corpus_block` (rows compared at once) trade memory
    against speed and never change the result: about ten times
    8 bytes × source_block × corpus_block at a time. A unit is what an interruption costs: 256
    chunks took about three seconds of a processor among 5,400 others that were all alike.
    """

    per_chunk: int = 50
    source_block: int = 256
    corpus_block: int = 1_024
    weights: Weights = field(default_factory=Weights)
    selection: Selection | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.per_chunk <= MOST_PER_CHUNK:
            raise InvalidInputError("A chunk can keep 1–1,000 connections of a type.")
        if not 1 <= self.source_block <= 8_192 or not 1 <= self.corpus_block <= 65_536:
            raise InvalidInputError("Blocks must hold 1–8,192 source chunks, 1–65,536 others.")
