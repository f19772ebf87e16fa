"""The k strongest of each group, with one rule for ties."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]


def strongest(
    groups: Integers,
    strengths: Floats,
    ties: tuple[Integers, ...],
    k: int | Integers,
) -> NDArray[np.intp]:
    """Positions of the `k` strongest of each group, sorted by group, strength falling, tie rising.

    `ties`, the more important first, decide between equal strengths. All of shape (n,); so is
    `k` where groups have different numbers, the same for all of a group.
    """
    order = np.lexsort((*reversed(ties), -strengths, groups))
    if not len(order):
        return order
    sorted_groups = groups[order]
    starts = np.flatnonzero(np.r_[True, sorted_groups[1:] != sorted_groups[:-1]])
    lengths = np.diff(np.r_[starts, len(order)])
    place = np.arange(len(order)) - np.repeat(starts, lengths)
    return order[place < (k if isinstance(k, int) else k[order])]


def kth_largest(values: NDArray[np.float64], k: int, axis: int) -> NDArray[np.float64]:
    """The k-th largest value along `axis`; minus infinity where there are fewer than k values."""
    size = values.shape[axis]
    if size < k:
        return np.full(values.shape[1 - axis], -np.inf)
    found: NDArray[np.float64] = np.partition(values, size - k, axis=axis).take(size - k, axis=axis)
    return found


def strongest_of_rows(
    values: NDArray[np.float64], k: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Rows and columns of all values above 0 that are at least their row's k-th largest."""
    floor = kth_largest(values, k, axis=1)
    rows, columns = np.nonzero((values > 0) & (values >= floor[:, None]))
    return rows.astype(np.int32), columns.astype(np.int32)
