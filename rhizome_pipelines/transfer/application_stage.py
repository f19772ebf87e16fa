"""The stage `application`: the rows of an import, all in one transaction.

Units are batches of chunks that need vectors: those of documents whose vectors are missing, of
another model, or unwanted. With all vectors at hand, the rows are written at once.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version as installed_version
from itertools import groupby, islice
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import numpy as np

from rhizome_pipelines.checkpoints.hashing import canonical_json, sha256
from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.checkpoints.objects import ObjectStore
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.stages.batches import chunk_batches, chunk_range
from rhizome_pipelines.stages.stage import Facts, Pulse, StageOutput, Unit
from rhizome_pipelines.transfer.import_ports import (
    AppliedDocument,
    Embedder,
    ImportSink,
    IncomingDocument,
)
from rhizome_pipelines.transfer.incoming_documents import BundledRows, vectors_key
from rhizome_pipelines.transfer.plan import Plan, PlannedDocument
from rhizome_pipelines.transfer.ports import Record, Space, Vectors


class ApplicationStage:
    """Embeds what has to be embedded, and writes the rows.

    `scratch` is a local folder for as long as the stage lives. `plan` is the result of `reading`.
    """

    VERSION: ClassVar[str] = "2"
    NAME: ClassVar[str] = "application"

    def __init__(
        self,
        keys: DocumentKeys,
        objects: ObjectStore,
        rows: BundledRows,
        plan: Plan,
        embedder: Embedder,
        sink: ImportSink,
        *,
        regenerate: bool,
    ) -> None:
        self._keys = keys
        self._objects = objects
        self._rows = rows
        self._plan = plan
        self._embedder = embedder
        self._sink = sink
        self._regenerate = regenerate
        self._batches = dict(self._cut())
        self._cursor: tuple[UUID, int, Generator[Record, None, None]] | None = None

    @property
    def name(self) -> str:
        """`application`."""
        return self.NAME

    @property
    def version(self) -> str:
        """`VERSION`."""
        return self.VERSION

    def dependencies(self) -> Mapping[str, str]:
        """The plan, and the model where it is asked."""
        found = {"input:plan": sha256(canonical_json(self._plan.model_dump(mode="json")))}
        if self._batches:
            found["model:embedding"] = self._embedder.model
            found["model:version"] = self._embedder.version
            found["pyarrow"] = installed_version("pyarrow")
        return found

    def units(self) -> Sequence[Unit]:
        """Batches of chunks to be embedded; none if all vectors have come along."""
        return [unit for _, unit in self._batches.values()]

    def work(self, unit: Unit, pulse: Pulse) -> bytes:
        """The vectors of the unit's chunks, as float32."""
        planned, _ = self._batches[unit.key]
        vectors = self._embedder.embed(self._records(planned, _range(unit)))
        return np.ascontiguousarray(vectors, dtype="<f4").tobytes()

    def finish(self, parts: Iterable[tuple[Unit, bytes]], scratch: Path) -> StageOutput:
        """Write the vectors' files, then all rows at once."""
        spaces: dict[UUID, Space] = {}
        files: dict[UUID, Path] = {}
        for planned, batches in groupby(parts, lambda part: self._batches[part[0].key][0]):
            path = scratch / f"{planned.document_id}.parquet"
            spaces[planned.document_id] = self._write(path, planned, batches)
            self._objects.write_file(vectors_key(self._keys, planned.document_id), path)
            files[planned.document_id] = path
        incoming = [self._incoming(planned, spaces, files) for planned in self._plan.documents]
        applied = self._sink.apply(one for one in incoming if one is not None)
        return StageOutput({}, self._facts(applied, incoming, files))

    def missing_effects(self, facts: Facts) -> Sequence[str]:
        """Says so if the chunks that were written are not there as they were written."""
        written = {UUID(key): digest for key, digest in facts["digests"].items()}
        stored = self._sink.digests(list(written))
        return [
            f"the chunks of document {one} in the database are others"
            for one, digest in written.items()
            if stored.get(one) != digest
        ]

    def close(self) -> None:
        """Close what is open of the bundle."""
        if self._cursor is not None:
            self._cursor[2].close()

    # Embedding

    def _cut(self) -> Iterator[tuple[str, tuple[PlannedDocument, Unit]]]:
        wanted = [d for d in self._plan.documents if d.brings_rows and not self._usable(d)]
        total, done = sum(planned.chunk_count for planned in wanted), 0
        for planned in wanted:
            size = self._embedder.batch_size
            for batch in chunk_batches(planned.chunk_count, size, "chunks_embedded"):
                done += len(chunk_range(batch))
                key = f"document-{planned.document_id}-{batch.key}"
                label = f"{planned.title[:60]}: {batch.label}"
                counters = {"chunks_embedded": done, "chunks_total": total}
                unit = Unit(key, label, batch.weight, counters)
                yield key, (planned, unit)

    def _usable(self, planned: PlannedDocument) -> bool:
        return planned.model == self._embedder.model and not self._regenerate

    def _records(self, planned: PlannedDocument, batch: range) -> list[Record]:
        """The chunks of a batch; batches that follow each other read the file once."""
        cursor, self._cursor = self._cursor, None
        if cursor is None or cursor[0] != planned.document_id or cursor[1] > batch.start:
            if cursor is not None:
                cursor[2].close()
            cursor = (planned.document_id, 0, self._rows.records(planned.document_id))
        document_id, at, stream = cursor
        records = list(islice(stream, batch.start - at, batch.stop - at))
        self._cursor = (document_id, batch.stop, stream)
        return records

    def _write(
        self, path: Path, planned: PlannedDocument, batches: Iterable[tuple[Unit, bytes]]
    ) -> Space:
        """Write the vectors of a document's batches; their space."""
        widths = set[int]()

        def blocks() -> Iterator[Vectors]:
            for unit, payload in batches:
                block = np.frombuffer(payload, dtype="<f4").reshape(len(_range(unit)), -1)
                widths.add(block.shape[1])
                if len(widths) > 1:
                    raise InvalidInputError(
                        f"The model {self._embedder.model} answered with vectors of different "
                        "widths; restart the import."
                    )
                yield block

        stream = blocks()
        first = next(stream)
        space = Space(self._embedder.model, first.shape[1])
        whole = (block for part in ([first], stream) for block in part)
        self._rows.formats.write_vectors(path, planned.document_id, space, whole)
        return space

    # Rows

    def _incoming(
        self, planned: PlannedDocument, spaces: Mapping[UUID, Space], files: Mapping[UUID, Path]
    ) -> IncomingDocument | None:
        made = files.get(planned.document_id)
        space = spaces.get(planned.document_id)
        if made is None and planned.model is not None and planned.chunk_count:
            space = Space(planned.model, planned.dimensions)
        return self._rows.incoming(planned, space, made)

    def _facts(
        self,
        applied: Sequence[AppliedDocument],
        incoming: Sequence[IncomingDocument | None],
        files: Mapping[UUID, Path],
    ) -> dict[str, Any]:
        digests = {
            str(one.document_id): one.digest for one in incoming if one is not None and one.digest
        }
        return {
            "plan": self._plan.model_dump(mode="json"),
            "applied": [one.model_dump(mode="json") for one in applied],
            "digests": digests,
            "embedded": sorted(str(one) for one in files),
            "spaces": {
                str(one.document_id): [one.space.model, one.space.dimensions]
                for one in incoming
                if one is not None and one.space is not None
            },
        }


def _range(unit: Unit) -> range:
    return chunk_range(Unit("-".join(["chunks", *unit.key.split("-")[-2:]]), unit.label))
