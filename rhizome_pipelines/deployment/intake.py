"""Taking things in: a file, a folder or an address becomes a document row, its source stored.

The same bytes (or the same address) of the same user are the same document.
"""

import hashlib
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, ValidationError

from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.database.documents import DocumentRepository, NewDocument
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.extraction.detect import detect_source
from rhizome_pipelines.lifecycle.documents import Document, SourceType
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.jobs import Job, JobType

LISTING = "documents.toml"
"""A folder may hold a listing of its documents, with their types, titles and addresses."""

MEBIBYTE = 1024 * 1024
TITLE_CHARACTERS = 300

_EXTENSIONS = {
    SourceType.PDF: "pdf",
    SourceType.EPUB: "epub",
    SourceType.WEB_URL: "html",
    SourceType.MARKDOWN_ASIS: "md",
    SourceType.MARKDOWN_CLEAN: "md",
    SourceType.TXT: "txt",
    SourceType.PASTE: "txt",
    SourceType.YOUTUBE: "txt",
}


@dataclass(frozen=True)
class Item:
    """One thing to take in: a local file, or an address, or an address whose content is a file."""

    source_type: SourceType
    path: Path | None = None
    url: str | None = None
    title: str | None = None

    @property
    def label(self) -> str:
        """For a person."""
        return self.title or (self.path.name if self.path else self.url) or "?"


@dataclass(frozen=True)
class Refused:
    """Something that was named but cannot be taken in, and why."""

    named: str
    error: InvalidInputError


@dataclass(frozen=True)
class Added:
    """A document that is in now; `known`: it was there before."""

    document: Document
    known: bool


class _ListedDocument(BaseModel):
    model_config = ConfigDict(extra="forbid")

    file: str
    source_type: SourceType
    title: str | None = None
    url: str | None = None


class _Listing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    document: list[_ListedDocument]


def find_items(named: Sequence[str]) -> Iterator[Item | Refused]:
    """What the named files, folders and addresses hold, in order; folders are walked whole."""
    for name in named:
        path = Path(name)
        try:
            if "://" not in name and path.is_dir():
                yield from _in_folder(path)
            elif "://" in name:
                yield Item(detect_source(name), url=name)
            else:
                yield Item(detect_source(path), path=path)
        except InvalidInputError as error:
            yield Refused(name, error)


def _in_folder(folder: Path) -> Iterator[Item | Refused]:
    if (folder / LISTING).is_file():
        yield from _listed(folder)
        return
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or not path.is_file() or path.is_symlink():
            continue
        try:
            yield Item(detect_source(path), path=path)
        except InvalidInputError as error:
            yield Refused(str(path), error)


def _listed(folder: Path) -> Iterator[Item | Refused]:
    try:
        listing = _Listing.model_validate(tomllib.loads((folder / LISTING).read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise InvalidInputError(f"{folder / LISTING} cannot be read: {error}") from None
    for listed in listing.document:
        path = folder / listed.file
        if not path.resolve().is_relative_to(folder.resolve()):
            yield Refused(listed.file, InvalidInputError(f"{listed.file!r} lies outside {folder}."))
        elif not path.is_file():
            yield Refused(listed.file, InvalidInputError(f"{path} is listed but not there."))
        else:
            yield Item(listed.source_type, path=path, url=listed.url, title=listed.title)


def add_document(services: Services, user_id: UUID, item: Item) -> Added:
    """Take one thing in: store its source, then make its row; or find the one that is known.

    Raises InvalidInputError (too large) and StorageUnavailableError.
    """
    documents = DocumentRepository(services.database)
    sha256 = _hash(services, item.path) if item.path is not None else None
    known = (
        documents.find_by_sha256(user_id, sha256, item.source_type)
        if sha256 is not None
        else documents.find_by_url(user_id, item.url or "")
    )
    if known is not None:
        return Added(known, known=True)
    document_id = uuid4()
    storage_path = None
    if item.path is not None:
        storage_path = DocumentKeys(user_id, document_id).source(_EXTENSIONS[item.source_type])
        services.objects.write_file(storage_path, item.path)
    document = documents.insert(
        NewDocument(
            id=document_id,
            user_id=user_id,
            source_type=item.source_type,
            title=item.title[:TITLE_CHARACTERS] if item.title else None,
            storage_path=storage_path,
            source_url=item.url,
            source_metadata=_source_metadata(item, sha256),
        )
    )
    return Added(document, known=False)


def request_processing(services: Services, document: Document, label: str) -> Job:
    """Ask, through a row, for the document to be processed."""
    given: dict[str, Any] = {
        "document_id": str(document.id),
        "source_type": document.source_type.value,
    }
    if document.storage_path:
        given["storage_path"] = document.storage_path
    if document.source_url:
        given["source_url"] = document.source_url
    return JobRepository(services.database).insert(
        document.user_id,
        JobType.PROCESS_DOCUMENT,
        document_id=document.id,
        input_data=given,
        metadata={"documentId": str(document.id), "title": label},
    )


def _source_metadata(item: Item, sha256: str | None) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if sha256 is not None:
        told["sha256"] = sha256
    if item.path is not None:
        told["file_name"] = item.path.name
    return told


def _hash(services: Services, path: Path) -> str:
    limit = services.settings.max_source_megabytes
    size = path.stat().st_size
    if size > limit * MEBIBYTE:
        raise InvalidInputError(
            f"{path.name!r} holds {size / MEBIBYTE:,.0f} MB; at most {limit:,} MB are taken in. "
            "Split it, or raise RHIZOME_MAX_SOURCE_MEGABYTES."
        )
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
