"""An object store in memory: a full implementation of the port, for tests that need no disk."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rhizome_pipelines.checkpoints.keys import validated_key, validated_prefix
from rhizome_pipelines.checkpoints.objects import (
    ObjectInfo,
    ObjectMissingError,
    StorageUnavailableError,
)


class MemoryStore:
    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.available = True

    def read(self, key: str) -> bytes:
        self._require_available()
        try:
            return self.objects[validated_key(key)]
        except KeyError:
            raise ObjectMissingError(key) from None

    def write(self, key: str, data: bytes) -> None:
        self._require_available()
        self.objects[validated_key(key)] = bytes(data)

    def write_file(self, key: str, path: Path) -> None:
        self.write(key, path.read_bytes())

    def write_blocks(self, key: str, blocks: Iterable[bytes]) -> None:
        self.write(key, b"".join(blocks))

    @contextmanager
    def local_copy(self, key: str) -> Iterator[Path]:
        data = self.read(key)
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            yield Path(file.name)

    def info(self, key: str) -> ObjectInfo | None:
        self._require_available()
        data = self.objects.get(validated_key(key))
        return None if data is None else ObjectInfo(key, len(data), datetime.now(UTC))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self._require_available()
        validated_prefix(prefix)
        for key in sorted(self.objects):
            if key.startswith(prefix) and (info := self.info(key)):
                yield info

    def delete(self, keys: Iterable[str]) -> None:
        self._require_available()
        for key in keys:
            self.objects.pop(validated_key(key), None)

    def _require_available(self) -> None:
        if not self.available:
            raise StorageUnavailableError("The memory store is switched off.")
