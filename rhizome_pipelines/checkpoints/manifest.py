"""`manifest.json`: which final files a document has, and what lasts of its stages' checkpoints."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rhizome_pipelines.checkpoints.envelope import VERSION, RefusedError, read_versioned
from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.lifecycle.errors import InvalidInputError


class ManifestFile(BaseModel):
    """A final file: key, size in bytes, SHA-256 (64 hex), and how many things it holds."""

    model_config = ConfigDict(frozen=True, extra="allow")

    path: str
    size: int = Field(ge=0)
    hash: str
    count: int | None = Field(default=None, ge=0)


class Manifest(BaseModel):
    """`manifest.json`; `stages` stands beside the fields that other programs know."""

    model_config = ConfigDict(frozen=True, extra="allow")

    version: Literal["1.0"] = VERSION
    document_id: UUID
    created_at: datetime
    processing_mode: str
    files: dict[str, ManifestFile]
    processing_cost: dict[str, Any] = Field(default_factory=dict)
    processing_time: dict[str, Any] = Field(default_factory=dict)
    chunk_count: int = Field(ge=0)
    word_count: int = Field(ge=0)
    markdown_hash: str | None = None
    stages: dict[str, Any] = Field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The manifest's bytes: JSON with sorted keys, indented for a person."""
        fields = self.model_dump(mode="json")
        for file in fields["files"].values():
            if file["count"] is None:
                del file["count"]
        return json.dumps(
            fields, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=2
        ).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Manifest":
        """Read a manifest, ours or another program's. Raises InvalidInputError."""
        fields = read_versioned(data, "The manifest")
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            wrong = sorted(
                {".".join(str(step) for step in fault["loc"]) for fault in error.errors()}
            )
            raise InvalidInputError(
                f"The manifest cannot be read: {', '.join(wrong)} missing or wrong."
            ) from None


def lasting_part_in(data: bytes, keys: DocumentKeys, stage: str) -> Mapping[str, Any]:
    """What a manifest's bytes keep of a stage.

    Raises InvalidInputError (unreadable, unknown version) or RefusedError (nothing of this stage,
    or another document's manifest).
    """
    fields = read_versioned(data, "The manifest")
    if fields.get("document_id") != str(keys.document_id):
        raise RefusedError("the manifest belongs to another document")
    stages = fields.get("stages")
    part = stages.get(stage) if isinstance(stages, dict) else None
    if not isinstance(part, dict):
        raise RefusedError("the manifest keeps nothing of this stage")
    return part
