"""Imports refused whole: hostile, damaged, another user's, or not what they claim to be."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.transfer.archive import RefusedArchiveError
from tests.integration.transfer.editing import edited, everything, with_chunks, zipped
from tests.integration.transfer.test_round_trip import annotate
from tests.integration.transfer.transfer_world import Installation, entries, of_user


def test_chunks_alone_do_not_make_a_document(here: Installation, roots: Document) -> None:
    stranger = of_user(here, uuid4())
    other = uuid4()
    content = {"version": "1.0", "document_id": str(other), "chunks": []}
    key = stranger.upload(json.dumps(content).encode(), "chunks.json")
    with pytest.raises(InvalidInputError, match=r"a chunks\.json alone does not make one"):
        stranger.import_(document_id=str(other), storage_path=key)


# Refusals


def test_a_document_of_another_user_is_not_touched(here: Installation, roots: Document) -> None:
    archive = here.export(roots.id)
    before = everything(here)
    with pytest.raises(InvalidInputError, match="taken by another user"):
        of_user(here, uuid4()).import_(archive, strategy="replace")
    assert everything(here) == before


def test_a_file_of_another_user_is_not_read(here: Installation, roots: Document) -> None:
    here.upload(here.export(roots.id))
    with pytest.raises(InvalidInputError, match="is not this user's"):
        of_user(here, uuid4()).import_(storage_path=f"{here.user}/imports/archive.zip")


def test_all_faults_of_the_chunks_are_told_in_one_message(
    here: Installation, there: Installation, roots: Document, trees: Document
) -> None:
    def broken(chunks: list[dict[str, Any]]) -> None:
        chunks[0].update(importance_score=7, chunker_type="sausage", content="NUL \0")
        chunks[1].update(chunk_index=9, start_offset=5, end_offset=2)

    archive = with_chunks(here.export(roots.id, trees.id), roots.id, broken)
    archive = with_chunks(archive, trees.id, lambda chunks: chunks[0].pop("content"))

    with pytest.raises(InvalidInputError) as refused:
        there.import_(archive)

    for told in ("importance_score", "chunker_type", "NUL", "end_offset", "content", str(trees.id)):
        assert told in refused.value.message
    assert "There is no document" not in refused.value.message
    assert everything(there)[0] == [[], [], [], [], []]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"start_offset": 1}, "is not the text between 1 and"),
        ({"end_offset": 1_000_000}, "ends at 1,000,000, behind the"),
        ({"content": "Other."}, "is not the text between"),
    ],
)
def test_a_chunk_that_is_not_the_text_at_its_place_is_refused(
    here: Installation,
    there: Installation,
    roots: Document,
    change: dict[str, object],
    told: str,
) -> None:
    archive = with_chunks(
        here.export(roots.id),
        roots.id,
        lambda chunks: chunks[0].update({**change, "position_confidence": "exact"}),
    )
    archive = edited(archive, exact(roots.id))
    with pytest.raises(InvalidInputError, match=f"chunk 0: it {told}"):
        there.import_(archive)
    with pytest.raises(InvalidInputError, match=f"chunk 0: it {told}"):
        here.import_(edited(archive, without_text(roots.id)), strategy="replace")
    assert everything(there)[0] == [[], [], [], [], []]


def exact(document_id: UUID) -> Callable[[dict[str, bytes]], object]:
    """Each chunk claims to be the very text at its place."""

    def change(files: dict[str, bytes]) -> None:
        name = f"documents/{document_id}/chunks.json"
        content = json.loads(files[name])
        for chunk in content["chunks"]:
            chunk["position_confidence"] = "exact"
        files[name] = json.dumps(content).encode()

    return change


def without_text(document_id: UUID) -> Callable[[dict[str, bytes]], object]:
    """The text that is stored here is what the chunks must fit then."""
    return lambda files: files.pop(f"documents/{document_id}/content.md")


@pytest.mark.parametrize(
    "note", ["a \0 in it", {"deep": [{"a \0 in it": 1}]}, {"number": float("inf")}]
)
def test_what_the_database_cannot_hold_is_refused(
    here: Installation, there: Installation, roots: Document, note: object
) -> None:
    annotate(here, roots.id, "Stems of the forest")

    def change(files: dict[str, bytes]) -> None:
        name = f"rows/{roots.id}/annotations.json"
        content = json.loads(files[name])
        content["annotations"][0]["components"][0]["data"] = {"note": note}
        files[name] = json.dumps(content).encode()

    with pytest.raises(InvalidInputError, match=r"annotations\.json"):
        there.import_(edited(here.export(roots.id, includeAnnotations=True), change))
    assert everything(there)[0] == [[], [], [], [], []]


@pytest.mark.parametrize("version", ["2.0", None])
def test_an_unknown_version_is_refused(
    here: Installation, there: Installation, roots: Document, version: str | None
) -> None:
    for name in (f"documents/{roots.id}/chunks.json", f"rows/{roots.id}/document.json"):

        def change(files: dict[str, bytes], name: str = name) -> None:
            files[name] = json.dumps({**json.loads(files[name]), "version": version}).encode()

        with pytest.raises(InvalidInputError, match="version"):
            there.import_(edited(here.export(roots.id), change))
    files = entries(here.export(roots.id))
    files["manifest.json"] = json.dumps(
        {**json.loads(files["manifest.json"]), "version": version}
    ).encode()
    with pytest.raises(InvalidInputError, match="version"):
        there.import_(zipped(files))
    assert everything(there)[0] == [[], [], [], [], []]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda f, name: f.update({name: bytes(len(f[name]))}), "has not the hash"),
        (lambda f, name: f.update({name: b"other"}), "not as large"),
        (lambda f, name: f.pop(name), "missing"),
        (lambda f, name: f.update({"surplus.txt": b""}), "not in the manifest"),
        (lambda f, name: f.pop("manifest.json"), "no export of Rhizome"),
    ],
)
def test_an_archive_that_is_not_what_its_manifest_says_is_refused(
    here: Installation,
    there: Installation,
    roots: Document,
    change: Callable[[dict[str, bytes], str], object],
    told: str,
) -> None:
    files = entries(here.export(roots.id))
    change(files, f"documents/{roots.id}/content.md")
    with pytest.raises(InvalidInputError, match=told):
        there.import_(zipped(files))
    assert everything(there) == [[[], [], [], [], []], []]


@pytest.mark.parametrize("name", ["stage-chunking.json", "a/stage-x.part.u.ckpt"])
def test_a_planted_checkpoint_is_refused(
    here: Installation, there: Installation, roots: Document, name: str
) -> None:
    def plant(files: dict[str, bytes]) -> None:
        files[f"documents/{roots.id}/{name}"] = b"{}"

    with pytest.raises(RefusedArchiveError, match="no file of its document"):
        there.import_(edited(here.export(roots.id), plant))


def test_limits_are_settings(here: Installation, there: Installation, roots: Document) -> None:
    archive = here.export(roots.id)
    few = there.services.settings.model_copy(update={"max_import_files": 3})
    narrow = replace(there, services=replace(there.services, settings=few))
    with pytest.raises(RefusedArchiveError, match="more than 3"):
        narrow.import_(archive)


def test_notes_and_tables_cannot_be_imported(
    here: Installation, there: Installation, roots: Document
) -> None:
    with pytest.raises(InvalidInputError, match="export with the format zip"):
        there.import_(here.export(roots.id, format="markdown"))


def test_a_table_of_vectors_of_another_shape_is_refused_by_its_name(
    here: Installation, there: Installation, roots: Document
) -> None:
    name = f"documents/{roots.id}/embeddings.parquet"
    archive = here.export(roots.id)
    table = pq.read_table(io.BytesIO(entries(archive)[name]))
    lists = pa.array(table["vector"].to_pylist())
    shapes = {
        "does not say its version": table.replace_schema_metadata({}),
        "'vector' of": table.set_column(table.schema.get_field_index("vector"), "vector", lists),
        "no.* column 'id'": table.drop_columns(["id"]),
    }
    for told, changed in shapes.items():
        file = io.BytesIO()
        pq.write_table(changed, file)
        data = file.getvalue()
        with pytest.raises(InvalidInputError, match=told) as refused:
            there.import_(edited(archive, lambda files, data=data: files.update({name: data})))
        assert "embeddings.parquet" in refused.value.message
        assert "tmp" not in refused.value.message
