"""The documents of a bundle as streams of rows, for whoever writes them."""

import hashlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel

from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.checkpoints.objects import ObjectStore
from rhizome_pipelines.transfer.bundle import Bundle
from rhizome_pipelines.transfer.collecting import (
    ANNOTATIONS,
    CHUNKS,
    CONNECTIONS,
    DOCUMENT,
    EMBEDDINGS,
)
from rhizome_pipelines.transfer.import_ports import IncomingDocument
from rhizome_pipelines.transfer.incoming import (
    AnnotationRecord,
    ConnectionRecord,
    DocumentRecord,
    read_document,
    read_list,
)
from rhizome_pipelines.transfer.matching import Place, match_chunks
from rhizome_pipelines.transfer.places import CONTENT
from rhizome_pipelines.transfer.plan import Decision, PlannedDocument
from rhizome_pipelines.transfer.ports import DocumentFormats, Record, Space

_Record = TypeVar("_Record", bound=BaseModel)


def vectors_key(job: DocumentKeys, document_id: UUID) -> str:
    """Where vectors wait that an import has made, until the document's files are stored."""
    return job.bulk("files", f"document-{document_id}")


class BundledRows:
    """The rows of a bundle's documents.

    `scratch` is a local folder for what has to be unpacked to be read: one file of each kind.
    """

    def __init__(
        self,
        bundle: Bundle,
        formats: DocumentFormats,
        objects: ObjectStore,
        user_id: UUID,
        scratch: Path,
    ) -> None:
        self.formats = formats
        self._documents = {one.document_id: one for one in bundle.documents}
        self._bundle = bundle
        self._objects = objects
        self._user_id = user_id
        self._scratch = scratch

    def records(self, document_id: UUID) -> Generator[Record, None, None]:
        """The document's chunks."""
        chunks = self._documents[document_id].files.get(CHUNKS)
        if chunks is not None:
            with self._bundle.extracted(chunks, self._scratch) as path:
                yield from self.formats.read_chunks(path)

    def incoming(
        self, planned: PlannedDocument, space: Space | None, made: Path | None
    ) -> IncomingDocument | None:
        """The document on its way; None if it stays as it is. `made`: its vectors, if made here."""
        if planned.decision is Decision.SKIP:
            return None
        document_id = planned.document_id
        brings = planned.brings_rows
        return IncomingDocument(
            document_id=document_id,
            decision=planned.decision,
            title=planned.title,
            row=self._row(document_id) if brings else None,
            columns=planned.columns,
            space=space if brings else None,
            digest=self._digest(planned, space, made) if brings and space else None,
            chunks=lambda: self._chunks(document_id, space, made),
            connections=lambda: self._list(document_id, CONNECTIONS, ConnectionRecord),
            annotations=lambda: self._list(document_id, ANNOTATIONS, AnnotationRecord),
            text=self._text(document_id),
            merged=lambda places: self._merged(document_id, places),
        )

    def _row(self, document_id: UUID) -> DocumentRecord | None:
        file = self._documents[document_id].rows.get(DOCUMENT)
        if file is None:
            return None
        with self._bundle.extracted(file, self._scratch) as path:
            return read_document(path)

    def _chunks(
        self, document_id: UUID, space: Space | None, made: Path | None
    ) -> Iterator[tuple[Record, Any]]:
        records = self.records(document_id)
        if space is None:
            yield from ((record, None) for record in records)
            return
        with self._vectors(document_id, made) as path:
            vectors = (row for block in self.formats.read_vectors(path) for row in block)
            yield from zip(records, vectors, strict=True)

    def _digest(self, planned: PlannedDocument, space: Space, made: Path | None) -> str:
        """Over model, chunks and vectors, as the stage `embeddings` makes it."""
        head = f"{space.model}\n{space.dimensions}\n{planned.chunks_sha256}\n"
        digest = hashlib.sha256(head.encode())
        with self._vectors(planned.document_id, made) as path:
            for block in self.formats.read_vectors(path):
                digest.update(block.astype("<f4").tobytes())
        return digest.hexdigest()

    @contextmanager
    def _vectors(self, document_id: UUID, made: Path | None) -> Iterator[Path]:
        if made is not None:
            yield made
            return
        file = self._documents[document_id].files[EMBEDDINGS]
        with self._bundle.extracted(file, self._scratch) as path:
            yield path

    def _list(self, document_id: UUID, name: str, model: type[_Record]) -> Iterator[_Record]:
        file = self._documents[document_id].rows.get(name)
        if file is not None:
            with self._bundle.extracted(file, self._scratch) as path:
                yield from read_list(path, name.removesuffix(".json"), model)

    def _text(self, document_id: UUID) -> Callable[[], str] | None:
        """Reads the text of the bundle, or what is stored of the document."""
        file = self._documents[document_id].files.get(CONTENT)
        if file is not None:
            return lambda: b"".join(self._bundle.blocks(file)).decode("utf-8", "replace")
        key = DocumentKeys(self._user_id, document_id).content
        if self._objects.info(key) is None:
            return None
        return lambda: self._objects.read(key).decode("utf-8", "replace")

    def _merged(self, document_id: UUID, there: Sequence[Place]) -> Iterator[tuple[int, Record]]:
        here = [
            Place.of(int(one["chunk_index"]), str(one["content"]))
            for one in self.records(document_id)
        ]
        partners = {mine: theirs for theirs, mine in match_chunks(there, here).pairs}
        for record in self.records(document_id):
            partner = partners.get(int(record["chunk_index"]))
            if partner is not None:
                yield partner, record
