"""The checkpoints of one document: parts and stage files, written whole and verified when read.

A storage failure (StorageUnavailableError) always propagates: it says nothing about a
checkpoint, so it is never taken for a missing one.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rhizome_pipelines.checkpoints.envelope import RefusedError
from rhizome_pipelines.checkpoints.fingerprint import Fingerprint
from rhizome_pipelines.checkpoints.hashing import canonical_json
from rhizome_pipelines.checkpoints.inspection import InspectedCheckpoint, inspected
from rhizome_pipelines.checkpoints.keys import DocumentKeys, parse_checkpoint_name
from rhizome_pipelines.checkpoints.manifest import lasting_part_in
from rhizome_pipelines.checkpoints.objects import ObjectInfo, ObjectMissingError, ObjectStore
from rhizome_pipelines.checkpoints.parts import MAX_PART_BYTES, frame_part, parse_part
from rhizome_pipelines.checkpoints.results import (
    CheckpointSource,
    PartFound,
    StageCheckpoint,
    Unusable,
    pointer_to,
)
from rhizome_pipelines.checkpoints.stage_file import StageFile, StoredOutput, content_digest
from rhizome_pipelines.checkpoints.verification import (
    MAX_ENVELOPE_BYTES,
    described,
    fault_of_output,
    faults_of_outputs,
    read_limited,
)
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PermanentError
from rhizome_pipelines.lifecycle.jobs import CheckpointPointer


@dataclass(frozen=True)
class CheckpointStore:
    """Reads and writes the checkpoints under one document's keys."""

    objects: ObjectStore
    keys: DocumentKeys

    # Parts

    def parts(self, stage: str) -> dict[str, ObjectInfo]:
        """The parts that lie there for `stage`, by unit key; none of them is verified."""
        found = {}
        for info in self._all():
            name = parse_checkpoint_name(info.key)
            if name and name.stage == stage and name.unit is not None and not name.bulk:
                found[name.unit] = info
        return found

    def read_part(
        self, stage: str, unit_key: str, fingerprint: Fingerprint, known: ObjectInfo | None = None
    ) -> PartFound | Unusable:
        """A unit's part, if it is intact and was made under `fingerprint`.

        `known`, from `parts`, saves asking the storage for the size first.
        """
        key = self.keys.part(stage, unit_key)
        try:
            data = read_limited(self.objects, key, MAX_PART_BYTES, known)
            header, payload = parse_part(
                data, document_id=self.keys.document_id, stage=stage, unit=unit_key
            )
        except ObjectMissingError:
            return Unusable(("there is no such part",), missing=True)
        except RefusedError as error:
            return Unusable(error.reasons)
        if reasons := fingerprint.reasons_against(header.made_under):
            return Unusable(reasons)
        return PartFound(payload, pointer_to(stage, key, data), header.timestamp)

    def write_part(
        self, unit_key: str, payload: bytes, fingerprint: Fingerprint, timestamp: datetime
    ) -> CheckpointPointer:
        """Keep one unit of the fingerprint's stage; the pointer's hash is of the stored bytes."""
        key = self.keys.part(fingerprint.stage, unit_key)
        data = frame_part(
            payload,
            document_id=self.keys.document_id,
            unit=unit_key,
            fingerprint=fingerprint,
            timestamp=timestamp,
        )
        self.objects.write(key, data)
        return pointer_to(fingerprint.stage, key, data)

    # Stage files

    def read_stage(
        self, stage: str, fingerprint: Fingerprint | None, *, verify_outputs: bool = True
    ) -> StageCheckpoint | Unusable:
        """A finished stage's checkpoint, if it and its outputs are intact.

        With a `fingerprint` it must also have been made under that one; None accepts any.
        """
        key = self.keys.stage(stage)
        try:
            data = read_limited(self.objects, key, MAX_ENVELOPE_BYTES)
            file = StageFile.from_bytes(data, self.keys, stage)
        except ObjectMissingError:
            return Unusable(("there is no stage file",), missing=True)
        except RefusedError as error:
            return Unusable(error.reasons)
        reasons = list(fingerprint.reasons_against(file.made_under)) if fingerprint else []
        if verify_outputs and not reasons:
            reasons += faults_of_outputs(self.objects, file.outputs)
        if reasons:
            return Unusable(tuple(reasons))
        return StageCheckpoint(file, pointer_to(stage, key, data), CheckpointSource.STAGE_FILE)

    def store_output(self, name: str, path: Path) -> StoredOutput:
        """Store a final file from a local one, in constant memory."""
        key = self.keys.file(name)
        output = described(key, path)
        self.objects.write_file(key, path)
        return output

    def write_stage(
        self,
        fingerprint: Fingerprint,
        outputs: Mapping[str, StoredOutput],
        facts: Mapping[str, Any],
        *,
        units_total: int,
        timestamp: datetime,
    ) -> StageCheckpoint:
        """Write the fingerprint's stage file; its outputs must be stored already.

        Raises PermanentError if `facts` is not JSON.
        """
        try:
            plain_facts = json.loads(canonical_json(facts))
        except (TypeError, ValueError) as error:
            raise PermanentError(
                f"The facts of stage {fingerprint.stage!r} cannot be stored as JSON: {error}."
            ) from error
        file = StageFile(
            document_id=self.keys.document_id,
            stage=fingerprint.stage,
            timestamp=timestamp,
            code_version=fingerprint.code_version,
            fingerprint=fingerprint.hex,
            dependencies=dict(fingerprint.dependencies),
            units_total=units_total,
            outputs=dict(outputs),
            facts=plain_facts,
            content_digest=content_digest(outputs, plain_facts),
        )
        return self._write_stage_file(file)

    def accept_edit(self, stage: str, name: str, timestamp: datetime) -> StageCheckpoint:
        """Take what lies under the output `name` now as the stage's result.

        For a text that a person edited in review: a new input with a hash of its own, no damage.
        The stage file is written anew and notes the edit. Raises PermanentError if the rest of the
        checkpoint cannot be used.
        """
        edited = self.edited(stage, name, timestamp)
        return edited if isinstance(edited, StageCheckpoint) else self._write_stage_file(edited)

    def edited(self, stage: str, name: str, timestamp: datetime) -> StageFile | StageCheckpoint:
        """What `accept_edit` would write; the checkpoint as it is if nothing was edited."""
        found = self.read_stage(stage, None, verify_outputs=False)
        if isinstance(found, Unusable):
            raise PermanentError(
                f"The edit of {name!r} cannot be taken over: the checkpoint of stage {stage!r}"
                f" cannot be used: {'; '.join(found.reasons)}. Run the stage again."
            )
        others = {other: found.outputs[other] for other in found.outputs if other != name}
        if len(others) == len(found.outputs):
            raise PermanentError(f"Stage {stage!r} has no output {name!r} that could be edited.")
        if reasons := faults_of_outputs(self.objects, others):
            raise PermanentError(
                f"The edit of {name!r} cannot be taken over: {'; '.join(reasons)}."
                f" Run the stage {stage!r} again."
            )
        with self.objects.local_copy(found.outputs[name].path) as path:
            edited = described(found.outputs[name].path, path)
        if edited == found.outputs[name]:
            return found
        return found.file.with_edit(name, edited, timestamp)

    # What lasts

    def load_final(self, stage: str) -> StageCheckpoint:
        """A stage's verified result, from its stage file or else from the manifest.

        Raises PermanentError that names every reason if neither can be used.
        """
        from_file = self.read_stage(stage, None)
        if isinstance(from_file, StageCheckpoint):
            return from_file
        from_manifest = self.read_manifest_record(stage)
        if isinstance(from_manifest, StageCheckpoint):
            return from_manifest
        raise PermanentError(
            f"The result of stage {stage!r} of document {self.keys.document_id} cannot be used:"
            f" stage file: {'; '.join(from_file.reasons)}."
            f" Manifest: {'; '.join(from_manifest.reasons)}."
            f" Run the stage {stage!r} again."
        )

    def read_manifest_record(self, stage: str) -> StageCheckpoint | Unusable:
        """A stage's result as the manifest keeps it, verified against its final files."""
        key = self.keys.manifest
        try:
            data = read_limited(self.objects, key, MAX_ENVELOPE_BYTES)
            part = lasting_part_in(data, self.keys, stage)
            file = StageFile.from_lasting_part(part, self.keys, stage)
        except ObjectMissingError:
            return Unusable(("there is no manifest",), missing=True)
        except InvalidInputError as error:
            return Unusable((error.message.rstrip("."),))
        except RefusedError as error:
            return Unusable(error.reasons)
        if reasons := faults_of_outputs(self.objects, file.outputs):
            return Unusable(tuple(reasons))
        return StageCheckpoint(file, pointer_to(stage, key, data), CheckpointSource.MANIFEST)

    @contextmanager
    def open_output(self, checkpoint: StageCheckpoint, name: str) -> Iterator[Path]:
        """A local file with an output's bytes, verified as it is opened; not to be changed.

        Raises PermanentError if the stage has no such output or its bytes are others now.
        """
        output = checkpoint.outputs.get(name)
        if output is None:
            raise PermanentError(f"Stage {checkpoint.stage!r} has no output {name!r}.")
        with self.objects.local_copy(output.path) as path:
            if fault := fault_of_output(name, output, path):
                raise PermanentError(f"The stored result of stage {checkpoint.stage!r}: {fault}.")
            yield path

    # Removal

    def discard_parts(self, stage: str) -> None:
        """Remove all parts of `stage` with their bulk, whatever fingerprint they have."""
        found = [(info.key, parse_checkpoint_name(info.key)) for info in self._all()]
        self.objects.delete(
            [key for key, name in found if name and name.stage == stage and name.unit is not None]
        )

    def discard_stage(self, stage: str) -> None:
        """Remove the stage file and the parts of `stage`; its final files stay."""
        # The stage file first: parts alone are never taken for a finished stage.
        self.objects.delete([self.keys.stage(stage)])
        self.discard_parts(stage)

    def discard_all(self) -> None:
        """Remove every stage file and part; the final files stay."""
        found = [info.key for info in self._all()]
        self.objects.delete([key for key in found if parse_checkpoint_name(key)])

    # Looking

    def inspect(self) -> list[InspectedCheckpoint]:
        """Every stage file and part that lies there, sorted by key, and whether it is intact.

        Whether it suits the current settings is not asked: that needs the stage.
        """
        return inspected(self.objects, self.keys)

    def _all(self) -> Iterator[ObjectInfo]:
        """What lies in the document's folder itself; folders in it are a person's."""
        listed = self.objects.list(self.keys.prefix)
        return (info for info in listed if self.keys.holds(info.key))

    def _write_stage_file(self, file: StageFile) -> StageCheckpoint:
        key, data = self.keys.stage(file.stage), file.to_bytes()
        self.objects.write(key, data)
        pointer = pointer_to(file.stage, key, data)
        return StageCheckpoint(file, pointer, CheckpointSource.STAGE_FILE)
