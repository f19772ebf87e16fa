"""Archives that anybody may have made: harmless ones are read, all others refused whole."""

import io
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.transfer.archive import ArchiveLimits, RefusedArchiveError, open_archive
from tests.zero_bomb import ZipEntry, deflated_zeros, write_zip

Prepare = Callable[[zipfile.ZipFile], object]


def written(folder: Path, prepare: Prepare) -> Path:
    path = folder / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        prepare(archive)
    return path


def reading(path: Path, limits: ArchiveLimits | None = None) -> dict[str, bytes]:
    with open_archive(path, limits or ArchiveLimits()) as archive:
        return {name: b"".join(archive.blocks(name)) for name in archive.sizes}


def refusal(path: Path, limits: ArchiveLimits | None = None) -> str:
    with pytest.raises(RefusedArchiveError) as refused:
        reading(path, limits)
    assert refused.value.message.startswith("The archive is refused, and nothing was imported: ")
    return refused.value.message


def test_a_harmless_archive_is_read(tmp_path: Path) -> None:
    def fill(archive: zipfile.ZipFile) -> None:
        archive.writestr("documents/", b"")
        archive.writestr("documents/نص.md", "مرحبا")
        archive.writestr("documents/inner.zip", b"PK\x03\x04 never opened")

    assert reading(written(tmp_path, fill)) == {
        "documents/نص.md": "مرحبا".encode(),
        "documents/inner.zip": b"PK\x03\x04 never opened",
    }


@pytest.mark.parametrize(
    "name",
    [
        "../escaped.txt",
        "a/../../escaped.txt",
        "/etc/passwd",
        "a\\..\\b.txt",
        "C:/windows.txt",
        "a//b",
        "a/./b",
        "new\nline",
        "x" * 300,
        "/".join("a" * 600),
    ],
)
def test_names_that_leave_the_archive_are_refused(tmp_path: Path, name: str) -> None:
    assert "its name" in refusal(written(tmp_path, lambda archive: archive.writestr(name, b"x")))


def test_a_name_that_hides_its_end_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, lambda archive: archive.writestr("good.md#.exe", b"x"))
    path.write_bytes(path.read_bytes().replace(b"good.md#", b"good.md\0"))
    assert "hides the rest" in refusal(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    def fill(archive: zipfile.ZipFile) -> None:
        archive.writestr("a.txt", b"1")
        archive.writestr("a.txt", b"2")

    assert "is there twice" in refusal(written(tmp_path, fill))


@pytest.mark.parametrize(
    ("one", "other"), [("a/B.md", "A/b.md"), ("é.md", "e\u0301.md"), ("straße", "STRASSE")]
)
def test_names_that_clash_on_some_file_system_are_refused(
    tmp_path: Path, one: str, other: str
) -> None:
    def fill(archive: zipfile.ZipFile) -> None:
        archive.writestr(one, b"1")
        archive.writestr(other, b"2")

    assert "clashes with another" in refusal(written(tmp_path, fill))


def test_a_file_that_is_a_folder_of_another_is_refused(tmp_path: Path) -> None:
    def fill(archive: zipfile.ZipFile) -> None:
        archive.writestr("a", b"1")
        archive.writestr("a/b", b"2")

    assert "lies in what is a file" in refusal(written(tmp_path, fill))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_links_and_devices_are_refused(tmp_path: Path, kind: int) -> None:
    def fill(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo("link")
        info.create_system = 3
        info.external_attr = (kind | 0o777) << 16
        archive.writestr(info, "/etc/passwd")

    assert "link or a device" in refusal(written(tmp_path, fill))


def test_an_encrypted_entry_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, lambda archive: archive.writestr("a", b"x"))
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    data[6] |= 1
    path.write_bytes(data)
    assert "encrypted" in refusal(path)


def test_an_unusual_compression_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a", b"x" * 100)
    assert "compressed in a way" in refusal(path)


def test_a_bomb_is_refused_by_its_ratio(tmp_path: Path) -> None:
    segments, crc = deflated_zeros(2**31)
    entry = ZipEntry("bomb", zipfile.ZIP_DEFLATED, crc, 2**31, tuple(segments))
    write_zip(tmp_path / "bomb.zip", [entry])
    assert "200 times its size" in refusal(tmp_path / "bomb.zip")


def test_a_bomb_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    segments, crc = deflated_zeros(2**30)
    entry = ZipEntry("bomb", zipfile.ZIP_DEFLATED, crc, 1_000, tuple(segments))
    write_zip(tmp_path / "bomb.zip", [entry])
    assert "damaged" in refusal(tmp_path / "bomb.zip")


def test_an_archive_that_unfolds_to_too_much_in_all_is_refused(tmp_path: Path) -> None:
    def fill(archive: zipfile.ZipFile) -> None:
        for number in range(5):
            archive.writestr(f"{number}", bytes(30))

    path = written(tmp_path, fill)
    assert "unfolds to 150 bytes" in refusal(path, ArchiveLimits(max_total_bytes=149))
    assert len(reading(path, ArchiveLimits(max_total_bytes=150))) == 5


def test_too_many_entries_are_refused_before_the_directory_is_read(tmp_path: Path) -> None:
    def fill(archive: zipfile.ZipFile) -> None:
        for number in range(70_000):  # above 65,535 the count is in the 64-bit end record
            archive.writestr(zipfile.ZipInfo(f"{number}"), b"")

    path = written(tmp_path, fill)
    assert "70,000 entries" in refusal(path, ArchiveLimits(max_entries=69_999))
    assert "its directory has" in refusal(path, ArchiveLimits(max_directory_bytes=10_000))


def test_a_directory_that_lies_about_itself_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, lambda archive: archive.writestr("a.md", b"x" * 99))
    data = path.read_bytes()
    path.write_bytes(data.replace(b"a.md", b"b.md", 1))  # the local header alone
    assert "damaged" in refusal(path)


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06", b"%PDF-1.7", b"\0" * 100])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "archive.zip"
    path.write_bytes(content)
    refusal(path)


def _good_archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", b'{"version": "1.0"}')
        archive.writestr("documents/a/content.md", "# Wörter\n" * 50)
        archive.writestr("documents/a/source.bin", bytes(range(256)))
    return buffer.getvalue()


GOOD = _good_archive()


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_archive_is_read_right_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(content))))
    path = tmp_path_factory.getbasetemp() / "damaged.zip"
    path.write_bytes(content[:cut])
    try:
        found = reading(path)
    except InvalidInputError:
        return
    with zipfile.ZipFile(io.BytesIO(GOOD)) as good:
        originals = {good.read(name) for name in good.namelist()}
    assert set(found.values()) <= originals
