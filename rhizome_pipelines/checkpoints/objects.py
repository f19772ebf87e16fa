"""The port to stored objects: a folder or a bucket, with one behaviour."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from rhizome_pipelines.lifecycle.errors import PermanentError, TransientError


class ObjectMissingError(PermanentError):
    """There is no object under that key. A missing object is an answer; it is never guessed."""

    def __init__(self, key: str) -> None:
        super().__init__(f"There is no stored file {key!r}.")
        self.key = key


class StorageUnavailableError(TransientError):
    """The storage did not answer, refused, or broke off; nothing is known about the object."""


@dataclass(frozen=True)
class ObjectInfo:
    """A stored object: its key, its size in bytes, when it was last written."""

    key: str
    size: int
    modified: datetime


class ObjectStore(Protocol):
    """Whole objects under slash-separated keys. Every write is atomic: all or nothing.

    Every method raises `StorageUnavailableError` when the storage fails.
    """

    def read(self, key: str) -> bytes:
        """The object's bytes. Raises ObjectMissingError."""

    def write(self, key: str, data: bytes) -> None:
        """Create or replace the object."""

    def write_file(self, key: str, path: Path) -> None:
        """Create or replace the object from a local file, in constant memory. `path` is kept."""

    def write_blocks(self, key: str, blocks: Iterable[bytes]) -> None:
        """Create or replace the object from a stream, in constant memory and without a local file.

        What `blocks` raises comes through, and the object is as it was before.
        """

    def local_copy(self, key: str) -> AbstractContextManager[Path]:
        """A local file with the object's bytes, readable until the context ends.

        The caller must not change it: for a folder it is the object itself.
        Raises ObjectMissingError.
        """

    def info(self, key: str) -> ObjectInfo | None:
        """What is known of the object, or None if there is none."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """All objects whose key starts with `prefix` (which ends in `/`), sorted by key."""

    def delete(self, keys: Iterable[str]) -> None:
        """Remove the objects; those that are not there are passed over."""
