"""The stage file: a finished stage's outputs by hash, its facts, and what it depends on."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rhizome_pipelines.checkpoints.envelope import VERSION, RefusedError, digest_of, seal, unseal
from rhizome_pipelines.checkpoints.fingerprint import Fingerprint
from rhizome_pipelines.checkpoints.hashing import canonical_json, sha256
from rhizome_pipelines.checkpoints.keys import DocumentKeys, InvalidKeyError

_OUTSIDE_THE_LASTING_PART = ("version", "document_id", "stage", "final")


class StoredOutput(BaseModel):
    """A stored file: its key, its size in bytes, the SHA-256 (64 hex) of its stored bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    size: int = Field(ge=0)
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")


class StageFile(BaseModel):
    """`stage-{stage}.json`. In the manifest its lasting part is kept for ever."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal["1.0"] = VERSION
    document_id: UUID
    stage: str
    timestamp: datetime
    final: Literal[True] = True
    code_version: str
    fingerprint: str
    dependencies: dict[str, str]
    units_total: int = Field(ge=0)
    outputs: dict[str, StoredOutput]
    facts: dict[str, Any]
    content_digest: str
    edited: tuple[str, ...] = ()
    """Outputs that a person changed after the stage had made them."""

    @property
    def made_under(self) -> Fingerprint:
        return Fingerprint(self.stage, self.code_version, self.dependencies)

    def to_bytes(self) -> bytes:
        """The stage file's bytes. Raises ValueError or TypeError if the facts are not JSON."""
        return seal(self.model_dump(mode="json"))

    def lasting_part(self) -> dict[str, Any]:
        """What the manifest keeps: all but what the manifest itself says, sealed as before."""
        fields = self.model_dump(mode="json")
        fields["digest"] = digest_of(fields)
        return {name: fields[name] for name in fields if name not in _OUTSIDE_THE_LASTING_PART}

    def with_edit(self, name: str, output: StoredOutput, timestamp: datetime) -> "StageFile":
        """The stage file after a person replaced the output `name`."""
        outputs = {**self.outputs, name: output}
        return self.model_copy(
            update={
                "timestamp": timestamp,
                "outputs": outputs,
                "content_digest": content_digest(outputs, self.facts),
                "edited": tuple(sorted({*self.edited, name})),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes, keys: DocumentKeys, stage: str) -> "StageFile":
        """Read and verify a stage file. Raises RefusedError with the reasons."""
        return cls._verified(unseal(data), keys, stage)

    @classmethod
    def from_lasting_part(cls, part: object, keys: DocumentKeys, stage: str) -> "StageFile":
        """Rebuild a stage file from the manifest's record of it. Raises RefusedError."""
        if not isinstance(part, dict):
            raise RefusedError("its record is not a JSON object")
        envelope = {
            "version": VERSION,
            "document_id": str(keys.document_id),
            "stage": stage,
            "final": True,
        }
        try:
            data = canonical_json({**part, **envelope})
        except ValueError:
            raise RefusedError("its record is damaged") from None
        return cls._verified(unseal(data), keys, stage)

    @classmethod
    def _verified(cls, fields: dict[str, Any], keys: DocumentKeys, stage: str) -> "StageFile":
        del fields["digest"]
        try:
            file = cls.model_validate(fields)
        except ValidationError:
            raise RefusedError("it lacks fields or holds wrong ones") from None
        reasons = [*_misplaced(file, keys, stage), *_misplaced_outputs(file, keys)]
        if file.fingerprint != file.made_under.hex:
            reasons.append("its fingerprint does not fit its dependencies")
        if file.content_digest != content_digest(file.outputs, file.facts):
            reasons.append("its content digest does not fit its outputs and facts")
        if reasons:
            raise RefusedError(*reasons)
        return file


def content_digest(outputs: Mapping[str, StoredOutput], facts: Mapping[str, Any]) -> str:
    """Hash over the outputs' hashes and the facts: the same result gives the same digest."""
    hashes = {name: output.hash for name, output in outputs.items()}
    return sha256(canonical_json({"outputs": hashes, "facts": dict(facts)}))


def _misplaced(file: StageFile, keys: DocumentKeys, stage: str) -> list[str]:
    reasons = []
    if file.document_id != keys.document_id:
        reasons.append(f"it belongs to another document, {file.document_id}")
    if file.stage != stage:
        reasons.append(f"it belongs to another stage, {file.stage!a}")
    return reasons


def _misplaced_outputs(file: StageFile, keys: DocumentKeys) -> list[str]:
    reasons = []
    for name, output in file.outputs.items():
        try:
            expected = keys.file(name)
        except InvalidKeyError:
            expected = None
        if output.path != expected:
            reasons.append(f"its output {name!a} does not lie in the document's folder")
    return reasons
