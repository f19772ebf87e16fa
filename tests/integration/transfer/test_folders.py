"""Imports from a folder: an unpacked export, and the files of another installation."""

import tempfile
from pathlib import Path
from uuid import uuid4

import pytest

from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.checkpoints.store import CheckpointStore
from rhizome_pipelines.deployment.importing import discard_upload, preview, take_in
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.jobs import JobType
from rhizome_pipelines.transfer.inputs import ImportInput
from tests.integration.transfer.test_round_trip import ROOTS, told
from tests.integration.transfer.transfer_world import Installation, entries


@pytest.fixture
def roots(here: Installation, tmp_path: Path) -> Document:
    return here.process(tmp_path, "roots.md", ROOTS, connections=False)


def test_an_unpacked_export_is_imported_as_its_archive(
    here: Installation, there: Installation, roots: Document, tmp_path: Path
) -> None:
    archive = here.export(roots.id)
    for name, data in entries(archive).items():
        (tmp_path / "unpacked" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "unpacked" / name).write_bytes(data)

    there.import_(storage_path=take_in(there.services, there.user, tmp_path / "unpacked"))

    assert told(there.export(roots.id)) == told(archive)


def test_the_files_of_another_installation_are_enough(
    here: Installation, there: Installation, roots: Document, tmp_path: Path
) -> None:
    here.store_file(roots, "stage-chunking.json", b"of no use")
    here.store_file(roots, "deep/er.unknown", b"\x00")

    output = there.import_(
        storage_path=take_in(there.services, there.user, tmp_path / "here" / "objects")
    )

    assert there.contents(roots.id) == here.contents(roots.id)
    assert output["documents"][0]["decision"] == "add"
    (row,) = there.database.all("select * from documents")
    assert (row["source_type"], row["processing_status"]) == ("markdown_asis", "completed")
    assert row["storage_path"] == f"{there.user}/{roots.id}/source.md"
    mine, theirs = here.files(roots.id), there.files(roots.id)
    assert set(mine) - set(theirs) == {"stage-chunking.json"}
    store = CheckpointStore(there.services.objects, DocumentKeys(there.user, roots.id))
    assert isinstance(store.read_manifest_record("embeddings"), StageCheckpoint)


def test_links_are_not_followed(
    here: Installation, there: Installation, roots: Document, tmp_path: Path
) -> None:
    folder = tmp_path / "here" / "objects" / str(here.user) / str(roots.id)
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    there.import_(storage_path=take_in(there.services, there.user, folder))
    assert "link" not in there.files(roots.id)


def test_a_folder_with_nothing_to_import_is_told(there: Installation, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="nothing to import"):
        take_in(there.services, there.user, tmp_path)
    with pytest.raises(InvalidInputError, match="no file or folder"):
        take_in(there.services, there.user, tmp_path / "missing")


def test_what_was_stored_to_be_imported_goes_again(there: Installation, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK")
    key = take_in(there.services, there.user, tmp_path / "a.zip")
    discard_upload(there.services, there.job(JobType.IMPORT_DOCUMENT, storage_path=key))
    assert there.services.objects.info(key) is None
    own = DocumentKeys(there.user, uuid4()).chunks
    there.services.objects.write(own, b"{}")
    discard_upload(there.services, there.job(JobType.IMPORT_DOCUMENT, storage_path=own))
    assert there.services.objects.info(own) is not None


def test_what_is_unpacked_for_a_preview_lies_below_the_home(
    here: Installation,
    there: Installation,
    roots: Document,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive = here.export(roots.id)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not there"))

    key = take_in(there.services, there.user, tmp_path / "here" / "objects")

    assert preview(there.services, there.user, ImportInput(storage_path=key)).documents
    assert there.preview(archive).documents
    assert [*(there.services.settings.home / "scratch").iterdir()] == []
    assert tempfile.tempdir == str(tmp_path / "not there")
