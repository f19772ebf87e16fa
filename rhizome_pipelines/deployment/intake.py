"""Taking things in: a file, a folder or an address becomes a document row, its source stored.

The same bytes (or the same address) of the same user are the same document. The database is asked
for many things at once, so that a folder whose files are known takes little longer than to hash it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.database.documents import DocumentRepository, NewDocument
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.database.overview import KnownJob, newest_jobs
from rhizome_pipelines.deployment.finding import (
    BY_SUFFIX,
    Found,
    Item,
    PassedOver,
    Refused,
    shown,
)
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.documents import Document, SourceType
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.jobs import Job, JobType

MEBIBYTE = 1024 * 1024
TITLE_CHARACTERS = 300
ASKED_AT_ONCE = 1_000
"""Things that the database is asked for by one statement."""

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
class Added:
    """A document that is in now; `known`: it was there before, `newest_job` perhaps with it."""

    item: Item
    document: Document
    known: bool
    newest_job: KnownJob | None = None


@dataclass(frozen=True)
class _Source:
    """A thing and its hash, if it is a file: by that, or else by its address, it is known."""

    item: Item
    sha256: str | None


def take_in(
    services: Services, user_id: UUID, found: Iterable[Found]
) -> Iterator[Added | Refused | PassedOver]:
    """Take things in, each in its turn; what cannot be taken in is handed on with the reason.

    The newest processing job of each known document is told with it. Raises
    StorageUnavailableError.
    """
    rest = iter(found)
    while batch := [_read(services, one) for one in islice(rest, ASKED_AT_ONCE)]:
        known = _known(services, user_id, [one for one in batch if isinstance(one, _Source)])
        for one in batch:
            if not isinstance(one, _Source):
                yield one
            elif (added := known.get(one)) is not None:
                yield added
            else:
                yield _add(services, user_id, one)


def add_document(services: Services, user_id: UUID, item: Item) -> Added:
    """Take one thing in: store its source, then make its row; or find the one that is known.

    Raises InvalidInputError (too large) and StorageUnavailableError.
    """
    return _add(services, user_id, _source(services, item))


def _read(services: Services, found: Found) -> _Source | Refused | PassedOver:
    if not isinstance(found, Item):
        return found
    try:
        return _source(services, found)
    except InvalidInputError as error:
        return Refused(found.label, error)


def _source(services: Services, item: Item) -> _Source:
    return _Source(item, _hash(services, item.path) if item.path is not None else None)


def _known(services: Services, user_id: UUID, sources: Sequence[_Source]) -> dict[_Source, Added]:
    """What is known of the sources: two statements, and one more if there are addresses."""
    repository = DocumentRepository(services.database)
    by_hash = repository.find_by_hashes(
        user_id, [(one.sha256, one.item.source_type) for one in sources if one.sha256 is not None]
    )
    by_url = repository.find_by_urls(
        user_id, [one.item.url for one in sources if one.sha256 is None and one.item.url]
    )
    ids = [document.id for document in (*by_hash.values(), *by_url.values())]
    jobs = newest_jobs(services.database, ids, JobType.PROCESS_DOCUMENT) if ids else {}
    known = {}
    for one in sources:
        document = (
            by_hash.get((one.sha256, one.item.source_type))
            if one.sha256 is not None
            else by_url.get(one.item.url or "")
        )
        if document is not None:
            known[one] = Added(one.item, document, known=True, newest_job=jobs.get(document.id))
    return known


def _add(services: Services, user_id: UUID, source: _Source) -> Added:
    # Asked once more, alone: another process, or an equal file of the batch, may have been first.
    documents = DocumentRepository(services.database)
    item = source.item
    known = (
        documents.find_by_sha256(user_id, source.sha256, item.source_type)
        if source.sha256 is not None
        else documents.find_by_url(user_id, item.url or "")
    )
    if known is not None:
        jobs = newest_jobs(services.database, [known.id], JobType.PROCESS_DOCUMENT)
        return Added(item, known, known=True, newest_job=jobs.get(known.id))
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
            source_metadata=_source_metadata(item, source.sha256),
        )
    )
    return Added(item, document, known=False)


def record_refusal(services: Services, user_id: UUID, refused: Refused) -> Job:
    """Keep a file that cannot be processed as a failed job of a failed document; no run is made.

    So it is seen where all jobs are seen, with the reason; naming it again finds the same document.
    """
    path = refused.path
    if path is None:
        raise refused.error
    documents = DocumentRepository(services.database)
    source_type = BY_SUFFIX.get(path.suffix.lower(), SourceType.TXT)
    item = Item(source_type, path=path)
    sha256 = _hash(services, path)
    document = documents.find_by_sha256(user_id, sha256, source_type) or documents.insert(
        NewDocument(
            user_id=user_id,
            source_type=source_type,
            title=shown(path.stem)[:TITLE_CHARACTERS],
            source_metadata=_source_metadata(item, sha256),
        )
    )
    job = request_processing(services, document, shown(path.name))
    JobRepository(services.database).reject(job.id, refused.error.message)
    return job


def request_processing(services: Services, document: Document, label: str) -> Job:
    """Ask, through a row, for the document to be processed."""
    given: dict[str, Any] = {"document_id": str(document.id)}
    if document.source_type:
        given["source_type"] = document.source_type.value
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
        told["file_name"] = shown(item.path.name)
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
