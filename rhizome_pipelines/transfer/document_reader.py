"""Reads the files of one document of a bundle, and tells all that is wrong with them."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from uuid import UUID

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.transfer.bundle import Bundle, BundledDocument
from rhizome_pipelines.transfer.collecting import (
    ANNOTATIONS,
    CHUNKS,
    CONNECTIONS,
    DOCUMENT,
    EMBEDDINGS,
)
from rhizome_pipelines.transfer.export_manifest import ListedFile
from rhizome_pipelines.transfer.fault_words import faults_in_words
from rhizome_pipelines.transfer.incoming import (
    AnnotationRecord,
    ConnectionRecord,
    read_document,
    read_list,
)
from rhizome_pipelines.transfer.places import CONTENT, Places
from rhizome_pipelines.transfer.ports import DocumentFormats, Record, Told, Vectors
from rhizome_pipelines.transfer.records import COLUMNS, ChunkRecord

MAX_FAULTS = 20
"""That are told of one document."""
MAX_COUNTED = 1_000
"""Faults after which a file is left."""
MAX_CHUNKS = 2_000_000
MAX_JSON = 4 * 2**30
"""Bytes of one JSON file that is looked into."""

_NEARLY = 0.01
"""What rounding may do to a vector of length 1."""


class FoundDocument(BaseModel):
    """What a document's files hold. `complete`: they tell all that the document's row needs.

    `columns`: those of the chunks that any of them fills. `model` and `dimensions` are of its
    vectors, None if it has none.
    """

    model_config = ConfigDict(frozen=True)

    document_id: UUID
    title: str
    chunk_count: int = 0
    chunks_sha256: str = ""
    columns: tuple[str, ...] = ()
    model: str | None = None
    dimensions: int = 0
    connections: int = 0
    annotations: int = 0
    complete: bool = False
    faults: tuple[str, ...] = ()


StoredText = Callable[[UUID], AbstractContextManager[Path | None]]
"""A local copy of the text that is stored of a document; None if there is none."""


class DocumentReader:
    """Reads each file once or twice, none of them whole into memory."""

    def __init__(
        self,
        bundle: Bundle,
        formats: DocumentFormats,
        stored_text: StoredText,
        scratch: Path,
        told: Told,
    ) -> None:
        self._bundle = bundle
        self._stored_text = stored_text
        self._formats = formats
        self._scratch = scratch
        self._told = told
        self._faults: list[str] = []

    def read(self, document: BundledDocument) -> FoundDocument:
        """What is there. Files that are not what they claim to be are not looked into."""
        found = FoundDocument(document_id=document.document_id, title=document.title)
        for file in (*document.files.values(), *document.rows.values()):
            self._check_hash(file)
        if not self._faults:
            found = self._with_chunks(found, document)
        if not self._faults:
            found = self._with_rows(found, document)
        faults = self._faults[:MAX_FAULTS]
        if len(self._faults) > MAX_FAULTS:
            faults.append(f"and {len(self._faults) - MAX_FAULTS} more")
        return found.model_copy(update={"faults": tuple(faults)})

    def _check_hash(self, file: ListedFile) -> None:
        digest = hashlib.sha256()
        for block in self._bundle.blocks(file):
            digest.update(block)
            self._told(len(block))
        if digest.hexdigest() != file.hash:
            self._faults.append(f"{file.path[:200]!a} has not the hash that the manifest says")

    # Chunks and their vectors

    def _with_chunks(self, found: FoundDocument, document: BundledDocument) -> FoundDocument:
        chunks = document.files.get(CHUNKS)
        if chunks is None:
            return found
        count, filled = 0, set[str]()
        with ExitStack() as stack:
            stack.enter_context(self._telling())
            path = stack.enter_context(self._opened(chunks))
            places = self._places(document, stack)
            self._check_envelope(path, document.document_id)
            for record in self._formats.read_chunks(path):
                self._check_chunk(record, count, places)
                filled |= {column for column in COLUMNS if record.get(column) is not None}
                count += 1
                if count > MAX_CHUNKS or len(self._faults) > MAX_COUNTED:
                    raise InvalidInputError(f"chunks.json is left at chunk {count:,}: too much")
        found = found.model_copy(
            update={
                "chunk_count": count,
                "chunks_sha256": chunks.hash,
                "columns": tuple(column for column in COLUMNS if column in filled),
            }
        )
        embeddings = document.files.get(EMBEDDINGS)
        return found if embeddings is None else self._with_vectors(found, embeddings)

    def _check_envelope(self, path: Path, document_id: UUID) -> None:
        named = self._formats.document_of(path)
        if named != str(document_id):
            self._faults.append(f"chunks.json belongs to another document, {str(named)[:60]!a}")

    def _places(self, document: BundledDocument, stack: ExitStack) -> Places | None:
        """Of the text that the chunks come with, or of the document's stored one."""
        content = document.files.get(CONTENT)
        if content is not None:
            return Places(stack.enter_context(self._opened(content)))
        stored = stack.enter_context(self._stored_text(document.document_id))
        return None if stored is None else Places(stored)

    def _check_chunk(self, record: Record, number: int, places: Places | None) -> None:
        what = f"chunks.json, chunk {number}"
        try:
            chunk = ChunkRecord.model_validate(record)
        except ValidationError as error:
            self._faults.append(f"{what}: {faults_in_words(error)}")
            return
        if chunk.chunk_index != number:
            self._faults.append(f"{what}: it has the index {chunk.chunk_index}")
        if places is not None and (fault := places.fault(chunk)):
            self._faults.append(f"{what}: {fault}")

    def _with_vectors(self, found: FoundDocument, file: ListedFile) -> FoundDocument:
        if not found.chunk_count:
            return found
        changes: dict[str, object] = {}
        with self._opened(file) as path, self._telling():
            space = self._formats.space(path, found.chunk_count)
            rows, of_length_1 = 0, True
            for block in self._formats.read_vectors(path):
                rows += len(block)
                if not np.isfinite(block).all():
                    raise InvalidInputError("embeddings.parquet holds what is no number")
                of_length_1 = of_length_1 and _are_of_length_1(block)
            if rows != found.chunk_count:
                raise InvalidInputError(f"embeddings.parquet holds {rows:,} vectors")
            # Whatever made others, it was not a model as it is used here: they are made anew.
            model = space.model if of_length_1 else None
            changes = {"model": model, "dimensions": space.dimensions}
        return found.model_copy(update=changes)

    # Rows

    def _with_rows(self, found: FoundDocument, document: BundledDocument) -> FoundDocument:
        changes: dict[str, object] = {}
        if DOCUMENT in document.rows:
            with self._telling(), self._opened(document.rows[DOCUMENT]) as path:
                row = read_document(path)
                self._check_row(row.document_id, document)
                changes |= {"complete": True, "title": row.title or found.title}
        if CONNECTIONS in document.rows:
            with self._telling(), self._opened(document.rows[CONNECTIONS]) as path:
                changes["connections"] = self._connections(path, document.document_id)
        if ANNOTATIONS in document.rows:
            with self._telling(), self._opened(document.rows[ANNOTATIONS]) as path:
                changes["annotations"] = sum(
                    1 for _ in read_list(path, "annotations", AnnotationRecord)
                )
        return found.model_copy(update=changes)

    def _check_row(self, named: UUID, document: BundledDocument) -> None:
        if named != document.document_id:
            self._faults.append(f"document.json belongs to another document, {named}")

    def _connections(self, path: Path, document_id: UUID) -> int:
        count = 0
        for record in read_list(path, "connections", ConnectionRecord):
            if document_id not in {record.source_document_id, record.target_document_id}:
                raise InvalidInputError(
                    f"connections.json, entry {count + 1}: it is of other documents"
                )
            count += 1
        return count

    @contextmanager
    def _opened(self, file: ListedFile) -> Iterator[Path]:
        if file.size > MAX_JSON:
            raise InvalidInputError(f"{file.path[:200]!a} is larger than {MAX_JSON:,} bytes.")
        with self._bundle.extracted(file, self._scratch) as path:
            yield path

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """A fault ends the reading of one file, not of the others."""
        try:
            yield
        except InvalidInputError as error:
            self._faults.append(error.message.rstrip("."))
        except RecursionError:
            self._faults.append("a file is nested too deeply")


def _are_of_length_1(vectors: Vectors) -> bool:
    """Or of no length at all, as those of texts without a word."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    return bool(np.all((np.abs(lengths - 1) < _NEARLY) | (lengths == 0)))
