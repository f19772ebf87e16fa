"""One behaviour for every object store: folder, bucket, and the tests' own in memory."""

import hashlib
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rhizome_pipelines.checkpoints.keys import InvalidKeyError
from rhizome_pipelines.checkpoints.objects import ObjectMissingError, ObjectStore
from rhizome_pipelines.storage.folder import LocalFolderStore
from rhizome_pipelines.storage.s3 import S3Store
from tests.memory_store import MemoryStore

BAD_KEYS = [
    "",
    "/",
    "/etc/passwd",
    "..",
    "../outside",
    "a/../../outside",
    "a/./b",
    "a//b",
    "a/",
    "a\\..\\b",
    "nul\x00byte",
    "line\nbreak",
    "a/.rhizome-tmp-x",
    "lone\ud800surrogate",
    "x" * 256,
    "/".join(["x" * 200] * 6),
]


@pytest.fixture(params=["folder", "s3", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "folder":
        return LocalFolderStore(tmp_path / "objects")
    if request.param == "memory":
        return MemoryStore()
    client, bucket = request.getfixturevalue("s3_bucket")
    return S3Store(client, bucket, "some/prefix")


def keys(store: ObjectStore, prefix: str) -> list[str]:
    return [info.key for info in store.list(prefix)]


@pytest.mark.parametrize("data", [b"", b"x", b"\x00\xff\r\n" * 1000])
def test_what_was_written_is_read(store: ObjectStore, data: bytes) -> None:
    store.write("user/document/content.md", data)

    assert store.read("user/document/content.md") == data
    with store.local_copy("user/document/content.md") as path:
        assert path.read_bytes() == data
    info = store.info("user/document/content.md")
    assert info is not None
    assert (info.key, info.size) == ("user/document/content.md", len(data))
    assert abs(datetime.now(UTC) - info.modified) < timedelta(hours=1)


@pytest.mark.parametrize("size", [0, 1, 20 * 1024 * 1024])
def test_a_local_file_is_stored_and_kept(store: ObjectStore, tmp_path: Path, size: int) -> None:
    data = random.Random(size).randbytes(size)
    local = tmp_path / "local"
    local.write_bytes(data)

    store.write_file("a/large.parquet", local)

    assert local.read_bytes() == data
    with store.local_copy("a/large.parquet") as path, path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    assert found == hashlib.sha256(data).hexdigest()
    assert [info.size for info in store.list("a/")] == [size]


def test_a_local_file_that_is_not_there_is_the_callers_fault(
    store: ObjectStore, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        store.write_file("a/b", tmp_path / "nothing")
    assert store.info("a/b") is None


@pytest.mark.parametrize("blocks", [0, 1, 3, 80])
def test_a_stream_is_stored(store: ObjectStore, blocks: int) -> None:
    data = [random.Random(number).randbytes(256 * 1024 + number) for number in range(blocks)]

    store.write_blocks("user/exports/archive.zip", (block for block in data))

    assert store.read("user/exports/archive.zip") == b"".join(data)


@pytest.mark.parametrize("before", [1, 100])
def test_a_stream_that_breaks_off_leaves_what_was_there(store: ObjectStore, before: int) -> None:
    def broken() -> Iterator[bytes]:
        for _ in range(before):
            yield bytes(256 * 1024)
        raise LookupError("the source is gone")

    store.write("a/archive.zip", b"old")

    with pytest.raises(LookupError, match="the source is gone"):
        store.write_blocks("a/archive.zip", broken())

    assert store.read("a/archive.zip") == b"old"
    assert keys(store, "a/") == ["a/archive.zip"]


def test_an_object_is_replaced(store: ObjectStore, tmp_path: Path) -> None:
    local = tmp_path / "local"
    local.write_bytes(b"third")
    store.write("a/b", b"first, which is longer")
    store.write("a/b", b"second")
    assert store.read("a/b") == b"second"
    store.write_file("a/b", local)
    assert store.read("a/b") == b"third"
    assert keys(store, "") == ["a/b"]


@pytest.mark.parametrize(
    "key", ["ünï/cödé 文書 😀.md", "a b+c%20&=?#.txt", "a/'quoted\"", ".hidden", "a/b.c.d", "-x"]
)
def test_any_text_may_be_a_key(store: ObjectStore, key: str) -> None:
    store.write(key, b"data")
    assert store.read(key) == b"data"
    assert keys(store, "") == [key]
    store.delete([key])
    assert keys(store, "") == []


@pytest.mark.parametrize("key", ["nothing", "a/b/c", "a/b"])
def test_a_missing_object_is_an_answer(store: ObjectStore, key: str) -> None:
    store.write("a/b/there", b"")
    assert store.info(key) is None
    with pytest.raises(ObjectMissingError) as caught:
        store.read(key)
    assert caught.value.key == key
    with pytest.raises(ObjectMissingError), store.local_copy(key):
        pytest.fail("there is nothing to copy")


def test_listing_is_sorted_and_ends_at_the_prefix(store: ObjectStore) -> None:
    names = ["a/b", "a.b/x", "a-b/x", "a/c/d", "a/c.d", "a/c-d", "a0/x", "ab/x", "B/x", "é/x", "z"]
    for name in reversed(names):
        store.write(name, b"")

    assert keys(store, "") == sorted(names)
    assert keys(store, "a/") == ["a/b", "a/c-d", "a/c.d", "a/c/d"]
    assert keys(store, "a/c/") == ["a/c/d"]
    assert keys(store, "nothing/") == []


@pytest.mark.parametrize("prefix", ["a", "/", "../", "a/../", "a//"])
def test_a_prefix_is_a_folder(store: ObjectStore, prefix: str) -> None:
    with pytest.raises(InvalidKeyError):
        keys(store, prefix)


def test_deleting_again_does_no_harm(store: ObjectStore) -> None:
    for key in ("a/b", "a/c", "a/d/e"):
        store.write(key, b"")
    store.delete(["a/b", "nothing/at/all", "a/d/e", "a/b"])
    assert keys(store, "") == ["a/c"]
    store.delete(["a/b"])
    store.delete([])
    assert store.read("a/c") == b""


def test_a_deleted_object_can_be_written_again(store: ObjectStore) -> None:
    for data in (b"1", b"2"):
        store.write("a/b/c/d", data)
        assert store.read("a/b/c/d") == data
        store.delete(["a/b/c/d"])
        assert store.info("a/b/c/d") is None


@pytest.mark.parametrize("key", BAD_KEYS, ids=ascii)
def test_a_bad_key_is_refused_everywhere(store: ObjectStore, key: str, tmp_path: Path) -> None:
    local = tmp_path / "local"
    local.write_bytes(b"data")
    with pytest.raises(InvalidKeyError):
        store.write(key, b"data")
    with pytest.raises(InvalidKeyError):
        store.write_file(key, local)
    with pytest.raises(InvalidKeyError):
        store.read(key)
    with pytest.raises(InvalidKeyError):
        store.info(key)
    with pytest.raises(InvalidKeyError):
        store.delete([key])
    with pytest.raises(InvalidKeyError), store.local_copy(key):
        pytest.fail("a bad key was copied")
    assert keys(store, "") == []
