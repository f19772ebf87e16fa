"""One list out of what all engines found: each pair of chunks has one score, by weights."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rhizome_pipelines.connections.edge_table import TYPES, EdgeTable
from rhizome_pipelines.connections.weights import Weights

_DECIMALS = 6


@dataclass(frozen=True)
class Ranked:
    """Edges by source chunk, the best first. `score` and `strengths` are of the pair, either way.

    `strengths`: shape (edges, types), 0 where the engine of that type found nothing. A score is
    the weighted sum of its row: a pair that two engines find is above one that either finds.
    """

    edges: EdgeTable
    score: NDArray[np.float64]
    strengths: NDArray[np.float64]

    def nearby(self, at_once: int = 2_048) -> "Ranked":
        """The same edges in an order in which few chunks are needed at a time.

        One end of all edges is among `at_once` chunks, before the next so many are begun.
        """
        low = np.minimum(self.edges.source, self.edges.target) // at_once
        high = np.maximum(self.edges.source, self.edges.target)
        order = np.lexsort((self.edges.type, self.edges.target, self.edges.source, high, low))
        return Ranked(self.edges.take(order), self.score[order], self.strengths[order])

    def reasons(self, row: int) -> dict[str, Any]:
        """Why the edge stands where it does, as JSON values."""
        found = zip(TYPES, self.strengths[row].tolist(), strict=True)
        return {
            "score": float(self.score[row]),
            "found_by": {kind.value: strength for kind, strength in found if strength > 0},
        }


def ranked(edges: EdgeTable, weights: Weights) -> Ranked:
    """Put the edges in order; of equals the lower target, then the earlier type, comes first.

    Needs sorted `ids`, as `EdgeTable.joined` makes them.
    """
    low = np.minimum(edges.source, edges.target).astype(np.int64)
    high = np.maximum(edges.source, edges.target).astype(np.int64)
    pairs, pair = np.unique(low * max(len(edges.ids), 1) + high, return_inverse=True)
    pair = pair.reshape(-1)
    by_pair = np.zeros((len(pairs), len(TYPES)))
    np.maximum.at(by_pair, (pair, edges.type.astype(np.int64)), edges.strength)
    total = np.zeros(len(pairs))
    for column, kind in enumerate(TYPES):  # one by one: a product may add in another order
        total += by_pair[:, column] * weights.share(kind)
    score = np.round(total, _DECIMALS)[pair]
    order = np.lexsort((edges.type, edges.target, -score, edges.source))
    return Ranked(edges.take(order), score[order], by_pair[pair][order])
