"""A folder as an archive: an unpacked export, or the files of another installation.

Of another installation each document's folder is taken, told by its name (a UUID) and its
`chunks.json` or `metadata.json`. What its database knew is made of `metadata.json`.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from rhizome_pipelines.checkpoints.envelope import read_versioned
from rhizome_pipelines.checkpoints.hashing import canonical_json
from rhizome_pipelines.checkpoints.keys import DocumentKeys, parse_checkpoint_name
from rhizome_pipelines.checkpoints.portable_manifest import (
    made_portable,
    manifest_bytes,
    read_manifest,
)
from rhizome_pipelines.lifecycle.documents import SourceType
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.transfer.collecting import (
    CHUNKS,
    DOCUMENT,
    DOCUMENT_MANIFEST,
    VERSION,
    from_disk,
)
from rhizome_pipelines.transfer.export_manifest import (
    KIND,
    MAX_MANIFEST,
    ListedDocument,
    ListedFile,
    ManifestWriter,
)
from rhizome_pipelines.transfer.folder import files_below, is_file
from rhizome_pipelines.transfer.incoming import MAX_DOCUMENT
from rhizome_pipelines.transfer.inputs import MAX_DOCUMENTS, ExportFormat
from rhizome_pipelines.transfer.names import MANIFEST, file_name, is_litter, rows_name
from rhizome_pipelines.transfer.segments import ArchiveWriter, Outgoing, SegmentWriter

METADATA = "metadata.json"
_MAX_MANIFEST = 64 * 2**20
_MAX_DEPTH = 6
"""Folders between the one that is named and a document's."""


def packed(folder: Path, scratch: Path) -> Iterator[bytes]:
    """The archive's bytes. `scratch` is a local folder for what has to be written first.

    Raises InvalidInputError if there is nothing to import in the folder.
    """
    if _is_export(folder):
        return _packed_export(folder)
    documents = sorted(_documents(folder), key=lambda found: found.name)
    if not documents:
        raise InvalidInputError(
            f"There is nothing to import in {str(folder)[:200]!r}: neither an unpacked export nor "
            "a folder of documents of another installation."
        )
    if len({one.name for one in documents}) < len(documents) or len(documents) > MAX_DOCUMENTS:
        raise InvalidInputError(
            f"{str(folder)[:200]!r} holds a document twice, or more than {MAX_DOCUMENTS:,}; name "
            "a folder within it."
        )
    return _packed_documents(documents, scratch)


def _is_export(folder: Path) -> bool:
    path = folder / MANIFEST
    if not is_file(path) or path.stat().st_size > MAX_MANIFEST:
        return False
    try:
        fields = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(fields, dict) and fields.get("kind") == KIND


def _packed_export(folder: Path) -> Iterator[bytes]:
    """As it is: whether it is what its manifest says, whoever reads it finds out."""
    writer = ArchiveWriter()
    files = [Outgoing(name, from_disk(path)) for name, path in files_below(folder)]
    segment = SegmentWriter(files, lambda _: None)
    yield from writer.segment(segment.members, segment.blocks())
    yield from writer.end()


def _packed_documents(documents: Sequence[Path], scratch: Path) -> Iterator[bytes]:
    writer = ArchiveWriter()
    listing = scratch / MANIFEST
    with listing.open("wb") as file:
        moment = datetime.fromtimestamp(0, UTC)
        manifest = ManifestWriter(file, ExportFormat.ZIP, moment, len(documents))
        for document in documents:
            segment = SegmentWriter(list(_outgoing(document, scratch)), lambda _: None)
            yield from writer.segment(segment.members, segment.blocks())
            listed = [
                ListedFile(path=one.name, size=one.size, hash=one.sha256) for one in segment.members
            ]
            manifest.add(ListedDocument(document_id=UUID(document.name), files=tuple(listed)))
        manifest.close()
    own = SegmentWriter([Outgoing(MANIFEST, from_disk(listing))], lambda _: None)
    yield from writer.segment(own.members, own.blocks())
    yield from writer.end()


def _documents(folder: Path) -> Iterator[Path]:
    """Folders of documents at or below `folder`; links are not followed."""
    for at, folders, files in os.walk(folder):
        here = Path(at)
        if _is_uuid(here.resolve().name) and {CHUNKS, METADATA} & set(files):
            yield here.resolve()
            folders.clear()
        elif len(here.relative_to(folder).parts) >= _MAX_DEPTH:
            folders.clear()


def _outgoing(document: Path, scratch: Path) -> Iterator[Outgoing]:
    document_id = UUID(document.name)
    files = {
        name: path
        for name, path in files_below(document)
        if not parse_checkpoint_name(name) and not is_litter(name)
    }
    row = _row(document_id, files)
    if row is not None:
        path = scratch / DOCUMENT
        path.write_bytes(canonical_json(row))
        yield Outgoing(rows_name(document_id, DOCUMENT), from_disk(path))
    portable = _portable_manifest(document_id, files.get(DOCUMENT_MANIFEST))
    if portable is not None:
        files[DOCUMENT_MANIFEST] = scratch / "portable.json"
        files[DOCUMENT_MANIFEST].write_bytes(portable)
    for name in sorted(files):
        yield Outgoing(file_name(document_id, name), from_disk(files[name]))


def _row(document_id: UUID, files: Mapping[str, Path]) -> dict[str, Any] | None:
    """`document.json`, from what `metadata.json` tells; None if there is none."""
    if METADATA not in files:
        return None
    what = f"The {METADATA} of document {document_id}"
    if files[METADATA].stat().st_size > MAX_DOCUMENT:
        raise InvalidInputError(f"{what} is larger than {MAX_DOCUMENT:,} bytes.")
    told = read_versioned(files[METADATA].read_bytes(), what)
    source = next((name for name in sorted(files) if name.startswith("source.")), None)
    kind = told.get("source")
    known = isinstance(kind, str) and kind in set(SourceType)
    return {
        "version": VERSION,
        "document_id": str(document_id),
        "source_type": kind if known else SourceType.MARKDOWN_ASIS.value,
        "storage_path": source,
        "markdown_path": "content.md" if "content.md" in files else None,
        "markdown_available": "content.md" in files,
        "processing_status": "completed" if CHUNKS in files else "pending",
        **{
            name: told.get(name)
            for name in (
                "title",
                "author",
                "source_url",
                "word_count",
                "page_count",
                "language",
                "outline",
                "created_at",
            )
        },
    }


def _portable_manifest(document_id: UUID, path: Path | None) -> bytes | None:
    """The document's own manifest without the user whose it was."""
    if path is None or path.stat().st_size > _MAX_MANIFEST:
        return None
    try:
        fields = read_manifest(path.read_bytes())
        entries = fields["files"]["content"]["path"].split("/")
        user_id = UUID(entries[0])
    except (InvalidInputError, KeyError, TypeError, AttributeError, ValueError):
        return None
    made_portable(fields, DocumentKeys(user_id, document_id), {})
    return manifest_bytes(fields)


def _is_uuid(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
