"""What is true of a folder alone: atomic replacement, left-over files, links."""

import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rhizome_pipelines.checkpoints.keys import TEMPORARY_MARK, InvalidKeyError
from rhizome_pipelines.checkpoints.objects import StorageUnavailableError
from rhizome_pipelines.storage.folder import TEMPORARY_AGE_SECONDS, LocalFolderStore


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "objects"


@pytest.fixture
def store(root: Path) -> LocalFolderStore:
    return LocalFolderStore(root)


def listed(store: LocalFolderStore) -> list[str]:
    return [info.key for info in store.list("")]


def test_a_reader_never_sees_half_an_object(store: LocalFolderStore) -> None:
    versions = [bytes([number]) * 300_000 for number in range(4)]
    store.write("a/b", versions[0])
    done = threading.Event()
    seen: set[bytes] = set()

    def read() -> None:
        while not done.is_set():
            seen.add(store.read("a/b"))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(60):
        store.write("a/b", versions[number % 4])
    done.set()
    for reader in readers:
        reader.join()
    assert seen
    assert seen <= set(versions)


def test_writers_and_deleters_of_one_folder_do_not_disturb_each_other(
    store: LocalFolderStore,
) -> None:
    def work(name: str) -> None:
        for _ in range(40):
            store.write(f"a/b/{name}", name.encode())
            assert store.read(f"a/b/{name}") == name.encode()
            store.delete([f"a/b/{name}"])

    with ThreadPoolExecutor(3) as workers:
        for finished in [workers.submit(work, f"file-{number}") for number in range(3)]:
            finished.result()
    assert listed(store) == []


def test_a_write_that_fails_leaves_the_old_object_and_nothing_else(
    store: LocalFolderStore, root: Path
) -> None:
    store.write("a/b", b"old")
    with pytest.raises(TypeError):
        store.write("a/b", "not bytes")  # type: ignore[arg-type]  # the fault is the test
    assert store.read("a/b") == b"old"
    assert [path.name for path in (root / "a").iterdir()] == ["b"]


def test_left_over_files_are_invisible_and_go_when_they_are_old(
    store: LocalFolderStore, root: Path
) -> None:
    store.write("a/b", b"")
    young, old = root / "a" / f"{TEMPORARY_MARK}young", root / "a" / f"{TEMPORARY_MARK}old"
    young.write_bytes(b"half")
    old.write_bytes(b"half")
    long_ago = old.stat().st_mtime - TEMPORARY_AGE_SECONDS - 60
    os.utime(old, (long_ago, long_ago))

    assert listed(store) == ["a/b"]
    assert young.exists()
    assert not old.exists()


def test_no_link_is_followed(store: LocalFolderStore, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    store.write("a/b", b"")
    (root / "a" / "folder").symlink_to(outside)
    (root / "a" / "file").symlink_to(outside / "secret")
    (root / "a" / "inside").symlink_to(root / "a" / "b")

    assert listed(store) == ["a/b"]
    for key in ("a/folder/secret", "a/file", "a/inside"):
        with pytest.raises(InvalidKeyError):
            store.read(key)
        with pytest.raises(InvalidKeyError):
            store.write(key, b"overwritten")
        with pytest.raises(InvalidKeyError):
            store.delete([key])
        with pytest.raises(InvalidKeyError):
            store.info(key)
    with pytest.raises(InvalidKeyError):
        list(store.list("a/folder/"))
    assert (outside / "secret").read_bytes() == b"secret"


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    LocalFolderStore(tmp_path / "link").write("a/b", b"data")
    assert (tmp_path / "real" / "a" / "b").read_bytes() == b"data"


def test_a_file_and_a_folder_cannot_share_a_name(store: LocalFolderStore) -> None:
    store.write("a/b", b"")
    for key in ("a", "a/b/c"):
        with pytest.raises(InvalidKeyError):
            store.write(key, b"")
        assert store.info(key) is None
    assert listed(store) == ["a/b"]


def test_empty_folders_go_with_the_last_object(store: LocalFolderStore, root: Path) -> None:
    store.write("a/b/c/d", b"")
    store.delete(["a/b/c/d"])
    assert list(root.iterdir()) == []


def test_a_folder_that_is_gone_is_a_failure_and_not_an_empty_store(
    store: LocalFolderStore, root: Path, tmp_path: Path
) -> None:
    local = tmp_path / "local"
    local.write_bytes(b"")
    store.write("a/b", b"")
    shutil.rmtree(root)
    with pytest.raises(StorageUnavailableError):
        store.read("a/b")
    with pytest.raises(StorageUnavailableError):
        store.info("a/b")
    with pytest.raises(StorageUnavailableError):
        list(store.list(""))
    with pytest.raises(StorageUnavailableError):
        list(store.list("a/"))
    with pytest.raises(StorageUnavailableError):
        store.delete(["a/b"])
    with pytest.raises(StorageUnavailableError):
        store.write("a/b", b"")
    with pytest.raises(StorageUnavailableError):
        store.write_file("a/b", local)
    with pytest.raises(StorageUnavailableError), store.local_copy("a/b"):
        pytest.fail("there is nothing to copy")
    assert not root.exists()


WRITER = """
import itertools, sys
from pathlib import Path
from rhizome_pipelines.storage.folder import LocalFolderStore
store = LocalFolderStore(Path(sys.argv[1]))
for number in itertools.count():
    store.write("a/b", bytes([number % 251]) * 2_000_000)
    print(number, flush=True)
"""


@pytest.mark.parametrize("writes", [1, 2, 3])
def test_a_writer_that_is_killed_leaves_a_whole_object(
    store: LocalFolderStore, root: Path, writes: int
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for _ in range(writes):
            last = int(writer.stdout.readline())
        writer.kill()
        writer.wait()
        last = max([last, *map(int, writer.stdout.read().split())])

    data = store.read("a/b")
    assert len(data) == 2_000_000
    assert set(data) <= {last, last + 1}  # the next write may have taken effect untold
    assert len(set(data)) == 1
    assert listed(store) == ["a/b"]
