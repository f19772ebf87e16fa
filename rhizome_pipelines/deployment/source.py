"""A document's source as a run finds it: a stored file, a pasted text, or an address."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rhizome_pipelines.checkpoints.hashing import sha256_file
from rhizome_pipelines.checkpoints.keys import DocumentKeys, validated_key
from rhizome_pipelines.checkpoints.objects import ObjectMissingError
from rhizome_pipelines.database.documents import DocumentRepository
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.extraction.decoding import decode
from rhizome_pipelines.extraction.extractor import Source
from rhizome_pipelines.lifecycle.documents import Document, SourceType
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.jobs import Job

PASTED_TYPES = frozenset({SourceType.PASTE, SourceType.YOUTUBE})
"""What a person may have pasted: its stored file is the text that extractors are handed."""


@contextmanager
def open_source(services: Services, document: Document, job: Job) -> Iterator[Source]:
    """The source, with a local copy of its file where there is one, for as long as the context.

    Raises InvalidInputError for a file that is missing or is not the document's own, and for a
    document of no known type.
    """
    source = Source(
        document_id=document.id,
        source_type=_type(document, job),
        url=document.source_url or _text(job.input_data.get("source_url")),
        file_name=_text(document.source_metadata.get("file_name")),
    )
    key = _stored(services, document, job)
    if key is None:
        yield source
        return
    with ExitStack() as stack:
        try:
            path = stack.enter_context(services.objects.local_copy(key))
        except ObjectMissingError:
            raise InvalidInputError(
                "The document's file is not in the storage. Upload it again, then retry."
            ) from None
        found = replace(source, path=path, sha256=sha256_file(path))
        yield _as_text(found, path) if source.source_type in PASTED_TYPES else found


def _type(document: Document, job: Job) -> SourceType:
    """The document's type; the job's input may name what the document's row does not."""
    found = document.source_type or SourceType.parse(job.input_data.get("source_type"))
    if found is None:
        raise InvalidInputError(
            "The document's row names no type of source that is known here. Set its source_type to "
            f"one of {', '.join(SourceType)}, then retry."
        )
    return found


def _stored(services: Services, document: Document, job: Job) -> str | None:
    """The key of the document's file; what was pasted into the row becomes one.

    Only so can the document be processed again months later, when the row is gone.
    """
    keys = DocumentKeys(document.user_id, document.id)
    named = document.storage_path or _text(job.input_data.get("storage_path"))
    if named is not None:
        return _own_key(keys, named)
    pasted = _text(job.input_data.get("pasted_content"))
    if pasted is None:
        return None
    key = keys.source("txt")
    services.objects.write(key, pasted.encode("utf-8", "replace"))
    DocumentRepository(services.database).record_source(document.user_id, document.id, key)
    return key


def _own_key(keys: DocumentKeys, named: str) -> str:
    """A client's storage path, which must lie in the document's own folder."""
    key = validated_key(named)
    if not key.startswith(keys.prefix):
        raise InvalidInputError(
            f"The file {named[:200]!r} does not lie in the document's own folder. Upload it to "
            f"{keys.prefix} and name that path."
        )
    return key


def _as_text(source: Source, path: Path) -> Source:
    text, _ = decode(path.read_bytes(), "The pasted text")
    return replace(source, text=text, path=None)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
