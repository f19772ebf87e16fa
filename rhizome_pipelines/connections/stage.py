"""The stage `connections`: a document's vectors against those of the user's other documents."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar
from uuid import UUID

import numpy as np

from rhizome_pipelines.connections.comparison import Comparison
from rhizome_pipelines.connections.config import ConnectionsConfig
from rhizome_pipelines.connections.edge_table import (
    EdgeMerger,
    EdgeTable,
    decode_part,
    encode_part,
    part_compared_with,
    part_told,
)
from rhizome_pipelines.connections.ending import Ending
from rhizome_pipelines.connections.engine import Block, ConnectionEngine, JudgingEngine
from rhizome_pipelines.connections.judging import judged, shares
from rhizome_pipelines.connections.pin import PinnedCorpus
from rhizome_pipelines.connections.ports import (
    ChunkText,
    ChunkTraits,
    ConnectionType,
    Corpus,
    CorpusDocument,
    EdgeSink,
    VectorBlock,
)
from rhizome_pipelines.connections.ranking import ranked
from rhizome_pipelines.lifecycle.errors import TransientError
from rhizome_pipelines.lifecycle.stage_names import StageName
from rhizome_pipelines.stages.batches import chunk_batches, chunk_range
from rhizome_pipelines.stages.stage import Facts, Pulse, StageOutput, Unit, silent

CONNECTIONS_FILE = "connections.parquet"

CORPUS_UNIT = "corpus"
"""Key of the unit that fixes what is compared with."""

_TRIES = 3


class ConnectionsStage:
    """Finds one document's connections, in both directions, and replaces the stored ones.

    `model` is the recorded name of the embedding model; `embeddings_digest` identifies the
    document's vectors as the embedding stage stored them.
    """

    VERSION: ClassVar[str] = "3"

    def __init__(
        self,
        document_id: UUID,
        user_id: UUID,
        model: str,
        embeddings_digest: str,
        corpus: Corpus,
        sink: EdgeSink,
        engines: Sequence[ConnectionEngine],
        config: ConnectionsConfig,
    ) -> None:
        if len({engine.type for engine in engines}) != len(engines):
            raise ValueError("two engines find connections of one type")
        self._document_id = document_id
        self._user_id = user_id
        self._model = model
        self._embeddings_digest = embeddings_digest
        self._corpus = corpus
        self._sink = sink
        self._engines = engines
        self._config = config
        self._selection = config.selection
        self._weights = config.weights
        self._limits = {e.type: min(e.limit, config.per_chunk) for e in engines}
        self._pin: PinnedCorpus | None = None
        self._pulse: Pulse = silent

    @property
    def name(self) -> str:
        """`connections`."""
        return StageName.CONNECTIONS.value

    @property
    def version(self) -> str:
        """Of this package's output."""
        return self.VERSION

    @property
    def types(self) -> Sequence[ConnectionType]:
        """Of the connections that are looked for."""
        return list(self._limits)

    def dependencies(self) -> Mapping[str, str]:
        """The document's vectors and the engines; the corpus is pinned by the first part."""
        found = {
            "document_id": str(self._document_id),
            "user_id": str(self._user_id),
            "input:embeddings": self._embeddings_digest,
            "model:embedding": self._model,
        }
        if self._selection is not None:
            found["input:chunks"] = self._selection.digest
        for engine in self._engines:
            found[f"engine:{engine.type}"] = engine.version
            found[f"{engine.type}.limit"] = str(self._limits[engine.type])
            found[f"{engine.type}.weight"] = repr(self._weights.share(engine.type))
            for name, value in engine.dependencies().items():
                found[f"{engine.type}.{name}"] = value
        return found

    def units(self) -> Sequence[Unit]:
        """First the corpus, then blocks of source chunks."""
        corpus = Unit(CORPUS_UNIT, "the other documents", weight=1.0)
        own = self._own.chunk_count
        count = own if self._selection is None else len(self._selection.ids)
        return [corpus, *chunk_batches(count, self._config.source_block, "chunks_compared")]

    def recall(self, unit: Unit, part: bytes) -> None:
        """Learn from a part that an earlier attempt kept: what is compared with stays the same.

        A stage that is not told compares with what it finds, and `finish` puts it right.
        """
        if unit.key == CORPUS_UNIT:
            self._pin = PinnedCorpus.decode(part)

    def work(self, unit: Unit, pulse: Pulse) -> bytes:
        """Pin the corpus; or the edges of the unit's chunks, as Parquet."""
        if unit.key == CORPUS_UNIT:
            self._pin = PinnedCorpus.of(self._others())
            return self._pin.encode()
        pin = self._pin if self._pin is not None else PinnedCorpus.of(self._others())
        return self._compared(unit, pin, pulse)

    @property
    def ending_weight(self) -> float:
        """About as much again as all comparisons: every connection gets words, a row and a line."""
        return float(sum(len(chunk_range(unit)) for unit in self.units()[1:]))

    def tell(self, pulse: Pulse) -> None:
        """See `LongEnding`."""
        self._pulse = pulse

    def finish(self, parts: Iterable[tuple[Unit, bytes]], scratch: Path) -> StageOutput:
        """Join the edges, replace the stored ones, then write the file of what is stored."""
        join, replace, write = shares(self._pulse, 3)
        table, told, pin, now = self._merged(iter(parts), join)
        only = None if self._selection is None else self._selection.ids
        ending = Ending(
            self._user_id, self._document_id, self._sink, self._engines, self._limits, self._texts
        )
        ending.replace_rows(ranked(table, self._weights), now.ids, only, replace)
        path = scratch / CONNECTIONS_FILE
        statistics = ending.write_file(path, self._model, write)
        facts = {
            **statistics.facts(),
            "model": self._model,
            "settings": {e.type.value: dict(e.dependencies()) for e in self._engines},
            "by_engine": statistics.by_engine(self._weights, told),
            "corpus_digest": now.digest,
            "corpus_documents": len(now.documents),
            "corpus_chunks": now.chunk_count,
            "left_out": [str(i) for i in sorted({*pin.ids} - {*now.ids})],
        }
        return StageOutput({CONNECTIONS_FILE: path}, facts)

    def missing_effects(self, facts: Facts) -> Sequence[str]:
        """Says so if connections were found and none is stored.

        Fewer is no sign of loss: other documents' stronger connections push weaker ones out.
        """
        if facts["connections"] and not self._sink.count(self._user_id, self._document_id):
            return [f"none of the {facts['connections']} connections is in the database"]
        return []

    def _merged(
        self, parts: Iterator[tuple[Unit, bytes]], pulse: Pulse
    ) -> tuple[EdgeTable, Mapping[str, int], PinnedCorpus, PinnedCorpus]:
        """Edges and numbers of all parts, what was pinned, and what of it is still there.

        A part that was compared with something else is done again, because a chunk that is gone
        may have pushed out one that should now be among the strongest.
        """
        _, first = next(parts)
        pin = PinnedCorpus.decode(first)
        now = pin.still_in(self._listing())
        merger = EdgeMerger(self._limits)
        told = Counter[str]()
        units = self.units()
        for number, (unit, kept) in enumerate(parts, 1):
            pulse(number / len(units), f"joining what was found: {unit.label}")
            fits = part_compared_with(kept) == now.digest
            data = kept if fits else self._compared(unit, now, silent)
            merger.add(decode_part(data))
            told.update(part_told(data))
        return merger.result(), told, pin, now

    def _compared(self, unit: Unit, pin: PinnedCorpus, pulse: Pulse) -> bytes:
        """The unit's edges to those pinned documents that are there, unchanged, all the while."""
        batch = chunk_range(unit)
        for _ in range(_TRIES):
            before = pin.still_in(self._listing())
            sources = self._source_block(batch.start, batch.stop - 1)
            edges, told = self._edges(sources, before, pulse)
            if pin.still_in(self._listing()) == before:
                return encode_part(edges, before.digest, told)
        raise TransientError(
            "The user's other documents keep changing while connections are looked for; "
            "this is tried again later.",
            again_at_once=False,
        )

    def _edges(
        self, sources: VectorBlock, pin: PinnedCorpus, pulse: Pulse
    ) -> tuple[EdgeTable, Mapping[str, int]]:
        comparison = Comparison(Block(sources, self._traits), self._engines, self._limits)
        judges = [engine for engine in self._engines if isinstance(engine, JudgingEngine)]
        compare, *judge = shares(pulse, 1 + len(judges))
        total, done = max(pin.chunk_count, 1), 0
        if pin.documents:
            for block in self._vectors(pin.ids, self._config.corpus_block):
                comparison.add(Block(block, self._traits))
                done += len(block.ids)
                compare(min(done / total, 1.0), f"compared with {done:,} of {total:,} chunks")
        tables, told = [comparison.edges()], Counter[str]()
        for engine, heard in zip(judges, judge, strict=True):
            candidates = comparison.candidates(engine)
            found, numbers = judged(candidates, engine, self._texts, self._traits, heard)
            tables.append(found)
            told.update({f"{engine.type}.{name}": n for name, n in numbers.items()})
        return EdgeTable.joined(tables).trimmed(self._limits), told

    def _source_block(self, first: int, last: int) -> VectorBlock:
        """The document's chunks `first` to `last`, in its order."""
        kept: list[VectorBlock] = []
        position = 0
        blocks = self._vectors([self._document_id], self._config.source_block)
        for block in blocks if self._selection is None else self._selection.of(blocks):
            wanted = slice(max(first - position, 0), max(last + 1 - position, 0))
            position += len(block.ids)
            kept.append(
                VectorBlock(block.ids[wanted], block.document_ids[wanted], block.vectors[wanted])
            )
            if position > last:
                break
        joined = VectorBlock(
            [identifier for block in kept for identifier in block.ids],
            [identifier for block in kept for identifier in block.document_ids],
            np.concatenate([block.vectors for block in kept]),
        )
        if len(joined.ids) != last - first + 1:
            raise self._changed()
        return joined

    def _vectors(self, documents: Sequence[UUID], block: int) -> Iterator[VectorBlock]:
        return self._corpus.vectors(self._user_id, self._model, documents, block)

    def _traits(self, chunk_ids: Sequence[UUID]) -> Mapping[UUID, ChunkTraits]:
        return self._corpus.traits(self._user_id, chunk_ids)

    def _texts(self, chunk_ids: Sequence[UUID]) -> Mapping[UUID, ChunkText]:
        return self._corpus.texts(self._user_id, chunk_ids)

    @cached_property
    def _own(self) -> CorpusDocument:
        return self._check_own(self._corpus.documents(self._user_id, self._model))

    def _listing(self) -> Sequence[CorpusDocument]:
        """All documents now. Raises TransientError if this one's vectors are not the expected."""
        documents = self._corpus.documents(self._user_id, self._model)
        self._check_own(documents)
        return documents

    def _others(self) -> list[CorpusDocument]:
        return [d for d in self._listing() if d.id != self._document_id]

    def _check_own(self, documents: Sequence[CorpusDocument]) -> CorpusDocument:
        for document in documents:
            if document.id == self._document_id and document.digest == self._embeddings_digest:
                return document
        raise self._changed()

    def _changed(self) -> TransientError:
        return TransientError(
            "The document's vectors in the database are not those that its embedding stage "
            "stored; the next attempt embeds it again.",
            again_at_once=False,
        )
