"""A ZIP archive written in segments, each by itself, and put together without compressing again.

The local headers of ZIP hold no absolute offsets, only the directory at the end does. So the
entries of one document are a *segment* that can be made, kept and copied as it is. Everything is a
stream of blocks: memory is flat, and the same files give the same bytes (fixed dates, order and
compression). Sizes above 4 GiB are ZIP64 (APPNOTE 6.3.10, 4.3.14).
"""

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import RawIOBase
from typing import Any, BinaryIO

BLOCK = 256 * 1024
"""Bytes read and written at once."""

COMPRESSION = f"deflate-1/{zlib.ZLIB_RUNTIME_VERSION}"
"""What the bytes of an archive depend on besides its files."""

_LEVEL = 1
_SAMPLE = 64 * 1024
_WORTH = 0.9
_DATE = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE = 0o100644 << 16


Opener = Callable[[], AbstractContextManager[BinaryIO]]
"""Gives a file's bytes, each time from the beginning."""


@dataclass(frozen=True)
class Outgoing:
    """A file on its way into an archive."""

    name: str
    open: Opener


@dataclass(frozen=True)
class Member:
    """An entry as it was written. `offset` is within its segment, `sha256` of the file (64 hex)."""

    name: str
    size: int
    sha256: str
    offset: int
    compressed: int
    crc: int
    method: int
    flags: int


class SegmentWriter:
    """Writes one segment: iterate `blocks`, then read `members`."""

    def __init__(self, files: Iterable[Outgoing], told: Callable[[int], None]) -> None:
        """`told(n)`: n more bytes of files have been read."""
        self._files = files
        self._told = told
        self.members: list[Member] = []

    def blocks(self) -> Iterator[bytes]:
        """The segment's bytes."""
        outlet = _Outlet()
        archive = zipfile.ZipFile(outlet, "w")
        for file in self._files:
            yield from self._entry(archive, outlet, file)
        # Its directory is of no use: that of the whole archive comes at the archive's end.
        archive.close()

    def _entry(
        self, archive: zipfile.ZipFile, outlet: "_Outlet", file: Outgoing
    ) -> Iterator[bytes]:
        digest = hashlib.sha256()
        with file.open() as source:
            block = source.read(_SAMPLE)
            info = _entry_info(file.name)
            worth = len(zlib.compress(block, _LEVEL)) < len(block) * _WORTH
            info.compress_type = zipfile.ZIP_DEFLATED if worth else zipfile.ZIP_STORED
            info._compresslevel = _LEVEL  # type: ignore[attr-defined]  # public from 3.13 on
            with archive.open(info, "w", force_zip64=True) as target:
                while block:
                    digest.update(block)
                    target.write(block)
                    self._told(len(block))
                    yield from outlet.drained()
                    block = source.read(BLOCK)
        yield from outlet.drained()
        self.members.append(
            Member(
                name=file.name,
                size=info.file_size,
                sha256=digest.hexdigest(),
                offset=info.header_offset,
                compressed=info.compress_size,
                crc=info.CRC,
                method=info.compress_type,
                flags=info.flag_bits,
            )
        )


class ArchiveWriter:
    """Puts segments together: yields the archive's bytes as it is told of them."""

    def __init__(self) -> None:
        self._outlet = _Outlet()
        self._archive = zipfile.ZipFile(self._outlet, "w")

    def segment(self, members: Sequence[Member], blocks: Iterable[bytes]) -> Iterator[bytes]:
        """The next segment, copied as it is."""
        start = self._outlet.tell()
        for block in blocks:
            self._outlet.skip(len(block))
            yield block
        self._archive.filelist.extend(_directory_entry(member, start) for member in members)

    def end(self) -> Iterator[bytes]:
        """The directory; the archive is whole then."""
        self._archive.start_dir = self._outlet.tell()
        self._archive.close()
        yield from self._outlet.drained()


class _Outlet(RawIOBase):
    """A sink without seeking, which holds what was written until it is drained."""

    def __init__(self) -> None:
        super().__init__()
        self._held: list[bytes] = []
        self._position = 0

    def write(self, data: Any) -> int:
        self._held.append(bytes(data))
        self._position += len(data)
        return len(data)

    def skip(self, size: int) -> None:
        """Count bytes that go another way."""
        self._position += size

    def drained(self) -> Iterator[bytes]:
        held, self._held = self._held, []
        if held:
            yield b"".join(held)

    def tell(self) -> int:
        return self._position


def _entry_info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _DATE)
    info.create_system = 3  # Unix, wherever it is made
    info.external_attr = _REGULAR_FILE
    return info


def _directory_entry(member: Member, start: int) -> zipfile.ZipInfo:
    info = _entry_info(member.name)
    info.header_offset = start + member.offset
    info.file_size, info.compress_size = member.size, member.compressed
    info.CRC, info.compress_type, info.flag_bits = member.crc, member.method, member.flags
    info.extract_version = info.create_version = zipfile.ZIP64_VERSION
    return info
