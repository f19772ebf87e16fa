"""The stage `archive`: the documents of an export, one after the other, into one ZIP archive.

A unit is a document: its segment of the archive is streamed into the storage as the bulk of its
part, with everything as it was then. Then the segments are put together, without compressing
again, under the archive's own name. No local file is made but what has to be written for one
document (its chunks, vectors and connections), and, where the storage is a bucket, the one file
that is being read.
"""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel

from rhizome_pipelines.checkpoints.hashing import sha256
from rhizome_pipelines.checkpoints.keys import DocumentKeys, export_key, parse_checkpoint_name
from rhizome_pipelines.checkpoints.objects import ObjectMissingError, ObjectStore
from rhizome_pipelines.lifecycle.errors import InvalidInputError, TransientError
from rhizome_pipelines.stages.stage import Facts, Pulse, StageOutput, Unit
from rhizome_pipelines.transfer.collecting import Collector, from_disk
from rhizome_pipelines.transfer.export_manifest import ListedDocument, ListedFile, ManifestWriter
from rhizome_pipelines.transfer.inputs import ExportInput
from rhizome_pipelines.transfer.names import MANIFEST
from rhizome_pipelines.transfer.ports import ExportRows
from rhizome_pipelines.transfer.segments import (
    BLOCK,
    COMPRESSION,
    ArchiveWriter,
    Member,
    Outgoing,
    SegmentWriter,
)

_SHOWN = 10
_SHOWN_TITLE = 80
_ROWS_WEIGHT = 100_000
"""Bytes that a document's rows are taken for, beside its files."""


@dataclass(frozen=True)
class ExportOrder:
    """What is exported for whom. `name`: of the archive, without `.zip`; no two orders share it."""

    keys: DocumentKeys
    """Of the job."""
    name: str
    asked_at: datetime
    wanted: ExportInput


