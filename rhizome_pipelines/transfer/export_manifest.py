"""The archive's own `manifest.json`: what is in it, with the hash of every file."""

import json
from datetime import datetime
from typing import Annotated, BinaryIO, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rhizome_pipelines.checkpoints.envelope import read_versioned
from rhizome_pipelines.checkpoints.hashing import canonical_json
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.transfer.fault_words import faults_in_words
from rhizome_pipelines.transfer.inputs import ExportFormat
from rhizome_pipelines.transfer.records import Text

VERSION: Final = "1.0"
KIND: Final = "rhizome-export"
MAX_MANIFEST = 128 * 2**20


class ListedFile(BaseModel):
    """A file of the archive: its name there, its size in bytes, its SHA-256 (64 hex)."""

    model_config = ConfigDict(frozen=True)

    path: Text
    size: int = Field(ge=0)
    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ListedDocument(BaseModel):
    """A document of the archive."""

    model_config = ConfigDict(frozen=True)

    document_id: UUID
    title: Text = ""
    files: tuple[ListedFile, ...]


class ExportManifest(BaseModel):
    """The file. `created_at` is when the export was asked for."""

    model_config = ConfigDict(frozen=True)

    version: Literal["1.0"]
    kind: Literal["rhizome-export"]
    format: ExportFormat
    created_at: datetime
    document_count: int
    documents: tuple[ListedDocument, ...]

    @classmethod
    def read(cls, data: bytes) -> "ExportManifest":
        """Raises InvalidInputError that tells all faults."""
        fields = read_versioned(data, "The archive's manifest.json")
        try:
            found = cls.model_validate(fields)
        except ValidationError as error:
            raise InvalidInputError(
                f"The archive's manifest.json cannot be used: {faults_in_words(error)}."
            ) from None
        if len({one.document_id for one in found.documents}) != found.document_count:
            raise InvalidInputError(
                "The archive's manifest.json cannot be used: it does not name as many documents "
                "as it counts."
            )
        return found


class ManifestWriter:
    """Writes the file document by document, each on a line of its own."""

    def __init__(
        self, file: BinaryIO, export_format: ExportFormat, created_at: datetime, count: int
    ) -> None:
        head = {
            "version": VERSION,
            "kind": KIND,
            "format": export_format.value,
            "created_at": created_at.isoformat(),
            "document_count": count,
        }
        self._file = file
        self._separator = b"\n"
        file.write(json.dumps(head).encode()[:-1] + b', "documents": [')

    def add(self, document: ListedDocument) -> None:
        """Append one."""
        self._file.write(self._separator + canonical_json(document.model_dump(mode="json")))
        self._separator = b",\n"

    def close(self) -> None:
        """Write the end. The file itself stays open."""
        self._file.write(b"\n]}\n")
