"""What is imported: an archive of ours, or one `chunks.json` that lies in the storage."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from rhizome_pipelines.checkpoints.hashing import sha256_file
from rhizome_pipelines.checkpoints.keys import parse_checkpoint_name
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.transfer.archive import (
    Archive,
    ArchiveLimits,
    RefusedArchiveError,
    open_archive,
)
from rhizome_pipelines.transfer.collecting import ANNOTATIONS, CHUNKS, CONNECTIONS, DOCUMENT
from rhizome_pipelines.transfer.export_manifest import (
    MAX_MANIFEST,
    ExportManifest,
    ListedDocument,
    ListedFile,
)
from rhizome_pipelines.transfer.inputs import ExportFormat
from rhizome_pipelines.transfer.names import MANIFEST, file_name, is_litter, rows_name
from rhizome_pipelines.transfer.segments import BLOCK

_LOOKED_AT = 4_096
"""Bytes by which a file is told."""
_MAGIC = {
    b"%PDF": "a PDF",
    b"PAR1": "a Parquet table",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
}
_ROWS = frozenset({DOCUMENT, CONNECTIONS, ANNOTATIONS})


@dataclass(frozen=True)
class BundledDocument:
    """A document: its files by their name in its folder, and what the database knew of it."""

    document_id: UUID
    title: str
    files: Mapping[str, ListedFile]
    rows: Mapping[str, ListedFile]

    @property
    def size(self) -> int:
        """Bytes of all."""
        return sum(file.size for file in (*self.files.values(), *self.rows.values()))


class Bundle(Protocol):
    """What is imported. Sizes and hashes are as it claims; whoever reads it compares."""

    @property
    def digest(self) -> str:
        """SHA-256 of the whole (64 hex)."""

    @property
    def documents(self) -> Sequence[BundledDocument]:
        """In their order."""

    def blocks(self, file: ListedFile) -> Iterator[bytes]:
        """A file's bytes. Raises RefusedArchiveError where they are damaged."""

    def extracted(self, file: ListedFile, folder: Path) -> AbstractContextManager[Path]:
        """A local copy in `folder`."""


class ArchiveBundle:
    """An archive, whose manifest and directory agree."""

    def __init__(self, path: Path, archive: Archive, only: UUID | None) -> None:
        """`only` leaves the other documents out. Raises RefusedArchiveError."""
        archive = _unwrapped(archive)
        self._archive = archive
        self._path = path
        if MANIFEST not in archive.sizes:
            raise RefusedArchiveError("it has no manifest.json, so it is no export of Rhizome")
        manifest = ExportManifest.read(archive.read(MANIFEST, MAX_MANIFEST))
        if manifest.format is not ExportFormat.ZIP:
            raise InvalidInputError(
                f"An export of the format {manifest.format} is for reading and cannot be imported; "
                "export with the format zip."
            )
        reasons = _disagreements(archive, manifest)
        if reasons:
            raise RefusedArchiveError(*reasons)
        self.documents = [
            _bundled(one) for one in manifest.documents if only in {None, one.document_id}
        ]
        if not self.documents:
            raise InvalidInputError(f"The archive has no document {only or ''}".rstrip() + ".")

    @property
    def digest(self) -> str:
        """See `Bundle`."""
        return sha256_file(self._path)

    def blocks(self, file: ListedFile) -> Iterator[bytes]:
        """See `Bundle`."""
        return self._archive.blocks(file.path)

    def extracted(self, file: ListedFile, folder: Path) -> AbstractContextManager[Path]:
        """See `Bundle`."""
        return self._archive.extracted(file.path, folder)


class ChunksBundle:
    """One `chunks.json`, for a document that is there."""

    def __init__(self, path: Path, document_id: UUID) -> None:
        self._path = path
        self.digest = sha256_file(path)
        listed = ListedFile(path=CHUNKS, size=path.stat().st_size, hash=self.digest)
        self.documents = [BundledDocument(document_id, "", {CHUNKS: listed}, {})]

    def blocks(self, file: ListedFile) -> Iterator[bytes]:
        """See `Bundle`."""
        with self._path.open("rb") as stream:
            yield from iter(lambda: stream.read(BLOCK), b"")

    @contextmanager
    def extracted(self, file: ListedFile, folder: Path) -> Iterator[Path]:
        """See `Bundle`."""
        yield self._path


