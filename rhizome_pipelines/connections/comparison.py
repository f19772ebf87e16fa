"""Compares one block of source chunks with a stream of others, and keeps the strongest edges."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rhizome_pipelines.connections.edge_table import NO_NOTE, TYPES, EdgeTable, Ids, Limits, ids_of
from rhizome_pipelines.connections.engine import Block, ConnectionEngine, JudgingEngine
from rhizome_pipelines.connections.exact import cosines, on_grid
from rhizome_pipelines.connections.ports import ConnectionType
from rhizome_pipelines.connections.strongest import strongest


@dataclass(frozen=True)
class _Half:
    """Edges of one direction: rows of the source block, and places in the stream of others."""

    rows: NDArray[np.int32]
    places: NDArray[np.int32]
    strengths: NDArray[np.float64]

    def take(self, positions: NDArray[np.intp]) -> "_Half":
        return _Half(self.rows[positions], self.places[positions], self.strengths[positions])

    @classmethod
    def joined(cls, halves: Sequence["_Half"]) -> "_Half":
        return cls(
            np.concatenate([half.rows for half in halves]),
            np.concatenate([half.places for half in halves]),
            np.concatenate([half.strengths for half in halves]),
        )


_NOTHING = _Half(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0))


class Comparison:
    """Takes blocks of other chunks one by one; no other chunk comes twice.

    What it keeps depends on the chunks alone, not on how they are cut into blocks.
    """

    def __init__(self, sources: Block, engines: Sequence[ConnectionEngine], limits: Limits) -> None:
        self._sources = sources
        self._source_ids = ids_of(sources.chunks.ids)
        self._target_ids: Ids = ids_of(())
        self._grid = on_grid(sources.chunks.vectors)
        self._engines = engines
        self._limits = limits
        self._forward = {engine.type: _NOTHING for engine in engines}
        self._backward = {engine.type: [_NOTHING] for engine in engines}

    def add(self, targets: Block) -> None:
        """Compare with one more block."""
        products = cosines(self._grid, on_grid(targets.chunks.vectors))
        before = len(self._target_ids)
        self._target_ids = np.concatenate([self._target_ids, ids_of(targets.chunks.ids)])
        for engine in self._engines:
            pairs = engine.pairs(self._sources, targets, products, self._most(engine))
            if len(pairs.rows):
                found = _Half(pairs.rows, pairs.columns + np.int32(before), pairs.strengths)
                self._keep_forward(engine, found)
                if not isinstance(engine, JudgingEngine):
                    self._keep_backward(engine, found)

    def _most(self, engine: ConnectionEngine) -> int:
        if isinstance(engine, JudgingEngine):
            return engine.candidates
        return self._limits[engine.type]

    def _keep_forward(self, engine: ConnectionEngine, found: _Half) -> None:
        joined = _Half.joined((self._forward[engine.type], found))
        ties = _columns(self._target_ids[joined.places])
        kept = strongest(joined.rows, joined.strengths, ties, self._most(engine))
        self._forward[engine.type] = joined.take(kept)

    def _keep_backward(self, engine: ConnectionEngine, found: _Half) -> None:
        ties = _columns(self._source_ids[found.rows])
        kept = strongest(found.places, found.strengths, ties, self._most(engine))
        self._backward[engine.type].append(found.take(kept))

    def edges(self) -> EdgeTable:
        """The strongest edges of each source chunk, and of each other chunk to this block.

        Those of engines that judge are not among them.
        """
        tables = [EdgeTable.empty()]
        for engine in self._engines:
            if not isinstance(engine, JudgingEngine):
                backward = _Half.joined(self._backward[engine.type])
                tables.append(self._table(self._forward[engine.type], engine.type, forward=True))
                tables.append(self._table(backward, engine.type, forward=False))
        return EdgeTable.joined(tables).trimmed(self._limits)

    def candidates(self, engine: JudgingEngine) -> EdgeTable:
        """The likeliest pairs of each source chunk, the likelier ones of a chunk first."""
        return self._table(self._forward[engine.type], engine.type, forward=True)

    def _table(self, half: _Half, kind: ConnectionType, *, forward: bool) -> EdgeTable:
        used, codes = np.unique(half.places, return_inverse=True)
        others = (codes.reshape(-1) + len(self._source_ids)).astype(np.int32)
        return EdgeTable(
            np.concatenate([self._source_ids, self._target_ids[used]]),
            half.rows if forward else others,
            others if forward else half.rows,
            np.full(len(others), TYPES.index(kind), dtype=np.int8),
            half.strengths,
            np.full(len(others), NO_NOTE, dtype=np.int32),
        )


def _columns(ids: Ids) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    return ids[:, 0], ids[:, 1]
