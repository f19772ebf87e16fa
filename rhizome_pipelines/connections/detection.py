"""The stage `detection`: a document's connections made anew, by one of the modes.

Its first unit looks at what is stored, and writes the backup. Then the stage `connections` does
its work, over the corpus that the mode allows; its end deletes and writes in one transaction.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from rhizome_pipelines.checkpoints.hashing import canonical_json
from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.checkpoints.objects import ObjectStore
from rhizome_pipelines.connections.backup import Backup, verify_backup, write_backup
from rhizome_pipelines.connections.ports import (
    ChunkText,
    ChunkTraits,
    ConnectionArchive,
    ConnectionType,
    Corpus,
    CorpusDocument,
    Edge,
    EdgeCounts,
    EdgeSink,
    Judgement,
    VectorBlock,
)
from rhizome_pipelines.connections.reprocessing import (
    ReprocessMode,
    ReprocessWish,
    changes,
    given_up,
    needs_backup,
    preserved,
)
from rhizome_pipelines.connections.stage import CONNECTIONS_FILE, ConnectionsStage
from rhizome_pipelines.stages.stage import Facts, Pulse, StageOutput, Unit, silent

DETECTION_FILE = "detection.parquet"
"""What is stored after this job; as `connections.parquet`, which is the asset's own."""

STORED_UNIT = "stored"
"""Key of the unit that looks at what is stored."""

BuildStage = Callable[[Corpus, EdgeSink], ConnectionsStage]
"""The stage over a corpus and a sink, with all else as the deployment has it."""


@dataclass(frozen=True)
class _Before:
    """What was stored when the job began, and what is to become of it."""

    ids: Mapping[ConnectionType, Sequence[str]]
    newest: datetime | None
    discard: Sequence[Judgement]
    preserved: int
    backup: Backup | None

    def encode(self) -> bytes:
        return canonical_json(
            {
                "version": "1.0",
                "ids": {kind.value: list(ids) for kind, ids in self.ids.items()},
                "newest": self.newest and self.newest.isoformat(),
                "discard": [[str(d.connection), d.validated, d.starred] for d in self.discard],
                "preserved": self.preserved,
                "backup": self.backup and asdict(self.backup),
            }
        )

    @classmethod
    def decode(cls, part: bytes) -> "_Before":
        found = json.loads(part)
        return cls(
            {ConnectionType(kind): ids for kind, ids in found["ids"].items()},
            datetime.fromisoformat(found["newest"]) if found["newest"] else None,
            [Judgement(UUID(one), *judged) for one, *judged in found["discard"]],
            found["preserved"],
            Backup(**found["backup"]) if found["backup"] else None,
        )