@contextmanager
def open_bundle(path: Path, limits: ArchiveLimits, document_id: UUID | None) -> Iterator[Bundle]:
    """What the local file holds: told by its first bytes, not by its name.

    Raises InvalidInputError: hostile, damaged, of an unknown version, or without that document.
    """
    if is_archive(path, document_id):
        with open_archive(path, limits) as archive:
            yield ArchiveBundle(path, archive, document_id)
    elif document_id is not None:
        yield ChunksBundle(path, document_id)


def _unwrapped(archive: Archive) -> Archive:
    """Of an export that somebody has unpacked and packed again as a folder: what is in that."""
    folders = {name.partition("/")[0] for name in archive.sizes if not is_litter(name)}
    if len(folders) != 1 or MANIFEST in archive.sizes:
        return archive
    prefix = f"{folders.pop()}/"
    return archive.below(prefix) if prefix + MANIFEST in archive.sizes else archive


def is_archive(path: Path, document_id: UUID | None) -> bool:
    """Whether it begins as an archive; if not, it begins as the `chunks.json` of that document.

    Raises InvalidInputError for anything else, and for a `chunks.json` of no document.
    """
    with path.open("rb") as file:
        beginning = file.read(_LOOKED_AT)
    if beginning.startswith(b"PK"):
        return True
    if not beginning.lstrip().startswith(b"{"):
        raise InvalidInputError(
            f"What is to be imported is {_kind(beginning)}; an import takes an archive that was "
            "exported with the format zip, or one chunks.json."
        )
    if document_id is None:
        raise InvalidInputError(
            "What is to be imported is no ZIP archive. To import a chunks.json, name its document "
            "too: `rhizome import --document ID`, or document_id in the job's input."
        )
    return False


def _kind(beginning: bytes) -> str:
    if not beginning:
        return "an empty file"
    named = next((kind for magic, kind in _MAGIC.items() if beginning.startswith(magic)), None)
    if named is not None:
        return named
    # The last character may be cut off.
    text = beginning.decode("utf-8", "ignore").encode()
    is_text = b"\0" not in beginning and len(beginning) - len(text) <= 3
    return "a text" if is_text else "a file of an unknown kind"


def _disagreements(archive: Archive, manifest: ExportManifest) -> list[str]:
    """Where manifest and directory tell different things."""
    reasons = []
    listed: set[str] = {MANIFEST}
    for document in manifest.documents:
        for file in document.files:
            shown = f"{file.path[:200]!a}"
            if file.path in listed:
                reasons.append(f"{shown} is listed twice")
            elif archive.sizes.get(file.path) != file.size:
                reasons.append(f"{shown} is missing, or not as large as the manifest says")
            elif not _belongs(file.path, document.document_id):
                reasons.append(f"{shown} is no file of its document")
            listed.add(file.path)
    reasons += [
        f"{name[:200]!a} is not in the manifest"
        for name in archive.sizes
        if name not in listed and not is_litter(name)
    ]
    return reasons


def _belongs(path: str, document_id: UUID) -> bool:
    prefix = file_name(document_id, "")
    if path.startswith(prefix):
        # A planted checkpoint would be taken for work that was done here.
        return len(path) > len(prefix) and parse_checkpoint_name(path) is None
    return path in {rows_name(document_id, name) for name in _ROWS}


def _bundled(document: ListedDocument) -> BundledDocument:
    prefix, rows = file_name(document.document_id, ""), rows_name(document.document_id, "")
    return BundledDocument(
        document.document_id,
        document.title,
        {f.path.removeprefix(prefix): f for f in document.files if f.path.startswith(prefix)},
        {f.path.removeprefix(rows): f for f in document.files if f.path.startswith(rows)},
    )
