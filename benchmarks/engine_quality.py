"""Precision and recall of each engine on a small set of our own, without a chat endpoint.

The pairs of `engine_labels/pairs.jsonl` and of `connection_quality/pairs.jsonl` were written for
this purpose by those who wrote the engines: they tell whether an engine does what it is meant to,
and where it is blind, not how it fares on a library. `kind` says what makes a pair easy or hard;
each is told apart. `strangers` are first and second passages of pairs of different domains: nobody
has labelled them, nearly all are unrelated, so nearly each one that is connected is wrong.

Passages of one domain and side make up one document, which is embedded and described as the
pipeline does it by default; then blocks are compared and judged by the engines themselves.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from benchmarks.workshop import Workshop
from rhizome_pipelines.chunking.enrichment import EnrichmentInput
from rhizome_pipelines.chunking.heuristics import HeuristicEnricher
from rhizome_pipelines.connections.choice import EnginesConfig, build_engines
from rhizome_pipelines.connections.comparison import Comparison
from rhizome_pipelines.connections.edge_table import EdgeTable, uuids_of
from rhizome_pipelines.connections.engine import Block, ConnectionEngine, JudgingEngine
from rhizome_pipelines.connections.judging import judged
from rhizome_pipelines.connections.ports import (
    ChunkText,
    ChunkTraits,
    ConnectionType,
    VectorBlock,
)
from rhizome_pipelines.embedding import EmbeddingConfig, open_model

HERE = Path(__file__).parent
LABELS = HERE / "engine_labels" / "pairs.jsonl"
SIMILARITY = HERE / "connection_quality" / "pairs.jsonl"
_NAMESPACE = UUID(int=0)


@dataclass(frozen=True)
class Labelled:
    """A pair of passages, and whether it is what the engine looks for."""

    label: bool
    kind: str
    texts: tuple[str, str]
    domains: tuple[str, str]


@dataclass(frozen=True)
class Passages:
    """One side of all pairs of an engine, as chunks."""

    ids: Sequence[UUID]
    texts: Mapping[UUID, ChunkText]
    traits: Mapping[UUID, ChunkTraits]


def measure(workshop: Workshop) -> dict[str, Any]:
    """For each engine: what it found of the true pairs, of the others, and among strangers."""
    model = open_model(EmbeddingConfig())
    config = EnginesConfig(
        alike=model.connection_threshold or 0.5,
        thresholds={ConnectionType.SEMANTIC_SIMILARITY: model.connection_threshold or 0.5},
    )
    found = {}
    for engine in build_engines(config):
        pairs = labelled(engine.type)
        found[engine.type.value] = score(pairs, connected(pairs, engine, model))
    return {"model": model.name, "engines": found}


def labelled(kind: ConnectionType) -> list[Labelled]:
    """The pairs that are labelled for an engine."""
    if kind is ConnectionType.SEMANTIC_SIMILARITY:
        rows = [r for r in _rows(SIMILARITY) if r["label"] != "same_topic"]
        return [
            Labelled(
                row["label"] == "related",
                row["length"],
                (row["a"], row["b"]),
                # The second passage of an unrelated pair is from anywhere.
                (row["domain"], row["domain"] if row["label"] == "related" else ""),
            )
            for row in rows
        ]
    return [
        Labelled(
            row["label"], row["kind"], (row["a"], row["b"]), (row["domain_a"], row["domain_b"])
        )
        for row in _rows(LABELS)
        if row["engine"] == kind
    ]


def connected(
    pairs: Sequence[Labelled], engine: ConnectionEngine, model: Any
) -> set[tuple[int, int]]:
    """Numbers of the first and second passages that the engine connects."""
    sides = [_passages(pairs, 0), _passages(pairs, 1)]
    texts = {**sides[0].texts, **sides[1].texts}
    traits = {**sides[0].traits, **sides[1].traits}
    here, there = (
        Block(
            VectorBlock(
                side.ids,
                [side.texts[i].document_id for i in side.ids],
                model.embed([side.texts[i].content for i in side.ids]),
            ),
            lambda ids: traits,
        )
        for side in sides
    )
    comparison = Comparison(here, [engine], {engine.type: engine.limit})
    comparison.add(there)
    if isinstance(engine, JudgingEngine):
        candidates = comparison.candidates(engine)
        table, _ = judged(
            candidates, engine, lambda ids: texts, lambda ids: traits, lambda fraction, words: None
        )
    else:
        table = comparison.edges()
    places = [{identifier: n for n, identifier in enumerate(side.ids)} for side in sides]
    return {
        (places[0][source], places[1][target])
        for source, target in _edges(table)
        if source in places[0] and target in places[1]
    }


def score(pairs: Sequence[Labelled], found: set[tuple[int, int]]) -> dict[str, Any]:
    """Precision over the labelled pairs, recall over the true ones, each kind and the strangers."""
    right = sum(pair.label and (n, n) in found for n, pair in enumerate(pairs))
    wrong = sum(not pair.label and (n, n) in found for n, pair in enumerate(pairs))
    true = sum(pair.label for pair in pairs)
    strange = {
        (one, two)
        for one, first in enumerate(pairs)
        for two, second in enumerate(pairs)
        if second.domains[1] not in ("", first.domains[0], first.domains[1])
    }
    kinds: dict[str, dict[str, Any]] = {}
    for n, pair in enumerate(pairs):
        kind = kinds.setdefault(
            f"{'true' if pair.label else 'false'}: {pair.kind}", {"pairs": 0, "connected": 0}
        )
        kind["pairs"] += 1
        kind["connected"] += (n, n) in found
    return {
        "true_pairs": true,
        "false_pairs": len(pairs) - true,
        "precision": right / (right + wrong) if right + wrong else None,
        "recall": right / true,
        "kinds": kinds,
        "strangers": len(strange),
        "strangers_connected": len(strange & found),
    }


def tables(found: dict[str, Any]) -> str:
    """Two tables: the engines, and where they see and are blind."""
    lines = [
        "| engine | true pairs | others | precision | recall | strangers connected |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, engine in found["engines"].items():
        precision = "none found" if engine["precision"] is None else f"{engine['precision']:.2f}"
        lines.append(
            f"| {name} | {engine['true_pairs']} | {engine['false_pairs']} | {precision} "
            f"| {engine['recall']:.2f} | {engine['strangers_connected']} of "
            f"{engine['strangers']:,} |"
        )
    lines += ["", "| engine | kind of pair | connected |", "|---|---|---:|"]
    for name, engine in found["engines"].items():
        lines += [
            f"| {name} | {kind} | {counts['connected']} of {counts['pairs']} |"
            for kind, counts in engine["kinds"].items()
        ]
    return "\n".join(lines)


def _passages(pairs: Sequence[Labelled], side: int) -> Passages:
    ids = [uuid5(_NAMESPACE, f"{side} {number}") for number in range(len(pairs))]
    by_domain: dict[str, list[int]] = {}
    for number, pair in enumerate(pairs):
        by_domain.setdefault(pair.domains[side], []).append(number)
    texts, traits = {}, {}
    for domain, numbers in by_domain.items():
        document = uuid5(_NAMESPACE, f"{side} {domain}")
        chunks = [
            EnrichmentInput(index, pairs[number].texts[side], ())
            for index, number in enumerate(numbers)
        ]
        enricher = HeuristicEnricher(lambda count, chunks=chunks: chunks, len(chunks))  # type: ignore[misc]
        for chunk, number in zip(chunks, numbers, strict=True):
            described = enricher.describe(chunk)
            texts[ids[number]] = ChunkText(
                ids[number], document, domain, chunk.index, chunk.text, ()
            )
            traits[ids[number]] = ChunkTraits(
                [concept.text for concept in described.concepts],
                described.polarity,
                described.importance,
                described.domain,
                key=True,  # no document of the set has more than 50 chunks
                confidence=described.confidence,
            )
    return Passages(ids, texts, traits)


def _edges(table: EdgeTable) -> list[tuple[UUID, UUID]]:
    sources, targets = uuids_of(table.ids[table.source]), uuids_of(table.ids[table.target])
    return list(zip(sources, targets, strict=True))


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
