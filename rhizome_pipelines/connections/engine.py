"""What an engine is: it judges pairs of chunks, and says in words why it connects them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rhizome_pipelines.connections.ports import ChunkText, ConnectionType, VectorBlock

Cosines = NDArray[np.float64]
"""Shape (source chunks, target chunks): exact, so the same whatever the blocks are."""


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
    """Finds connections of one type. A connection holds in both directions.

    What an engine needs beyond vectors (concepts, domains, importance, polarity) it asks of a
    port that it is built with, by the ids of the few pairs that its cosines let through. The
    digests of the documents cover those columns, so a pinned corpus pins them too.
    """

    @property
    def type(self) -> ConnectionType:
        """The type of its connections; no two engines of a stage share one."""

    @property
    def version(self) -> str:
        """Of its code; changed whenever its pairs or words would change."""

    def dependencies(self) -> Mapping[str, str]:
        """Settings and models that its result depends on, as text."""

    def pairs(
        self, sources: VectorBlock, targets: VectorBlock, cosines: Cosines, per_chunk: int
    ) -> Pairs:
        """All pairs that are among the `per_chunk` strongest of their row or their column.

        Those as strong as the last of them belong to it; more pairs are allowed, as long as they
        are connected. The strength of a pair must depend on the pair alone.
        """

    def explain(self, source: ChunkText, target: ChunkText, strength: float) -> str:
        """One sentence for a person on why the two are connected."""
