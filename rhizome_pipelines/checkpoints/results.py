"""What reading a checkpoint answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from rhizome_pipelines.checkpoints.hashing import sha256, short_hash
from rhizome_pipelines.checkpoints.stage_file import StageFile, StoredOutput
from rhizome_pipelines.lifecycle.jobs import CheckpointPointer


@dataclass(frozen=True)
class Unusable:
    """A checkpoint that cannot be used, with every reason; `missing`: there is none at all."""

    reasons: tuple[str, ...]
    missing: bool = False


@dataclass(frozen=True)
class PartFound:
    """A unit's part, verified."""

    payload: bytes
    pointer: CheckpointPointer
    timestamp: datetime


class CheckpointSource(StrEnum):
    """Where a stage's result was found described."""

    STAGE_FILE = "stage file"
    MANIFEST = "manifest"


@dataclass(frozen=True)
class StageCheckpoint:
    """A finished stage: its outputs by name, its facts, and where that is written down.

    `pointer` names the stage file or the manifest; its hash is of that file's stored bytes.
    """

    file: StageFile
    pointer: CheckpointPointer
    source: CheckpointSource

    @property
    def stage(self) -> str:
        return self.file.stage

    @property
    def outputs(self) -> Mapping[str, StoredOutput]:
        return self.file.outputs

    @property
    def facts(self) -> Mapping[str, Any]:
        return self.file.facts

    @property
    def content_digest(self) -> str:
        """Hash of the result alone, not of when it was made: fit for a DataVersion."""
        return self.file.content_digest

    @property
    def timestamp(self) -> datetime:
        return self.file.timestamp


def pointer_to(stage: str, key: str, data: bytes) -> CheckpointPointer:
    """The pointer to a checkpoint whose stored bytes are exactly `data`."""
    return CheckpointPointer(stage, key, short_hash(sha256(data)))
