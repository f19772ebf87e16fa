"""JSON of archives and folders with values that nobody expects: taken, or refused in words."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rhizome_pipelines.deployment.importing import preview, take_in
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.transfer.inputs import ImportInput
from tests.integration.transfer.editing import edited, zipped
from tests.integration.transfer.test_round_trip import ROOTS, annotate
from tests.integration.transfer.transfer_world import Installation, entries

STRANGE = {
    "a list": b"[]",
    "an object": b"{}",
    "null": b"null",
    "a huge number": b"1" * 400,
    "a number of too many digits": b"1" * 6_000,
    "not a number": b"NaN",
    "too large a float": b"1e999",
    "NUL": b'"a\\u0000b"',
    "half a pair": b'"a\\ud800b"',
    "a long text": b'"' + b"x" * 100_000 + b'"',
    "deep": b"[" * 900 + b"]" * 900,
    "bottomless": b"[" * 100_000 + b"]" * 100_000,
    "a key with NUL": b'{"a\\u0000b": {"a": {"b": {"c": [[["\\u0000"]]]}}}}',
}
PLACE = "@here@"


@pytest.fixture
def roots(here: Installation, tmp_path: Path) -> Document:
    return here.process(tmp_path, "roots.md", ROOTS, connections=False)


def paths_in(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where values stand in a JSON, of each list in its first entry."""
    items: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value[:1]))
    return [at, *(path for key, item in items for path in paths_in(item, (*at, key)))]


def changed(data: bytes) -> Iterator[tuple[tuple[Any, ...], str, bytes]]:
    """Where, with what, and the JSON with that in this one place."""
    for path in paths_in(json.loads(data)):
        whole = [json.loads(data)]
        holder: Any = whole
        for step in (0, *path[:-1]) if path else ():
            holder = holder[step]
        holder[path[-1] if path else 0] = PLACE
        before, after = json.dumps(whole[0]).encode().split(json.dumps(PLACE).encode())
        for name, value in STRANGE.items():
            yield path, name, before + value + after


@contextmanager
def foreseen() -> Iterator[list[str]]:
    """What is told of an import that is refused; a fault that nobody foresaw is another error."""
    told: list[str] = []
    try:
        yield told
    except InvalidInputError as error:
        assert len(error.message) < 2_000, error.message
        told.append(error.message)


@pytest.mark.parametrize("name", ["metadata.json", "manifest.json"])
def test_in_the_files_of_another_installation(
    here: Installation, there: Installation, roots: Document, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "here" / "objects" / str(here.user) / str(roots.id)
    for _, _, data in changed((folder / name).read_bytes()):
        (folder / name).write_bytes(data)
        with foreseen():
            key = take_in(there.services, there.user, folder)
            preview(there.services, there.user, ImportInput(storage_path=key))


def test_in_the_manifest_of_an_archive(
    here: Installation, there: Installation, roots: Document
) -> None:
    files = entries(here.export(roots.id))
    may_be = {(), ("created_at",), ("documents", 0, "title")}
    for path, value, data in changed(files["manifest.json"]):
        with foreseen() as refused:
            there.preview(zipped({**files, "manifest.json": data}))
        assert refused or path in may_be, (path, value)


@pytest.mark.parametrize("name", ["document.json", "annotations.json", "chunks.json"])
def test_in_the_rows_of_an_archive(
    here: Installation, there: Installation, roots: Document, name: str
) -> None:
    annotate(here, roots.id, "Roots hold")
    archive = here.export(roots.id, includeAnnotations=True)
    (at,) = [one for one in entries(archive) if one.endswith(name)]
    for _, _, data in changed(entries(archive)[at]):
        with foreseen():
            there.preview(edited(archive, lambda files, data=data: files.update({at: data})))


@pytest.mark.parametrize("title", ["a\ud800b", "a\0b"])
def test_a_title_that_cannot_be_stored_is_refused(
    here: Installation, there: Installation, roots: Document, title: str
) -> None:
    def untitled(files: dict[str, bytes]) -> None:
        row = json.loads(files[f"rows/{roots.id}/document.json"])
        files[f"rows/{roots.id}/document.json"] = json.dumps({**row, "title": None}).encode()

    files = entries(edited(here.export(roots.id), untitled))
    manifest = json.loads(files["manifest.json"])
    manifest["documents"][0]["title"] = title
    archive = zipped({**files, "manifest.json": json.dumps(manifest).encode()})
    with pytest.raises(InvalidInputError, match=r"manifest\.json cannot be (used|read): .*half a"):
        there.import_(archive)
