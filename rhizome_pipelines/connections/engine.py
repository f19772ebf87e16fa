"""What an engine is: it judges pairs of chunks, and says in words why it connects them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from rhizome_pipelines.connections.ports import (
    ChunkText,
    ChunkTraits,
    ConnectionType,
    VectorBlock,
)
from rhizome_pipelines.connections.traits import TraitColumns
from rhizome_pipelines.stages.stage import Pulse

Cosines = NDArray[np.float64]
"""Shape (source chunks, target chunks): exact, so the same whatever the blocks are."""

LoadTraits = Callable[[Sequence[UUID]], Mapping[UUID, ChunkTraits]]


@dataclass(frozen=True)
class Block:
    """Chunks that are compared at once; what metadata say of them is read if an engine asks.

    The digests of the documents cover the metadata, so a pinned corpus pins them too.
    """

    chunks: VectorBlock
    load: LoadTraits

    @cached_property
    def traits(self) -> TraitColumns:
        """In the order of the chunks."""
        return TraitColumns.of(self.chunks.ids, self.load(self.chunks.ids))


@dataclass(frozen=True)
class Pairs:
    """Connected pairs of a source block and a target block.

    `rows` and `columns` (int32) are positions in the blocks; `strengths` (float64, 0–1) are
    rounded to six decimals, so that equal ones are equal. Pairs are in no order, each one once.
    """

    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    strengths: NDArray[np.float64]


class ConnectionEngine(Protocol):
    """Finds connections of one type. A connection holds in both directions."""

    @property
    def type(self) -> ConnectionType:
        """The type of its connections; no two engines of a stage share one."""

    @property
    def version(self) -> str:
        """Of its code; changed whenever its pairs or words would change."""

    @property
    def limit(self) -> int:
        """The most connections that a chunk keeps of this type."""

    def dependencies(self) -> Mapping[str, str]:
        """Settings and models that its result depends on, as text."""

    def pairs(self, sources: Block, targets: Block, cosines: Cosines, per_chunk: int) -> Pairs:
        """All pairs that are among the `per_chunk` strongest of their row or their column.

        Those as strong as the last of them belong to it; more pairs are allowed, as long as they
        are connected. The strength of a pair must depend on the pair alone.
        """

    def explain(self, source: ChunkText, target: ChunkText, strength: float) -> str:
        """One sentence for a person on why the two are connected."""


@dataclass(frozen=True)
class Candidate:
    """Two chunks that may be connected, with all that is known of them."""

    source: ChunkText
    target: ChunkText
    source_traits: ChunkTraits
    target_traits: ChunkTraits


@dataclass(frozen=True)
class Finding:
    """What was found of a candidate: strength 0–1, and what is stored beside it.

    `metadata` (JSON values) has at least `explanation`, which must read the same from both sides.
    """

    strength: float
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Verdicts:
    """One entry a candidate, None where there is no connection; and how it went, in numbers."""

    findings: Sequence[Finding | None]
    told: Mapping[str, int] = field(default_factory=dict)


@runtime_checkable
class JudgingEngine(ConnectionEngine, Protocol):
    """An engine whose pairs are but candidates: it reads both texts before it connects them.

    What `pairs` returns of it need only be the strongest of each row.
    """

    @property
    def candidates(self) -> int:
        """How many pairs of a source chunk are judged at most, the likeliest first."""

    def judge(self, candidates: Sequence[Candidate], pulse: Pulse) -> Verdicts:
        """Read and decide. Faults of others are told in the numbers, never raised."""
