"""A part file: one line of JSON that says what it is, then the payload's bytes as they are."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from rhizome_pipelines.checkpoints.envelope import VERSION, RefusedError, seal, unseal
from rhizome_pipelines.checkpoints.fingerprint import Fingerprint
from rhizome_pipelines.checkpoints.hashing import sha256

MAX_HEADER_BYTES = 1024 * 1024
MAX_PART_BYTES = 256 * 1024 * 1024
"""A unit is small; what is larger was not written by us and is not read into memory."""


class PartHeader(BaseModel):
    """The first line of a part file (beside the digest that seals it)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal["1.0"]
    document_id: UUID
    stage: str
    unit: str
    code_version: str
    fingerprint: str
    dependencies: dict[str, str]
    timestamp: datetime
    final: Literal[False]
    payload_size: int
    payload_sha256: str

    @property
    def made_under(self) -> Fingerprint:
        return Fingerprint(self.stage, self.code_version, self.dependencies)


def frame_part(
    payload: bytes,
    *,
    document_id: UUID,
    unit: str,
    fingerprint: Fingerprint,
    timestamp: datetime,
) -> bytes:
    """The part file's bytes: header line, newline, payload."""
    header = PartHeader(
        version=VERSION,
        document_id=document_id,
        stage=fingerprint.stage,
        unit=unit,
        code_version=fingerprint.code_version,
        fingerprint=fingerprint.hex,
        dependencies=dict(fingerprint.dependencies),
        timestamp=timestamp,
        final=False,
        payload_size=len(payload),
        payload_sha256=sha256(payload),
    )
    return b"".join((seal(header.model_dump(mode="json")), b"\n", payload))


def parse_part(
    data: bytes, *, document_id: UUID, stage: str, unit: str
) -> tuple[PartHeader, bytes]:
    """Header and payload, verified. Raises RefusedError with every reason it can name."""
    end = data.find(b"\n", 0, MAX_HEADER_BYTES)
    if end < 0:
        raise RefusedError("it is damaged or cut off: its header line has no end")
    fields = unseal(data[:end])
    del fields["digest"]
    try:
        header = PartHeader.model_validate(fields)
    except ValidationError:
        raise RefusedError("its header lacks fields or holds wrong ones") from None
    payload = data[end + 1 :]
    reasons = _misplaced(header, document_id, stage, unit)
    if len(payload) != header.payload_size:
        reasons.append(f"it holds {len(payload)} bytes where its header says {header.payload_size}")
    elif sha256(payload) != header.payload_sha256:
        reasons.append("its payload was altered: the hash does not fit")
    if reasons:
        raise RefusedError(*reasons)
    return header, payload


def _misplaced(header: PartHeader, document_id: UUID, stage: str, unit: str) -> list[str]:
    reasons = []
    if header.document_id != document_id:
        reasons.append(f"it belongs to another document, {header.document_id}")
    if header.stage != stage:
        reasons.append(f"it belongs to another stage, {header.stage!a}")
    if header.unit != unit:
        reasons.append(f"it belongs to another unit, {header.unit!a}")
    if header.fingerprint != header.made_under.hex:
        reasons.append("its fingerprint does not fit its dependencies")
    return reasons
