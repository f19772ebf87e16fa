"""Stored bytes held against what is written down about them."""

from collections.abc import Mapping
from pathlib import Path

from rhizome_pipelines.checkpoints.envelope import RefusedError
from rhizome_pipelines.checkpoints.hashing import sha256_file
from rhizome_pipelines.checkpoints.objects import ObjectInfo, ObjectMissingError, ObjectStore
from rhizome_pipelines.checkpoints.stage_file import StoredOutput

MAX_ENVELOPE_BYTES = 64 * 1024 * 1024
"""A stage file or manifest that is larger was not written by us and is not read into memory."""


def read_limited(
    objects: ObjectStore, key: str, limit: int, known: ObjectInfo | None = None
) -> bytes:
    """The object's bytes. Raises ObjectMissingError, and RefusedError above `limit` bytes.

    `known` saves asking the storage for the size.
    """
    info = known or objects.info(key)
    if info is None:
        raise ObjectMissingError(key)
    if info.size > limit:
        raise RefusedError(f"it holds {info.size} bytes, more than the {limit} allowed")
    return objects.read(key)


def described(key: str, path: Path) -> StoredOutput:
    """What is to be written down about the bytes in `path`, stored under `key`."""
    return StoredOutput(path=key, size=path.stat().st_size, hash=sha256_file(path))


def faults_of_outputs(objects: ObjectStore, outputs: Mapping[str, StoredOutput]) -> list[str]:
    """Why the stored outputs are not those written down; [] if they are. Reads all bytes."""
    faults = []
    for name, output in sorted(outputs.items()):
        try:
            with objects.local_copy(output.path) as path:
                fault = fault_of_output(name, output, path)
        except ObjectMissingError:
            fault = f"output {name} is gone"
        if fault:
            faults.append(fault)
    return faults


def fault_of_output(name: str, output: StoredOutput, path: Path) -> str | None:
    """Why the bytes in `path` are not the output's; None if they are."""
    size = path.stat().st_size
    if size != output.size:
        return f"output {name} has {size} bytes, not {output.size}"
    if sha256_file(path) != output.hash:
        return f"output {name} was altered: its hash does not fit"
    return None