class DetectionStage:
    """See `Stage`. `began` is when the job first began: the backup is named after it."""

    VERSION: ClassVar[str] = "1"

    def __init__(
        self,
        build: BuildStage,
        corpus: Corpus,
        sink: EdgeSink,
        archive: ConnectionArchive,
        keys: DocumentKeys,
        objects: ObjectStore,
        wish: ReprocessWish,
        began: datetime,
    ) -> None:
        self._archive = archive
        self._keys = keys
        self._objects = objects
        self._wish = wish
        self._began = began
        self._before: _Before | None = None
        self._inner = build(
            _AllowedCorpus(corpus, keys.document_id, self._allowed),
            _DiscardingSink(sink, self._discard),
        )

    @property
    def name(self) -> str:
        """`detection`."""
        return "detection"

    @property
    def version(self) -> str:
        """Of this stage and of the one that it holds."""
        return f"{self.VERSION}.{self._inner.version}"

    def dependencies(self) -> Mapping[str, str]:
        """Those of the connections, the wish, and the job that has it."""
        return {
            **self._inner.dependencies(),
            "wish": self._wish.model_dump_json(),
            "began": self._began.isoformat(),
        }

    def units(self) -> Sequence[Unit]:
        """What is stored; then the corpus, and blocks of source chunks."""
        return [Unit(STORED_UNIT, "what is stored", weight=1.0), *self._inner.units()]

    def recall(self, unit: Unit, part: bytes) -> None:
        """What was stored when the job began, and what is compared with, stay the same."""
        if unit.key == STORED_UNIT:
            self._before = _Before.decode(part)
        else:
            self._inner.recall(unit, part)

    def work(self, unit: Unit, pulse: Pulse) -> bytes:
        """Look at what is stored and write the backup; or a unit of the connections."""
        if unit.key == STORED_UNIT:
            self._before = self._look()
            return self._before.encode()
        return self._inner.work(unit, pulse)

    @property
    def ending_weight(self) -> float:
        """As the connections have it."""
        return self._inner.ending_weight

    def tell(self, pulse: Pulse) -> None:
        """See `LongEnding`."""
        self._inner.tell(pulse)

    def finish(self, parts: Iterable[tuple[Unit, bytes]], scratch: Path) -> StageOutput:
        """Verify the backup; then the connections are replaced, by the mode; then count."""
        rest: Iterator[tuple[Unit, bytes]] = iter(parts)
        _, first = next(rest)
        before = self._before = _Before.decode(first)
        if before.backup is not None:
            verify_backup(self._objects, before.backup)
        output = self._inner.finish(rest, scratch)
        path = scratch / DETECTION_FILE
        output.files[CONNECTIONS_FILE].rename(path)
        return StageOutput({DETECTION_FILE: path}, {**output.facts, **self._facts(before)})

    def missing_effects(self, facts: Facts) -> Sequence[str]:
        """As the connections have it."""
        return self._inner.missing_effects(facts)

    def _look(self) -> _Before:
        user, document = self._keys.user_id, self._keys.document_id
        stored = self._archive.stored(user, document, self._inner.types)
        judged = self._archive.judged(user, document, self._inner.types)
        discard = given_up(self._wish, judged)
        backup = None
        if needs_backup(self._wish, discard):
            backup = write_backup(self._objects, self._keys, judged, self._began)
        ids = {kind: [str(one) for one in found] for kind, found in stored.ids.items()}
        return _Before(ids, stored.newest, discard, preserved(judged, discard), backup)

    def _allowed(self) -> frozenset[UUID] | None:
        """The documents that the mode looks at; None for all.

        A stage that was not told what was stored looks at all, and `finish` puts it right.
        """
        newest = self._before.newest if self._before else None
        if self._wish.mode is not ReprocessMode.ADD_NEW or newest is None:
            return None
        return self._archive.embedded_since(self._keys.user_id, newest)

    def _discard(self) -> Sequence[Judgement]:
        return self._before.discard if self._before else ()

    def _facts(self, before: _Before) -> Mapping[str, Any]:
        now = self._archive.stored(self._keys.user_id, self._keys.document_id, self._inner.types)
        after = {kind: [str(one) for one in found] for kind, found in now.ids.items()}
        counts = {kind.value: dict(found) for kind, found in changes(before.ids, after).items()}
        return {
            "mode": self._wish.mode.value,
            "changes": counts,
            "validated_preserved": before.preserved,
            "backup_path": before.backup.path if before.backup else None,
            "backup_count": before.backup.count if before.backup else 0,
        }


class _AllowedCorpus(Corpus):
    """The corpus as far as the mode looks at it; the document itself is always there."""

    def __init__(
        self, corpus: Corpus, own: UUID, allowed: Callable[[], frozenset[UUID] | None]
    ) -> None:
        self._corpus = corpus
        self._own = own
        self._allowed = allowed

    def documents(self, user_id: UUID, model: str) -> Sequence[CorpusDocument]:
        allowed = self._allowed()
        documents = self._corpus.documents(user_id, model)
        if allowed is None:
            return documents
        return [d for d in documents if d.id == self._own or d.id in allowed]

    def vectors(
        self, user_id: UUID, model: str, document_ids: Sequence[UUID], block: int
    ) -> Iterator[VectorBlock]:
        return self._corpus.vectors(user_id, model, document_ids, block)

    def texts(self, user_id: UUID, chunk_ids: Sequence[UUID]) -> Mapping[UUID, ChunkText]:
        return self._corpus.texts(user_id, chunk_ids)

    def traits(self, user_id: UUID, chunk_ids: Sequence[UUID]) -> Mapping[UUID, ChunkTraits]:
        return self._corpus.traits(user_id, chunk_ids)


class _DiscardingSink(EdgeSink):
    """The sink, told which judgements no longer count."""

    def __init__(self, sink: EdgeSink, discard: Callable[[], Sequence[Judgement]]) -> None:
        self._sink = sink
        self._discard = discard

    def replace(
        self,
        user_id: UUID,
        document_id: UUID,
        limits: Mapping[ConnectionType, int],
        compared: Sequence[UUID],
        edges: Iterable[Edge],
        discard: Sequence[Judgement] = (),
        *,
        only: Collection[UUID] | None = None,
        pulse: Pulse = silent,
    ) -> EdgeCounts:
        given = [*discard, *self._discard()]
        return self._sink.replace(
            user_id, document_id, limits, compared, edges, given, only=only, pulse=pulse
        )

    def edges(self, user_id: UUID, document_id: UUID) -> Iterator[Edge]:
        return self._sink.edges(user_id, document_id)

    def count(self, user_id: UUID, document_id: UUID) -> int:
        return self._sink.count(user_id, document_id)
