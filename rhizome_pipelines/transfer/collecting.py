"""What of a document goes into an archive that can be imported again.

Every stored file goes in as it is, in its folder, whatever its type. The database has the last
word: where its chunks or vectors are not those of `chunks.json` and `embeddings.parquet`, these are
written from the rows. What only the database knows lies beside, in `rows/`.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol
from uuid import UUID

import numpy as np

from rhizome_pipelines.checkpoints.hashing import canonical_json
from rhizome_pipelines.checkpoints.keys import DocumentKeys, parse_checkpoint_name, user_prefix
from rhizome_pipelines.checkpoints.objects import ObjectMissingError, ObjectStore
from rhizome_pipelines.checkpoints.portable_manifest import (
    Fields,
    made_portable,
    manifest_bytes,
    read_manifest,
    with_other_file,
)
from rhizome_pipelines.checkpoints.verification import described
from rhizome_pipelines.lifecycle.errors import InvalidInputError, TransientError
from rhizome_pipelines.transfer.names import distinct_names, file_name, rows_name
from rhizome_pipelines.transfer.ports import DocumentFormats, DocumentRows, Record
from rhizome_pipelines.transfer.records import same_record
from rhizome_pipelines.transfer.segments import Opener, Outgoing

CHUNKS, EMBEDDINGS, DOCUMENT_MANIFEST = "chunks.json", "embeddings.parquet", "manifest.json"
DOCUMENT, CONNECTIONS, ANNOTATIONS = "document.json", "connections.json", "annotations.json"
VERSION = "1.0"

MAX_MANIFEST = 64 * 2**20
INVALID_WITHOUT = {
    CHUNKS: ("chunking", "embeddings", "connections"),
    EMBEDDINGS: ("embeddings", "connections"),
}
MANIFEST_NAMES = {CHUNKS: "chunks", EMBEDDINGS: "embeddings"}


@dataclass(frozen=True)
class Wanted:
    """What an export is to hold. `document_ids`: all that are exported together."""

    document_ids: Collection[UUID]
    connections: bool
    annotations: bool


class Collector(Protocol):
    """Lays out one document for a format."""

    def collect(self, document_id: UUID, rows: DocumentRows, scratch: Path) -> Sequence[Outgoing]:
        """The document's files; what has to be made for them lies in `scratch`."""


