"""Places in a text, counted in three ways.

Python counts code points, clients (JavaScript) count UTF-16 code units, files bytes of UTF-8. A
text of any size is converted, or sliced, in one pass. `unit_index` is for a text that is in memory
and asked for many places.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = 256 * 1024
"""Code points that are held at once."""


def utf16_length(text: str) -> int:
    """UTF-16 code units of `text`: one per character up to U+FFFF, two above."""
    if text.isascii():
        return len(text)
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf8_length(text: str) -> int:
    """Bytes of `text` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8"))


@dataclass(frozen=True, slots=True)
class Position:
    """One place: `points` in code points, `units` in UTF-16 code units, `octets` in bytes.

    It is only ever moved over text that was seen, so the three never drift apart.
    """

    points: int = 0
    units: int = 0
    octets: int = 0

    def after(self, text: str) -> "Position":
        """The place behind `text`, which begins here."""
        if text.isascii():
            size = len(text)
            return Position(self.points + size, self.units + size, self.octets + size)
        return Position(
            self.points + len(text),
            self.units + utf16_length(text),
            self.octets + utf8_length(text),
        )


def utf16_offsets(content: Path, offsets: Iterable[int]) -> dict[int, int]:
    """Offset in code points of a UTF-8 file → the same place in UTF-16 code units."""
    result: dict[int, int] = {}
    read = 0
    units = 0
    wanted = sorted(set(offsets))
    waiting = 0
    with content.open(encoding="utf-8", newline="") as source:
        while block := source.read(BLOCK):
            begin = 0
            while waiting < len(wanted) and wanted[waiting] <= read + len(block):
                cut = wanted[waiting] - read
                units += utf16_length(block[begin:cut])
                result[wanted[waiting]] = units
                begin = cut
                waiting += 1
            units += utf16_length(block[begin:])
            read += len(block)
    for offset in wanted[waiting:]:
        result[offset] = units
    return result


class Utf16Window:
    """A text file in UTF-8, read once from front to back, sliced by UTF-16 code units.

    What is held is a block, and what lies between the two offsets that are asked for.
    """

    def __init__(self, path: Path, size: int = 4 * BLOCK) -> None:
        self._pieces = self._read(path, size)
        self._units = b""
        self._begins = 0

    def between(self, start: int, end: int) -> str:
        """The text between two offsets; `start` must not fall from call to call."""
        if start < self._begins:
            return ""
        while self._begins + len(self._units) // 2 < end:
            piece = next(self._pieces, None)
            if piece is None:
                break
            kept = self._units[2 * (start - self._begins) :]
            self._begins = min(start, self._begins + len(self._units) // 2)
            self._units = kept + piece
        offset = 2 * (start - self._begins)
        units = self._units[offset : offset + 2 * (end - start)]
        return units.decode("utf-16-le", errors="replace")

    @staticmethod
    def _read(path: Path, size: int) -> Iterator[bytes]:
        with path.open(encoding="utf-8", newline="") as file:
            while piece := file.read(size):
                yield piece.encode("utf-16-le")
