"""Objects as plain files under a local folder."""

import contextlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from rhizome_pipelines.checkpoints.keys import (
    TEMPORARY_MARK,
    InvalidKeyError,
    validated_key,
    validated_prefix,
)
from rhizome_pipelines.checkpoints.objects import (
    ObjectInfo,
    ObjectMissingError,
    StorageUnavailableError,
)

TEMPORARY_AGE_SECONDS = 24 * 3600
"""An unfinished write that is older than this was left by a process that died."""

_COPY_BYTES = 1024 * 1024
_WRITE_TRIES = 5
_NO_SUCH_FILE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class LocalFolderStore:
    """An `ObjectStore` on a local folder; the folder is made if it is not there.

    A write goes to a temporary file in the object's own folder, is synced to the disk and takes
    the object's name in one step. Symbolic links below the folder are no objects: a key that
    passes through one is refused. Unlike a bucket, a folder cannot hold both `a` and `a/b`.
    """

    def __init__(self, root: Path) -> None:
        with _failures(f"cannot make {root}"):
            root.mkdir(parents=True, exist_ok=True)
            self._root = root.resolve()

    def read(self, key: str) -> bytes:
        with self._local(key) as path, _failures(f"cannot read {key!r}"):
            return path.read_bytes()

    def write(self, key: str, data: bytes) -> None:
        self._put(key, lambda file: file.write(data))

    def write_file(self, key: str, path: Path) -> None:
        with path.open("rb") as source:

            def copy(file: BinaryIO) -> None:
                source.seek(0)
                shutil.copyfileobj(source, file, _COPY_BYTES)

            self._put(key, copy)

    def write_blocks(self, key: str, blocks: Iterable[bytes]) -> None:
        path = self._path(key)
        # Not tried again, as other writes are: a stream is read once.
        with _failures(f"cannot write {key!r}"):
            self._put_once(key, path, lambda file: file.writelines(blocks))

    @contextmanager
    def local_copy(self, key: str) -> Iterator[Path]:
        with self._local(key) as path:
            yield path

    def info(self, key: str) -> ObjectInfo | None:
        path = self._path(key)
        with _failures(f"cannot look at {key!r}"):
            try:
                found = path.lstat()
            except _NO_SUCH_FILE:
                self._require_root()
                return None
        return _object(key, found) if stat.S_ISREG(found.st_mode) else None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See the port. Unfinished writes are passed over; old ones are removed on the way."""
        folder = self._path(validated_prefix(prefix)[:-1]) if prefix else self._root
        with _failures(f"cannot list {prefix!r}"):
            self._require_root()
            yield from _walk(folder, prefix)

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            path = self._path(key)
            with _failures(f"cannot delete {key!r}"):
                self._require_root()
                try:
                    path.unlink()
                except _NO_SUCH_FILE:
                    continue
                _sync_folder(path.parent)
                self._remove_empty_folders(path.parent)

    # Paths

    def _path(self, key: str) -> Path:
        """Where the object lies; InvalidKeyError if a symbolic link is on the way or at the end."""
        path = self._root
        with _failures(f"cannot look at {key!r}"):
            for segment in validated_key(key).split("/"):
                path = path / segment
                if path.is_symlink():
                    raise InvalidKeyError(
                        f"The storage key {key!r} passes through a symbolic link."
                    )
        return path

    @contextmanager
    def _local(self, key: str) -> Iterator[Path]:
        path = self._path(key)
        with _failures(f"cannot read {key!r}"):
            try:
                regular = stat.S_ISREG(path.lstat().st_mode)
            except _NO_SUCH_FILE:
                regular = False
            if not regular:
                self._require_root()
                raise ObjectMissingError(key)
        yield path

    def _require_root(self) -> None:
        """A folder that is gone (unmounted, say) is a failure, not an empty store."""
        if not self._root.is_dir():
            raise StorageUnavailableError(f"The storage folder {self._root} is not there.")

    # Writing

    def _put(self, key: str, fill: Callable[[BinaryIO], object]) -> None:
        path = self._path(key)
        with _failures(f"cannot write {key!r}"):
            for _ in range(_WRITE_TRIES - 1):
                # A delete elsewhere may remove the folder while it is still empty.
                with contextlib.suppress(FileNotFoundError):
                    return self._put_once(key, path, fill)
            return self._put_once(key, path, fill)

    def _put_once(self, key: str, path: Path, fill: Callable[[BinaryIO], object]) -> None:
        self._require_root()
        try:
            self._make_folder(path.parent)
            _replace(path, fill)
        except (NotADirectoryError, IsADirectoryError) as error:
            raise InvalidKeyError(
                f"The storage key {key!r} cannot be used: a file and a folder would share a name."
            ) from error

    def _make_folder(self, folder: Path) -> None:
        missing = []
        while folder != self._root and not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for made in reversed(missing):
            with contextlib.suppress(FileExistsError):
                made.mkdir()
            _sync_folder(made.parent)

    def _remove_empty_folders(self, folder: Path) -> None:
        while folder != self._root:
            try:
                folder.rmdir()
            except OSError:
                return  # not empty, or gone already
            folder = folder.parent


def _replace(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    handle, name = tempfile.mkstemp(prefix=TEMPORARY_MARK, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Put a changed name on the disk. A folder that is gone again needs no syncing."""
    with contextlib.suppress(FileNotFoundError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _walk(folder: Path, prefix: str) -> Iterator[ObjectInfo]:
    try:
        with os.scandir(folder) as found:
            entries = [entry for entry in found if not entry.is_symlink()]
    except _NO_SUCH_FILE:
        return
    # "a/" sorts after "a.txt": a folder counts with its slash, as its keys do.
    folders = {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
    entries.sort(key=lambda entry: entry.name + "/" * (entry.name in folders))
    for entry in entries:
        try:
            key = prefix + entry.name
            key.encode()
            if entry.name in folders:
                yield from _walk(Path(entry.path), key + "/")
                continue
            found_file = entry.stat(follow_symlinks=False)
        except (FileNotFoundError, UnicodeEncodeError):
            continue  # removed meanwhile, or named by another program as no key can be
        if entry.name.startswith(TEMPORARY_MARK):
            _sweep(Path(entry.path), found_file)
        elif stat.S_ISREG(found_file.st_mode):
            yield _object(key, found_file)


def _sweep(path: Path, found: os.stat_result) -> None:
    if time.time() - found.st_mtime > TEMPORARY_AGE_SECONDS:
        path.unlink(missing_ok=True)


def _object(key: str, found: os.stat_result) -> ObjectInfo:
    return ObjectInfo(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


@contextmanager
def _failures(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StorageUnavailableError(f"The storage folder {what}: {reason}.") from error
