"""Reading an archive that anybody may have made: whatever is suspicious is refused whole.

What a ZIP can do to its reader: leave the folder (`..`, absolute names, backslashes, links),
unfold to terabytes (ratio, overlapping entries, sizes that lie), hold a name twice, or so many
entries that the directory alone fills the memory. Archives within are data, never opened.
"""

import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.transfer.names import folded, name_fault
from rhizome_pipelines.transfer.segments import BLOCK

_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_SHOWN_FAULTS = 5
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError)
# The end record and, where there is one, the 64-bit one before it (APPNOTE 4.3.14–4.3.16).
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_LONGEST_COMMENT = 0xFFFF


class RefusedArchiveError(InvalidInputError):
    """The archive is damaged or hostile; nothing of it is used."""

    def __init__(self, *reasons: str) -> None:
        more = len(reasons) - _SHOWN_FAULTS
        told = [*reasons[:_SHOWN_FAULTS], *([f"and {more} more faults"] if more > 0 else [])]
        super().__init__(
            f"The archive is refused, and nothing was imported: {'; '.join(told)}. "
            "Export it again, or import another."
        )


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may unfold to. Sizes are bytes."""

    max_entries: int = 200_000
    max_total_bytes: int = 50 * 2**30
    max_ratio: int = 200
    """Of an entry's size to its compressed size, where it is larger than `ratio_free_bytes`."""
    ratio_free_bytes: int = 2**20
    max_directory_bytes: int = 64 * 2**20


@dataclass(frozen=True)
class Archive:
    """An archive whose directory is harmless. `sizes`: the size of each entry in bytes."""

    sizes: Mapping[str, int]
    _file: zipfile.ZipFile = field(repr=False)
    _prefix: str = ""

    def below(self, prefix: str) -> "Archive":
        """What lies in a folder of the archive; names are relative to that then."""
        inside = {
            name.removeprefix(prefix): size
            for name, size in self.sizes.items()
            if name.startswith(prefix)
        }
        return Archive(inside, self._file, self._prefix + prefix)

    def blocks(self, name: str) -> Iterator[bytes]:
        """An entry's bytes, block by block; never more than the directory says.

        Raises RefusedArchiveError where they are damaged.
        """
        left = self.sizes[name]
        with refusing(f"{name[:200]!a} is damaged"), self._file.open(self._prefix + name) as stream:
            while block := stream.read(BLOCK):
                left -= len(block)
                if left < 0:
                    raise RefusedArchiveError(f"{name[:200]!a} is larger than it claims")
                yield block

    def read(self, name: str, limit: int) -> bytes:
        """The whole entry. Raises RefusedArchiveError above `limit` bytes."""
        if self.sizes[name] > limit:
            raise RefusedArchiveError(f"{name[:200]!a} is larger than {limit:,} bytes")
        return b"".join(self.blocks(name))

    @contextmanager
    def extracted(self, name: str, folder: Path) -> Iterator[Path]:
        """A local file with the entry's bytes, in `folder` until the context ends."""
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.writelines(self.blocks(name))
            file.flush()
            yield Path(file.name)


@contextmanager
def open_archive(path: Path, limits: ArchiveLimits) -> Iterator[Archive]:
    """Open an archive after a look at all of its directory. Raises RefusedArchiveError."""
    with refusing("it is no readable ZIP file"):
        _check_directory(path, limits)
        file = zipfile.ZipFile(path)
    with file:
        infos = [info for info in file.infolist() if not _is_folder(info)]
        reasons = _faults(infos, limits, path.stat().st_size)
        if reasons:
            raise RefusedArchiveError(*reasons)
        yield Archive({info.filename: info.file_size for info in infos}, file)


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Tell of broken ZIP structures as of a refused archive."""
    try:
        yield
    except (*_BROKEN, UnicodeDecodeError, ValueError, RuntimeError, OverflowError) as error:
        raise RefusedArchiveError(what) from error


def _check_directory(path: Path, limits: ArchiveLimits) -> None:
    """Look at the end record before the directory is read into memory."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _END.size - _LONGEST_COMMENT - _LOCATOR_64.size))
        tail = file.read()
        at = tail.rfind(b"PK\x05\x06")
        if at < 0:
            raise RefusedArchiveError("it is no ZIP file, or its end is missing")
        *_, count, directory_bytes, _offset, _comment = _END.unpack_from(tail, at)
        located = at - _LOCATOR_64.size
        if located >= 0 and tail[located:].startswith(b"PK\x06\x07"):
            _, _, offset, _ = _LOCATOR_64.unpack_from(tail, located)
            file.seek(min(offset, size))
            *_, count, directory_bytes, _offset = _END_64.unpack(file.read(_END_64.size))
    if count > limits.max_entries:
        raise RefusedArchiveError(f"it has {count:,} entries, more than {limits.max_entries:,}")
    if directory_bytes > limits.max_directory_bytes:
        raise RefusedArchiveError(
            f"its directory has {directory_bytes:,} bytes, more than {limits.max_directory_bytes:,}"
        )


def _is_folder(info: zipfile.ZipInfo) -> bool:
    """What other programs add for each folder says nothing."""
    return (
        info.filename.endswith("/")
        and info.file_size == 0
        and name_fault(info.filename[:-1]) is None
    )


def _faults(infos: list[zipfile.ZipInfo], limits: ArchiveLimits, size: int) -> list[str]:
    reasons = [
        f"{info.orig_filename[:200]!a}: {fault}"
        for info in infos
        if (fault := _fault(info, limits))
    ]
    reasons += [
        f"{info.orig_filename[:200]!a}: it lies outside of the archive"
        for info in infos
        if not 0 <= info.header_offset < size
    ]
    reasons += _clashes([info.filename for info in infos])
    total = sum(info.file_size for info in infos)
    if total > limits.max_total_bytes:
        reasons.append(f"it unfolds to {total:,} bytes, more than {limits.max_total_bytes:,}")
    return reasons


def _clashes(names: list[str]) -> list[str]:
    """Names that are the same on some file system, and files that are folders of others."""
    reasons = []
    taken: dict[str, str] = {}
    for name in names:
        key = folded(name)
        if key in taken:
            same = taken[key] == name
            reasons.append(f"{name[:200]!a} {'is there twice' if same else 'clashes with another'}")
        taken.setdefault(key, name)
    for name in names:
        parts = folded(name).split("/")
        if any("/".join(parts[:depth]) in taken for depth in range(1, len(parts))):
            reasons.append(f"{name[:200]!a} lies in what is a file")
    return reasons


def _fault(info: zipfile.ZipInfo, limits: ArchiveLimits) -> str | None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    bomb = info.file_size > max(limits.ratio_free_bytes, info.compress_size * limits.max_ratio)
    faults = {
        "its name holds a character that hides the rest": info.orig_filename != info.filename,
        name_fault(info.filename): True,
        "it is a link or a device, not a file": kind not in {0, stat.S_IFREG},
        "it is encrypted": info.flag_bits & _ENCRYPTED,
        "it is compressed in a way that is not read": info.compress_type not in _METHODS,
        f"it unfolds to more than {limits.max_ratio} times its size": bomb,
    }
    return next((fault for fault, found in faults.items() if fault and found), None)