class ArchiveStage:
    """Writes the archive of one export."""

    VERSION: ClassVar[str] = "1"
    NAME: ClassVar[str] = "archive"

    def __init__(
        self, order: ExportOrder, objects: ObjectStore, rows: ExportRows, collector: Collector
    ) -> None:
        self._order = order
        self._objects = objects
        self._rows = rows
        self._collector = collector
        self._key = export_key(order.keys.user_id, order.name)

    @property
    def name(self) -> str:
        """`archive`."""
        return self.NAME

    @property
    def version(self) -> str:
        """`VERSION`."""
        return self.VERSION

    def dependencies(self) -> Mapping[str, str]:
        """The order, and the libraries that write. A document is as its unit finds it."""
        wanted = self._order.wanted.model_dump_json()
        return {
            "input:order": sha256(wanted.encode()),
            "archive": self._order.name,
            "compression": COMPRESSION,
            "pyarrow": installed_version("pyarrow"),
        }

    def units(self) -> Sequence[Unit]:
        """One for each document. Raises InvalidInputError that names those that are not there."""
        ids = self._order.wanted.document_ids
        missing = [str(one) for one in ids if one not in self._titles]
        if missing:
            more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
            raise InvalidInputError(
                f"{len(missing)} of the {len(ids)} documents to be exported are not this user's "
                f"or are gone: {', '.join(missing[:_SHOWN])}{more}. Leave them out."
            )
        sizes = [self._size(document_id) for document_id in ids]
        total, done, units = sum(sizes), 0, []
        for number, (document_id, size) in enumerate(zip(ids, sizes, strict=True), 1):
            done += size
            counters = {
                "documents_done": number,
                "documents_total": len(ids),
                "bytes_done": done,
                "bytes_total": total,
            }
            units.append(
                Unit(
                    key=f"document-{document_id}",
                    label=self._titles[document_id][:_SHOWN_TITLE] or str(document_id),
                    weight=float(size + _ROWS_WEIGHT),
                    counters=counters,
                )
            )
        return units

    def work(self, unit: Unit, pulse: Pulse) -> bytes:
        """Store the document's segment; what is kept says what is in it and what its bytes are."""
        document_id = UUID(unit.key.removeprefix("document-"))
        done = 0

        def told(size: int) -> None:
            nonlocal done
            done += size
            pulse(min(1.0, done / unit.weight), f"{unit.label}: {done / 1e6:,.1f} MB")

        with (
            self._rows.open(document_id) as rows,
            tempfile.TemporaryDirectory(prefix="rhizome-export-") as scratch,
        ):
            files = self._collector.collect(document_id, rows, Path(scratch))
            segment = SegmentWriter(files, told)
            hashed = _Hashed(segment.blocks())
            self._objects.write_blocks(self._order.keys.bulk(self.NAME, unit.key), hashed)
        kept = _Kept(
            title=self._titles[document_id],
            document_id=document_id,
            sha256=hashed.hexdigest(),
            members=segment.members,
        )
        return kept.model_dump_json().encode()

    def finish(self, parts: Iterable[tuple[Unit, bytes]], scratch: Path) -> StageOutput:
        """Put the segments together under the archive's own name; done again, it is the same."""
        hashed = _Hashed(self._archive(parts, scratch))
        self._objects.write_blocks(self._key, hashed)
        facts = {
            "key": self._key,
            "size": hashed.size,
            "sha256": hashed.hexdigest(),
            "document_count": len(self._order.wanted.document_ids),
        }
        return StageOutput({}, facts)

    def missing_effects(self, facts: Facts) -> Sequence[str]:
        """Says so if the archive is not there any more."""
        info = self._objects.info(str(facts["key"]))
        if info is None:
            return ["the archive is gone"]
        return [] if info.size == facts["size"] else ["the archive has another size"]

    def _archive(self, parts: Iterable[tuple[Unit, bytes]], scratch: Path) -> Iterator[bytes]:
        writer = ArchiveWriter()
        listing = scratch / MANIFEST
        wanted = self._order.wanted
        with listing.open("wb") as file:
            manifest = ManifestWriter(
                file, wanted.format, self._order.asked_at, len(wanted.document_ids)
            )
            for unit, payload in parts:
                kept = _Kept.model_validate_json(payload)
                yield from writer.segment(kept.members, self._segment(unit, kept))
                manifest.add(kept.listed)
            manifest.close()
        own = SegmentWriter([Outgoing(MANIFEST, from_disk(listing))], lambda _: None)
        yield from writer.segment(own.members, own.blocks())
        yield from writer.end()

    def _segment(self, unit: Unit, kept: "_Kept") -> Iterator[bytes]:
        """A document's segment as it was kept. Raises TransientError if it is not that any more."""
        keys = self._order.keys
        key = keys.bulk(self.NAME, unit.key)
        try:
            with self._objects.local_copy(key) as path, path.open("rb") as file:
                hashed = _Hashed(iter(lambda: file.read(BLOCK), b""))
                yield from hashed
        except ObjectMissingError:
            intact = False
        else:
            intact = hashed.hexdigest() == kept.sha256
        if not intact:
            self._objects.delete([keys.part(self.NAME, unit.key), key])
            raise TransientError(
                f"What was kept of {unit.label!r} for the archive is gone or was altered; it is "
                "collected again at the next try."
            )

    @cached_property
    def _titles(self) -> Mapping[UUID, str]:
        return self._rows.titles(self._order.wanted.document_ids)

    def _size(self, document_id: UUID) -> int:
        prefix = DocumentKeys(self._order.keys.user_id, document_id).prefix
        return sum(
            info.size for info in self._objects.list(prefix) if not parse_checkpoint_name(info.key)
        )


class _Kept(BaseModel):
    """What a unit's part holds: the document's files, and what the bytes of its segment are."""

    title: str
    document_id: UUID
    sha256: str
    members: list[Member]

    @property
    def listed(self) -> ListedDocument:
        """As the archive's manifest tells it."""
        files = [ListedFile(path=one.name, size=one.size, hash=one.sha256) for one in self.members]
        return ListedDocument(document_id=self.document_id, title=self.title, files=tuple(files))


class _Hashed:
    """Blocks on their way, counted and hashed."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = blocks
        self._digest = hashlib.sha256()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for block in self._blocks:
            self._digest.update(block)
            self.size += len(block)
            yield block

    def hexdigest(self) -> str:
        """Of what has gone by."""
        return self._digest.hexdigest()
