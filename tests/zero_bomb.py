"""Gigabytes of zeros, compressed, without the work of compressing them."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


def gzipped_zeros(size: int) -> bytes:
    """A gzip file (RFC 1952) of `size` zero bytes, about a thousandth of that long."""
    pieces, crc = deflated_zeros(size)
    header = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    return header + b"".join(pieces) + struct.pack("<LL", crc, size % 2**32)


def deflated_zeros(size: int) -> tuple[Iterator[bytes], int]:
    """A raw deflate stream (RFC 1951), in pieces, and the CRC-32 of what it expands to.

    One segment is compressed and repeated: a full flush ends it on a byte boundary and makes it
    independent of what came before.
    """
    segment = bytes(16 * 2**20)
    repeats, rest = divmod(size, len(segment))
    packed = _flushed(segment)

    def pieces() -> Iterator[bytes]:
        for _ in range(repeats):
            yield packed
        yield _flushed(segment[:rest])
        yield zlib.compressobj(wbits=-15).flush()

    return pieces(), zlib.crc32(segment[:rest], _crc_of_repeats(segment, repeats))


def _flushed(content: bytes) -> bytes:
    compressor = zlib.compressobj(9, wbits=-15)
    return compressor.compress(content) + compressor.flush(zlib.Z_FULL_FLUSH)


def _crc_of_repeats(segment: bytes, repeats: int) -> int:
    """CRC-32 of `segment * repeats`.

    The CRC after the segment is an affine function, over GF(2), of the CRC before it: its values
    at zero and at the 32 single bits tell all others.
    """
    at_zero = zlib.crc32(segment, 0)
    columns = [zlib.crc32(segment, 1 << bit) ^ at_zero for bit in range(32)]
    crc = 0
    for _ in range(repeats):
        before, crc = crc, at_zero
        for bit in range(32):
            crc ^= columns[bit] if before >> bit & 1 else 0
    return crc


@dataclass(frozen=True)
class ZipEntry:
    """An entry that is already compressed; `size` is what the archive claims of it."""

    name: str
    method: int
    crc: int
    size: int
    pieces: tuple[bytes, ...]

    @classmethod
    def of(cls, name: str, content: bytes) -> "ZipEntry":
        return cls(name, zipfile.ZIP_STORED, zlib.crc32(content), len(content), (content,))

    def headers(self, offset: int) -> tuple[bytes, bytes]:
        """The local and the central header (APPNOTE 4.3.7, 4.3.12; ZIP64 extra field 4.5.3)."""
        packed, name = sum(map(len, self.pieces)), self.name.encode()
        large = self.size >= 0xFFFFFFFF
        extra = struct.pack("<HHQQ", 1, 16, self.size, packed) if large else b""
        sizes = (0xFFFFFFFF, 0xFFFFFFFF) if large else (packed, self.size)
        common = struct.pack(
            "<HHHHHLLLHH", 45, 0, self.method, 0, 0x21, self.crc, *sizes, len(name), len(extra)
        )
        local = b"PK\3\4" + common + name + extra
        tail = struct.pack("<HHHLL", 0, 0, 0, 0, offset)
        return local, b"PK\1\2" + struct.pack("<H", 45) + common + tail + name + extra


def write_zip(path: Path, entries: list[ZipEntry]) -> None:
    """Write the entries as they are (APPNOTE 4.3)."""
    directory = b""
    with path.open("wb") as file:
        for entry in entries:
            local, central = entry.headers(file.tell())
            directory += central
            file.write(local)
            file.writelines(entry.pieces)
        start = file.tell()
        file.write(directory)
        count = len(entries)
        file.write(
            b"PK\5\6" + struct.pack("<HHHHLLH", 0, 0, count, count, len(directory), start, 0)
        )
