"""A document's `manifest.json` without its user: paths are relative to the document's folder.

So a document can change its owner or its installation and keep what lasts of its stages. In the
folder the records are sealed again, since a seal covers the paths.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from rhizome_pipelines.checkpoints.envelope import VERSION, digest_of, read_versioned
from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.checkpoints.stage_file import StoredOutput

Fields = dict[str, Any]


def read_manifest(data: bytes) -> Fields:
    """The manifest's fields as they are. Raises InvalidInputError: no JSON, or unknown version."""
    return read_versioned(data, "The manifest")


def made_portable(fields: Fields, keys: DocumentKeys, renamed: Mapping[str, str]) -> None:
    """Take the document's prefix off all paths, in place. `renamed`: keys that lie elsewhere."""
    _change_paths(fields, lambda path: renamed.get(path, path.removeprefix(keys.prefix)))
    for _, record in _stages(fields):
        record.pop("digest", None)


def made_at_home(fields: Fields, keys: DocumentKeys) -> None:
    """Put the document's prefix before all paths, in place, and seal its stages' records."""
    _change_paths(fields, lambda path: keys.prefix + path)
    for stage, record in _stages(fields):
        envelope = {
            "version": VERSION,
            "document_id": str(keys.document_id),
            "stage": stage,
            "final": True,
        }
        record["digest"] = digest_of({**record, **envelope})


def with_other_file(
    fields: Fields, name: str, path: str, output: StoredOutput, invalid: Collection[str]
) -> None:
    """Another file stands where the manifest's `name` was: the stages `invalid` are no more."""
    files = fields.get("files")
    if isinstance(files, dict):
        before = files.get(name)
        extra = before if isinstance(before, dict) else {}
        files[name] = {**extra, "path": path, "size": output.size, "hash": output.hash}
    stages = fields.get("stages")
    if isinstance(stages, dict):
        for stage in invalid:
            stages.pop(stage, None)


def manifest_bytes(fields: Fields) -> bytes:
    """The file's bytes, written as `Manifest.to_bytes` writes them."""
    return json.dumps(fields, sort_keys=True, ensure_ascii=False, indent=2).encode()


def _change_paths(fields: Fields, change: Callable[[str], str]) -> None:
    entries = list(_values(fields.get("files")))
    for _, record in _stages(fields):
        entries += _values(record.get("outputs"))
    for entry in entries:
        if isinstance(entry, dict) and isinstance(entry.get("path"), str):
            entry["path"] = change(entry["path"])


def _stages(fields: Fields) -> Iterator[tuple[str, Fields]]:
    stages = fields.get("stages")
    if isinstance(stages, dict):
        for stage, record in stages.items():
            if isinstance(record, dict):
                yield stage, record


def _values(entries: object) -> Iterator[Any]:
    if isinstance(entries, dict):
        yield from entries.values()
