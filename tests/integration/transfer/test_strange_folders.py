"""Folders and archives that something else has left its traces in, and files that are none."""

import os
import socket
from pathlib import Path

import pytest

from rhizome_pipelines.deployment.importing import take_in
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from tests.integration.transfer.editing import zipped
from tests.integration.transfer.test_round_trip import ROOTS, told
from tests.integration.transfer.transfer_world import Installation, entries

LITTER = [".DS_Store", "Thumbs.db", "desktop.ini", "._manifest.json", "__MACOSX/._manifest.json"]


@pytest.fixture
def roots(here: Installation, tmp_path: Path) -> Document:
    return here.process(tmp_path, "roots.md", ROOTS, connections=False)


def unpacked(archive: bytes, folder: Path) -> Path:
    for name, data in entries(archive).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def own_folder(world: Installation, document: Document, tmp_path: Path) -> Path:
    """The document's files, as another installation stores them."""
    return tmp_path / "here" / "objects" / str(world.user) / str(document.id)


# What file managers leave


def test_litter_in_an_unpacked_export_is_passed_over(
    here: Installation, there: Installation, roots: Document, tmp_path: Path
) -> None:
    archive = here.export(roots.id)
    folder = unpacked(archive, tmp_path / "unpacked")
    for name in [*LITTER, f"documents/{roots.id}/.DS_Store"]:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"litter")

    there.import_(storage_path=take_in(there.services, there.user, folder))

    assert told(there.export(roots.id)) == told(archive)


def test_litter_in_the_folder_of_a_document_is_passed_over(
    here: Installation, there: Installation, roots: Document, tmp_path: Path
) -> None:
    folder = own_folder(here, roots, tmp_path)
    for name in ("Desktop.ini", ".DS_Store", "._content.md"):
        (folder / name).write_bytes(b"litter")

    there.import_(storage_path=take_in(there.services, there.user, folder))

    assert {"content.md", "chunks.json"} <= set(there.files(roots.id))
    assert not {"Desktop.ini", ".DS_Store", "._content.md"} & set(there.files(roots.id))


@pytest.mark.parametrize("folder", ["", "My export/"])
def test_an_archive_packed_anew_by_a_file_manager_is_read(
    here: Installation, there: Installation, roots: Document, folder: str
) -> None:
    archive = here.export(roots.id)
    files = {folder + name: data for name, data in entries(archive).items()}
    litter = {f"{folder}.DS_Store": b"x", f"__MACOSX/{folder}._manifest.json": b"x"}

    there.import_(zipped({**files, **litter}))

    assert told(there.export(roots.id)) == told(archive)


def test_what_only_looks_like_litter_comes_along_if_the_export_lists_it(
    here: Installation, there: Installation, roots: Document, tmp_path: Path
) -> None:
    here.store_file(roots, "notes/Thumbs.db", b"a person's")
    folder = unpacked(here.export(roots.id), tmp_path / "unpacked")

    there.import_(storage_path=take_in(there.services, there.user, folder))

    assert there.files(roots.id)["notes/Thumbs.db"] == b"a person's"


# What is no file


def test_a_pipe_is_refused_and_not_waited_for(there: Installation, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "manifest.json")
    with pytest.raises(InvalidInputError, match=r"manifest\.json' is a pipe, a socket"):
        take_in(there.services, there.user, tmp_path)
    with pytest.raises(InvalidInputError, match="no file or folder"):
        take_in(there.services, there.user, tmp_path / "manifest.json")


@pytest.mark.parametrize("name", ["chunks.json", "metadata.json", "manifest.json", "a.png"])
def test_a_pipe_among_a_documents_files_is_refused(
    here: Installation, there: Installation, roots: Document, tmp_path: Path, name: str
) -> None:
    folder = own_folder(here, roots, tmp_path)
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    with pytest.raises(InvalidInputError, match=f"{name}' is a pipe"):
        take_in(there.services, there.user, folder)


def test_a_socket_in_an_unpacked_export_is_refused(
    here: Installation, there: Installation, roots: Document, tmp_path: Path
) -> None:
    folder = unpacked(here.export(roots.id), tmp_path / "unpacked")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(folder / "s"))  # the whole path may be too long for one
        with pytest.raises(InvalidInputError, match="/s' is a pipe, a socket or a device"):
            take_in(there.services, there.user, folder)


def test_a_name_that_is_not_utf_8_is_refused(
    here: Installation, there: Installation, roots: Document, tmp_path: Path
) -> None:
    folder = own_folder(here, roots, tmp_path)
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.txt")).write_bytes(b"x")
    with pytest.raises(InvalidInputError, match=r"caf\\udce9\.txt' is not in UTF-8"):
        take_in(there.services, there.user, folder)
