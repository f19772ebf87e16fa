"""From candidates to edges: texts and metadata are read, the engine decides, both ways are kept."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

import numpy as np

from rhizome_pipelines.connections.edge_table import EdgeTable, uuids_of
from rhizome_pipelines.connections.engine import Candidate, Finding, JudgingEngine, LoadTraits
from rhizome_pipelines.connections.ports import ChunkText, ChunkTraits
from rhizome_pipelines.stages.stage import Pulse

SLICE = 500
"""Candidates whose texts are in memory at once."""

_DECIMALS = 6
_NOTHING = ChunkTraits()

LoadTexts = Callable[[Sequence[UUID]], Mapping[UUID, ChunkText]]


def shares(pulse: Pulse, count: int) -> Sequence[Pulse]:
    """Pulses for `count` pieces of work, one after the other, that together fill one."""

    def share(number: int) -> Pulse:
        return lambda fraction, details: pulse((number + fraction) / count, details)

    return [share(number) for number in range(count)]


def judged(
    candidates: EdgeTable,
    engine: JudgingEngine,
    texts: LoadTexts,
    traits: LoadTraits,
    pulse: Pulse,
) -> tuple[EdgeTable, Counter[str]]:
    """The edges, both ways, of those candidates that the engine connects; and its numbers.

    A candidate one of whose chunks is gone is left out: the corpus has changed, and whoever asked
    will notice.
    """
    tables, told = [EdgeTable.empty()], Counter[str]()
    starts = range(0, len(candidates), SLICE)
    for start, heard in zip(starts, shares(pulse, len(starts)), strict=True):
        end = min(start + SLICE, len(candidates))
        rows = np.arange(start, end)
        table, numbers = _judged_slice(candidates.take(rows), engine, texts, traits, heard)
        what = engine.type.replace("_", " ")
        heard(1.0, f"read {end:,} of {len(candidates):,} likely pairs ({what})")
        tables.append(table)
        told.update(numbers)
    found = EdgeTable.joined(tables)
    return EdgeTable.joined([found, _turned(found)]), told


def _judged_slice(
    table: EdgeTable, engine: JudgingEngine, texts: LoadTexts, traits: LoadTraits, pulse: Pulse
) -> tuple[EdgeTable, Mapping[str, int]]:
    sources = uuids_of(table.ids[table.source])
    targets = uuids_of(table.ids[table.target])
    wanted = sorted({*sources, *targets})
    text, trait = texts(wanted), traits(wanted)
    there = [
        row for row, pair in enumerate(zip(sources, targets, strict=True)) if text.keys() >= {*pair}
    ]
    verdicts = engine.judge(
        [
            Candidate(
                text[sources[row]],
                text[targets[row]],
                trait.get(sources[row], _NOTHING),
                trait.get(targets[row], _NOTHING),
            )
            for row in there
        ],
        pulse,
    )
    found = [(row, f) for row, f in zip(there, verdicts.findings, strict=True) if f is not None]
    return _noted(table, found), verdicts.told


def _noted(table: EdgeTable, found: Sequence[tuple[int, Finding]]) -> EdgeTable:
    kept = table.take(np.array([row for row, _ in found], np.intp))
    return EdgeTable(
        kept.ids,
        kept.source,
        kept.target,
        kept.type,
        np.array([round(min(max(f.strength, 0.0), 1.0), _DECIMALS) for _, f in found], np.float64),
        np.arange(len(found), dtype=np.int32),
        [json.dumps(dict(f.metadata), ensure_ascii=False, sort_keys=True) for _, f in found],
    )


def _turned(table: EdgeTable) -> EdgeTable:
    return EdgeTable(
        table.ids, table.target, table.source, table.type, table.strength, table.note, table.notes
    )
