"""Reads a stream of chunk records by ranges that mostly follow one another."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from rhizome_pipelines.lifecycle.errors import InvalidInputError

Record = Mapping[str, Any]


class ChunkCursor:
    """Goes forward through the file once, and begins anew only when it is asked to go back."""

    def __init__(self, path: Path, read: Callable[[Path], Iterator[Record]]) -> None:
        self._path = path
        self._read = read
        self._records: Iterator[Record] = iter(())
        self._next: int | None = None

    def range(self, first: int, last: int) -> list[Record]:
        """Records `first` to `last`, both included.

        Raises InvalidInputError if the file ends before, or does not number its chunks 0, 1, 2 ….
        """
        if self._next is None or first < self._next:
            self._records, self._next = self._read(self._path), 0
        for _ in islice(self._records, first - self._next):
            pass
        found = list(islice(self._records, last - first + 1))
        self._next = last + 1
        check_numbering(found, first)
        if len(found) != last - first + 1:
            raise InvalidInputError(
                f"chunks.json ends before chunk {last}; chunk the document again."
            )
        return found


def check_numbering(records: list[Record], first: int) -> None:
    """Raise InvalidInputError unless the records are numbered from `first` on."""
    for index, record in enumerate(records, start=first):
        if record.get("chunk_index") != index:
            raise InvalidInputError(
                f"chunks.json is damaged: chunk {index} is numbered "
                f"{str(record.get('chunk_index'))[:20]!r}; chunk the document again."
            )
