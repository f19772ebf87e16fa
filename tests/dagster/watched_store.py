"""An object store that tells of each write and lets a test act between two of them."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from rhizome_pipelines.checkpoints.objects import ObjectInfo, ObjectStore

Hook = Callable[[str], None]
"""Told the key that was just written."""


@dataclass
class Watch:
    """What is written, and what is done about it. One watch outlives many openings of the store."""

    written: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    _hooks: list[tuple[str, Hook]] = field(default_factory=list)
    _deletions: list[tuple[str, Hook]] = field(default_factory=list)

    def once_written(self, ending: str, hook: Hook) -> None:
        """Call `hook`, once, right after the first object whose key contains `ending`."""
        self._hooks.append((ending, hook))

    def before_deleting(self, ending: str, hook: Hook) -> None:
        """Call `hook`, once, right before the first removal of a key that contains `ending`."""
        self._deletions.append((ending, hook))

    def note(self, key: str) -> None:
        self.written.append(key)
        _call_once(self._hooks, key)

    def going(self, key: str) -> None:
        _call_once(self._deletions, key)


def _call_once(hooks: list[tuple[str, Hook]], key: str) -> None:
    for entry in [entry for entry in hooks if entry[0] in key]:
        hooks.remove(entry)
        entry[1](key)


@dataclass(frozen=True)
class WatchedStore:
    """An `ObjectStore` in front of another."""

    inner: ObjectStore
    watch: Watch

    def read(self, key: str) -> bytes:
        return self.inner.read(key)

    def write(self, key: str, data: bytes) -> None:
        self.inner.write(key, data)
        self.watch.note(key)

    def write_file(self, key: str, path: Path) -> None:
        self.inner.write_file(key, path)
        self.watch.note(key)

    def write_blocks(self, key: str, blocks: Iterable[bytes]) -> None:
        self.inner.write_blocks(key, blocks)
        self.watch.note(key)

    def local_copy(self, key: str) -> AbstractContextManager[Path]:
        return self.inner.local_copy(key)

    def info(self, key: str) -> ObjectInfo | None:
        return self.inner.info(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return self.inner.list(prefix)

    def delete(self, keys: Iterable[str]) -> None:
        removed = [*keys]
        for key in removed:
            self.watch.going(key)
        self.inner.delete(removed)
        self.watch.deleted.extend(removed)
