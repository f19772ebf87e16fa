"""`manifest.json`: which final files a document has, and what lasts of its stages' checkpoints."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rhizome_pipelines.checkpoints.envelope import VERSION, RefusedError, read_versioned
from rhizome_pipelines.checkpoints.keys import DocumentKeys, InvalidKeyError, user_prefix
from rhizome_pipelines.checkpoints.objects import ObjectStore
from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.checkpoints.stage_file import StoredOutput
from rhizome_pipelines.checkpoints.verification import described
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


@dataclass(frozen=True)
class ManifestDetails:
    """What the manifest says besides its files. `processing_mode` is `local` or `cloud`.

    `counts` says how many things a file holds, by the file's name in the manifest (`chunks`; files
    that the contract does not name go by their full name).
    """

    processing_mode: str
    chunk_count: int
    word_count: int
    processing_cost: Mapping[str, Any] = field(default_factory=dict)
    processing_time: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)


def write_manifest(
    objects: ObjectStore,
    keys: DocumentKeys,
    stages: Sequence[StageCheckpoint],
    details: ManifestDetails,
    *,
    source_key: str | None,
    created_at: datetime,
) -> Manifest:
    """Write `manifest.json` from the finished stages, whose stage files may go afterwards.

    `source_key` is the document as it was handed in, None if there is no such file. Raises
    InvalidKeyError if it is not the user's own, ObjectMissingError if it is not there.
    """
    outputs = _all_outputs(stages)
    files = {name_in_manifest(name): _manifest_file(output) for name, output in outputs.items()}
    if source_key is not None:
        if not source_key.startswith(user_prefix(keys.user_id)):
            raise InvalidKeyError(f"The source {source_key!a} is not in its user's folder.")
        with objects.local_copy(source_key) as path:
            files["source"] = _manifest_file(described(source_key, path))
    for name, count in details.counts.items():
        files[name] = files[name].model_copy(update={"count": count})
    content = files.get("content")
    manifest = Manifest(
        document_id=keys.document_id,
        created_at=created_at,
        processing_mode=details.processing_mode,
        files=files,
        processing_cost=dict(details.processing_cost),
        processing_time=dict(details.processing_time),
        chunk_count=details.chunk_count,
        word_count=details.word_count,
        markdown_hash=content.hash if content else None,
        stages={checkpoint.stage: checkpoint.file.lasting_part() for checkpoint in stages},
    )
    objects.write(keys.manifest, manifest.to_bytes())
    return manifest


def _all_outputs(stages: Sequence[StageCheckpoint]) -> dict[str, StoredOutput]:
    outputs: dict[str, StoredOutput] = {}
    for checkpoint in stages:
        if twice := sorted(outputs.keys() & checkpoint.outputs.keys()):
            raise ValueError(f"two stages have the output {twice[0]!r}")
        outputs.update(checkpoint.outputs)
    return outputs


_NAMES_IN_MANIFEST = {
    "content.md": "content",
    "chunks.json": "chunks",
    "metadata.json": "metadata",
    "cached_chunks.json": "cached_chunks",
    "embeddings.parquet": "embeddings",
}


def name_in_manifest(name: str) -> str:
    """What the manifest calls a file of the document."""
    return _NAMES_IN_MANIFEST.get(name, name)


def _manifest_file(output: StoredOutput) -> ManifestFile:
    return ManifestFile(path=output.path, size=output.size, hash=output.hash)
