"""What lies there of a document's checkpoints, and whether it is intact: for people to look at."""

from dataclasses import dataclass
from datetime import datetime

from rhizome_pipelines.checkpoints.envelope import RefusedError
from rhizome_pipelines.checkpoints.hashing import sha256, short_hash
from rhizome_pipelines.checkpoints.keys import CheckpointName, DocumentKeys, parse_checkpoint_name
from rhizome_pipelines.checkpoints.objects import ObjectInfo, ObjectMissingError, ObjectStore
from rhizome_pipelines.checkpoints.parts import MAX_PART_BYTES, parse_part
from rhizome_pipelines.checkpoints.stage_file import StageFile
from rhizome_pipelines.checkpoints.verification import (
    MAX_ENVELOPE_BYTES,
    faults_of_outputs,
    read_limited,
)


@dataclass(frozen=True)
class InspectedCheckpoint:
    """A stage file (`unit` is None) or a part.

    `size` is in bytes; `timestamp` is the envelope's, or the storage's where the envelope cannot be
    read; `hash` is the short one of the stored bytes, None if they are too large to be read;
    `reasons` says why it is not intact, () if it is.
    """

    stage: str
    unit: str | None
    path: str
    size: int
    timestamp: datetime
    hash: str | None
    reasons: tuple[str, ...]

    @property
    def valid(self) -> bool:
        return not self.reasons


def inspected(objects: ObjectStore, keys: DocumentKeys) -> list[InspectedCheckpoint]:
    """Every stage file and part under the document's prefix, sorted by key."""
    found = []
    for info in objects.list(keys.prefix):
        name = parse_checkpoint_name(info.key)
        if name and not name.bulk and info.key == _key(keys, name):
            try:
                found.append(_inspected(objects, keys, name, info))
            except ObjectMissingError:
                continue  # removed since it was listed
    return found


def _key(keys: DocumentKeys, name: CheckpointName) -> str:
    return keys.stage(name.stage) if name.unit is None else keys.part(name.stage, name.unit)


def _inspected(
    objects: ObjectStore, keys: DocumentKeys, name: CheckpointName, info: ObjectInfo
) -> InspectedCheckpoint:
    timestamp, digest = info.modified, None
    reasons: tuple[str, ...] = ()
    try:
        limit = MAX_ENVELOPE_BYTES if name.unit is None else MAX_PART_BYTES
        data = read_limited(objects, info.key, limit, info)
        digest = short_hash(sha256(data))
        if name.unit is None:
            file = StageFile.from_bytes(data, keys, name.stage)
            timestamp = file.timestamp
            reasons = tuple(faults_of_outputs(objects, file.outputs))
        else:
            header, _ = parse_part(
                data, document_id=keys.document_id, stage=name.stage, unit=name.unit
            )
            timestamp = header.timestamp
    except RefusedError as error:
        reasons = error.reasons
    return InspectedCheckpoint(
        name.stage, name.unit, info.key, info.size, timestamp, digest, reasons
    )