class WholeCollector(Collector):
    """Everything, to be imported again."""

    def __init__(
        self, objects: ObjectStore, user_id: UUID, formats: DocumentFormats, wanted: Wanted
    ) -> None:
        self._objects = objects
        self._user_id = user_id
        self._formats = formats
        self._wanted = wanted

    def collect(self, document_id: UUID, rows: DocumentRows, scratch: Path) -> Sequence[Outgoing]:
        """See `Collector`."""
        keys = DocumentKeys(self._user_id, document_id)
        stored = stored_files(self._objects, keys, rows.document)
        made = self._made(document_id, rows, stored, scratch)
        files = {name: from_storage(self._objects, key) for name, key in stored.items()}
        files |= {name: from_disk(path) for name, path in made.items()}
        if DOCUMENT_MANIFEST in stored:
            files |= self._manifest(keys, stored, made, scratch)
        named = {file_name(document_id, name): source for name, source in files.items()}
        for name, path in self._rows(keys, rows, stored, scratch):
            named[rows_name(document_id, name)] = from_disk(path)
        return [Outgoing(name, named[name]) for name in sorted(named)]

    def _made(
        self, document_id: UUID, rows: DocumentRows, stored: Mapping[str, str], scratch: Path
    ) -> dict[str, Path]:
        """The files that the rows tell otherwise than what is stored."""
        if not rows.chunk_count:
            return {}
        made = {}
        if not self._same_chunks(rows, stored.get(CHUNKS)):
            made[CHUNKS] = scratch / CHUNKS
            created_at = datetime.fromisoformat(rows.document["created_at"])
            self._formats.write_chunks(made[CHUNKS], document_id, created_at, rows.chunks())
        if rows.space and not self._same_vectors(rows, stored.get(EMBEDDINGS)):
            made[EMBEDDINGS] = scratch / EMBEDDINGS
            self._formats.write_vectors(made[EMBEDDINGS], document_id, rows.space, rows.vectors())
        return made

    def _same_chunks(self, rows: DocumentRows, key: str | None) -> bool:
        if key is None:
            return False
        try:
            with local_file(self._objects, key) as path:
                pairs = zip_longest(self._formats.read_chunks(path), rows.chunks())
                return all(one and other and same_record(one, other) for one, other in pairs)
        except InvalidInputError:
            return False  # what cannot be read is written anew

    def _same_vectors(self, rows: DocumentRows, key: str | None) -> bool:
        if key is None:
            return False
        try:
            with local_file(self._objects, key) as path:
                if self._formats.space(path, rows.chunk_count) != rows.space:
                    return False
                ours = (row for block in rows.vectors() for row in block)
                theirs = (row for block in self._formats.read_vectors(path) for row in block)
                return all(map(np.array_equal, ours, theirs))
        except InvalidInputError:
            return False

    def _manifest(
        self,
        keys: DocumentKeys,
        stored: Mapping[str, str],
        made: Mapping[str, Path],
        scratch: Path,
    ) -> dict[str, Opener]:
        """The document's own manifest without its user; it tells of the files as they go in."""
        info = self._objects.info(stored[DOCUMENT_MANIFEST])
        if info is None or info.size > MAX_MANIFEST:
            return {}
        try:
            fields: Fields = read_manifest(self._objects.read(stored[DOCUMENT_MANIFEST]))
        except InvalidInputError:
            return {}  # another program's: it goes in as it is
        made_portable(fields, keys, {key: name for name, key in stored.items()})
        for name, path in made.items():
            with_other_file(
                fields, MANIFEST_NAMES[name], name, described(name, path), INVALID_WITHOUT[name]
            )
        path = scratch / DOCUMENT_MANIFEST
        path.write_bytes(manifest_bytes(fields))
        return {DOCUMENT_MANIFEST: from_disk(path)}

    def _rows(
        self, keys: DocumentKeys, rows: DocumentRows, stored: Mapping[str, str], scratch: Path
    ) -> Iterator[tuple[str, Path]]:
        names = {key: name for name, key in stored.items()}
        record = {
            name: names.get(value) if name in {"storage_path", "markdown_path"} else value
            for name, value in rows.document.items()
        }
        envelope = {"version": VERSION, "document_id": str(keys.document_id)}
        path = scratch / f"rows-{DOCUMENT}"
        path.write_bytes(canonical_json({**envelope, **record}))
        yield DOCUMENT, path
        lists = (
            (self._wanted.connections, CONNECTIONS, rows.connections(self._wanted.document_ids)),
            (self._wanted.annotations, ANNOTATIONS, rows.annotations()),
        )
        for included, name, records in lists:
            if included:
                path = scratch / f"rows-{name}"
                _write_list(path, envelope, name.removesuffix(".json"), records)
                yield name, path


@contextmanager
def local_file(objects: ObjectStore, key: str) -> Iterator[Path]:
    """A stored file, locally. Raises TransientError if it has gone since it was listed."""
    try:
        with objects.local_copy(key) as path:
            yield path
    except ObjectMissingError:
        raise TransientError(
            f"The stored file {key!r} was removed while it was being exported; try again."
        ) from None


def from_storage(objects: ObjectStore, key: str) -> Opener:
    """The bytes of a stored file."""

    @contextmanager
    def opened() -> Iterator[BinaryIO]:
        with local_file(objects, key) as path, path.open("rb") as file:
            yield file

    return opened


def from_disk(path: Path) -> Opener:
    """The bytes of a local file."""
    return lambda: path.open("rb")


def stored_files(objects: ObjectStore, keys: DocumentKeys, document: Record) -> dict[str, str]:
    """Name in the document's folder → key, of all final files; the source may lie elsewhere.

    A bucket keeps names apart that would clash where the archive is unpacked: they are changed.
    """
    found = {
        info.key.removeprefix(keys.prefix): info.key
        for info in objects.list(keys.prefix)
        if not parse_checkpoint_name(info.key)
    }
    source = document.get("storage_path")
    if (
        isinstance(source, str)
        and source.startswith(user_prefix(keys.user_id))
        and source not in found.values()
        and (info := objects.info(source)) is not None
    ):
        name = f"source{PurePosixPath(info.key).suffix}"
        if name not in found:
            found[name] = info.key
    called = distinct_names({*found, CHUNKS, EMBEDDINGS, DOCUMENT_MANIFEST})
    return {called[name]: key for name, key in found.items()}


def _write_list(
    path: Path, envelope: Mapping[str, str], name: str, records: Iterable[Record]
) -> None:
    """A JSON file with a list, record by record on lines of their own."""
    with path.open("wb") as file:
        file.write(json.dumps(envelope).encode()[:-1] + f', "{name}": ['.encode())
        separator = b"\n"
        for record in records:
            file.write(separator + canonical_json(record))
            separator = b",\n"
        file.write(b"\n]}\n")
