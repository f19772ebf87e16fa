"""What the manifest keeps of a stage whose result was not made here but came with an import.

Later stages go on from it, as from any that lasts; the stage itself takes it for the work of
another code version, and does its work anew when it is asked to.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rhizome_pipelines.checkpoints.fingerprint import Fingerprint
from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.checkpoints.manifest import Manifest, name_in_manifest
from rhizome_pipelines.checkpoints.stage_file import StageFile, StoredOutput, content_digest

CODE_VERSION = "imported"


def imported_record(
    keys: DocumentKeys,
    stage: str,
    outputs: Mapping[str, StoredOutput],
    facts: Mapping[str, Any],
    timestamp: datetime,
) -> dict[str, Any]:
    """The record of `stage`; `outputs` by name, where they are stored."""
    made_under = Fingerprint(stage, CODE_VERSION, {"document_id": str(keys.document_id)})
    file = StageFile(
        document_id=keys.document_id,
        stage=stage,
        timestamp=timestamp,
        code_version=CODE_VERSION,
        fingerprint=made_under.hex,
        dependencies=dict(made_under.dependencies),
        units_total=0,
        outputs=dict(outputs),
        facts=dict(facts),
        content_digest=content_digest(outputs, facts),
    )
    return file.lasting_part()


def new_manifest(keys: DocumentKeys, created_at: datetime, chunk_count: int) -> dict[str, Any]:
    """The fields of a manifest that names no file yet."""
    manifest = Manifest(
        document_id=keys.document_id,
        created_at=created_at,
        processing_mode="local",
        files={},
        chunk_count=chunk_count,
        word_count=0,
    )
    return manifest.model_dump(mode="json")


def list_files(fields: Mapping[str, Any], outputs: Mapping[str, StoredOutput]) -> None:
    """Name the outputs among the manifest's files, unless it names them already."""
    files = fields.get("files")
    if isinstance(files, dict):
        for name, output in outputs.items():
            files.setdefault(name_in_manifest(name), output.model_dump())
