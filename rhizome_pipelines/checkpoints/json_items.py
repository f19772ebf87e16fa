"""JSON files that anybody may have written, read entry by entry and within bounds.

`ijson` reads a file of any size in the memory of one entry, but trusts the entry: nested lists
cost it the square of their depth, and an integer of thousands of digits ends the process. So the
shape of a file is looked at before it is read, and numbers beyond 64 bits are refused.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ijson

from rhizome_pipelines.checkpoints.envelope import MAX_DEPTH
from rhizome_pipelines.lifecycle.errors import InvalidInputError

MAX_ENTRY = 48 * 2**20
"""Bytes of one entry: 4,000,000 characters, escaped, and what is told of them."""
MAX_ENTRY_PARTS = 200_000
"""Lists and objects in one entry, which take many times their bytes in memory."""

_BLOCK = 2**20
_LIST = object()
_ENTRY_DEPTH = 2
"""Entries are in a list that is in an object."""
_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_NO_STRUCTURE = bytes(set(range(256)) - set(b"[]{}"))


def read_entries(path: Path, name: str, version: str) -> Iterator[Any]:
    """The entries of the list `name` of the object in `{name}.json`, in their order.

    Raises InvalidInputError: before the first entry if the file has another version, no such
    list, or a shape that no honest file has; and where it is no JSON.
    """
    what = f"{name}.json"
    check_shape(path, what)
    head = read_head(path, what, {"version", name})
    if head.get("version") != version:
        shown = str(head.get("version"))[:20]
        raise InvalidInputError(f"{what} has version {shown!r}; only {version!r} can be read.")
    if head.get(name) != _LIST:
        raise InvalidInputError(f"{what} has no list {name!r}.")
    with _valid(what), path.open("rb") as file:
        yield from ijson.items(file, f"{name}.item", use_float=True)


def read_head(path: Path, what: str, wanted: Collection[str]) -> Mapping[str, Any]:
    """The values of some keys of the object in the file; of a list, that it is one.

    The file is read until all have come. Its shape must have been checked. Raises
    InvalidInputError.
    """
    found: dict[str, Any] = {}
    with _valid(what), path.open("rb") as file:
        for prefix, event, value in ijson.parse(file, use_float=True):
            if prefix in wanted and prefix not in found:
                found[prefix] = _LIST if event == "start_array" else value
                if len(found) == len(wanted):
                    break
    return found


def check_shape(path: Path, what: str) -> None:
    """Refuse what would take more memory than any honest file. Raises InvalidInputError."""
    shape, rest = _Shape(what), b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            data = rest + block
            bare = _TEXT.sub(b"", data)
            quote = bare.find(b'"')
            # A text that goes on in the next block is what is left with a quote.
            rest = data[len(data) - len(bare) + quote :] if quote >= 0 else b""
            known = bare[:quote] if quote >= 0 else bare
            shape.follow(known.translate(None, delete=_NO_STRUCTURE), len(data) - len(rest))
            shape.bounded(len(rest))


class _Shape:
    """How deep, how long and of how many parts the entry is that is being read."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._depth = self._parts = self._size = 0

    def follow(self, structure: bytes, size: int) -> None:
        """Go through the brackets and braces of the next `size` bytes."""
        self._size += size
        for sign in structure:
            if sign in b"[{":
                self._depth += 1
                self._parts += 1
                if self._depth > MAX_DEPTH or self._parts > MAX_ENTRY_PARTS:
                    break
            else:
                self._depth -= 1
            if self._depth <= _ENTRY_DEPTH:
                self._parts = self._size = 0
        self.bounded()

    def bounded(self, more: int = 0) -> None:
        """Raise InvalidInputError if it is beyond all bounds; `more`: bytes not followed yet."""
        if self._depth > MAX_DEPTH:
            fault = f"is nested more than {MAX_DEPTH} levels deep"
        elif self._parts > MAX_ENTRY_PARTS:
            fault = f"has an entry of more than {MAX_ENTRY_PARTS:,} parts"
        elif self._size + more > MAX_ENTRY:
            fault = f"has an entry of more than {MAX_ENTRY:,} bytes"
        else:
            return
        raise InvalidInputError(f"{self._what} {fault}.")


@contextmanager
def _valid(what: str) -> Iterator[None]:
    try:
        yield
    except (ijson.JSONError, UnicodeDecodeError) as error:
        if "overflow" in str(error):
            raise InvalidInputError(f"{what} holds a number of more than 64 bits.") from error
        raise InvalidInputError(f"{what} is no valid JSON.") from error
