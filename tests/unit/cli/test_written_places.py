"""Where an archive may be put: nowhere that something else would be lost."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from rhizome_pipelines.cli.places import refuse_place
from rhizome_pipelines.lifecycle.errors import InvalidInputError


def make_socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(place))  # such names are short


def link_to_file(place: Path) -> None:
    (place.parent / "precious").write_text("mine")
    place.symlink_to("precious")


KINDS: dict[str, Callable[[Path], None]] = {
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a socket": make_socket,
    "a symbolic link": link_to_file,
}


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_only_a_regular_file_may_be_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, force: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "there"
    KINDS[kind](place)
    before = place.lstat()

    with pytest.raises(InvalidInputError, match=f"there' is {kind}; name a file"):
        refuse_place(place, force=force)

    assert place.lstat() == before


def test_a_link_to_nowhere_and_a_device(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(InvalidInputError, match="symbolic link"):
        refuse_place(tmp_path / "dangling", force=True)
    with pytest.raises(InvalidInputError, match="'/dev/null' is a device"):
        refuse_place(Path("/dev/null"), force=True)


def test_standard_output(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="standard output; name a file"):
        refuse_place(Path("-"), force=True)


def test_a_file_is_given_up_only_if_somebody_says_so(tmp_path: Path) -> None:
    place = tmp_path / "library.zip"
    refuse_place(place, force=False)
    place.write_bytes(b"old")

    with pytest.raises(InvalidInputError, match="is there already; say --force"):
        refuse_place(place, force=False)
    refuse_place(place, force=True)


def test_names_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="There is no folder"):
        refuse_place(tmp_path / "missing" / "a.zip", force=True)
    with pytest.raises(InvalidInputError, match="cannot be written: File name too long"):
        refuse_place(tmp_path / ("a" * 300), force=True)
