"""Cosines that are exact, and therefore the same whatever is computed beside them.

A float32 product of matrices rounds differently with the shape of the blocks, the processor and
the number of threads, so a pair at the threshold, or two at the fiftieth place, would depend on
what else is in the corpus. Here every coordinate is first rounded to a multiple of 2⁻²⁵. Products
are then multiples of 2⁻⁵⁰, and sums of them, which for vectors of length 1 stay below 2, need at
most 51 of float64's 53 bits: no addition rounds, in whatever order. The cosine itself is moved by
less than 3 × 10⁻⁸ × √dimensions.
"""

import numpy as np
from numpy.typing import NDArray

from rhizome_pipelines.connections.engine import Cosines

_GRID = 2.0**25


def on_grid(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """The vectors with coordinates that are multiples of 2⁻²⁵."""
    grid = np.rint(vectors.astype(np.float64) * _GRID)
    grid /= _GRID
    return grid


def cosines(sources: NDArray[np.float64], targets: NDArray[np.float64]) -> Cosines:
    """All products of rows on the grid, shape (len(sources), len(targets))."""
    return sources @ targets.T
