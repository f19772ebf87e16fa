"""One text, ready for many searches: folded, with its units, its chunks and its trigrams."""

from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property

from rhizome_pipelines.annotations.folding import FoldedText
from rhizome_pipelines.annotations.model import ChunkText, Pointer
from rhizome_pipelines.annotations.trigrams import TrigramIndex
from rhizome_pipelines.annotations.units import UnitIndex


class TextIndex:
    """A text and its chunks, each index made once and only when it is asked for."""

    def __init__(self, raw: str, chunks: Sequence[ChunkText]) -> None:
        self.raw = raw
        self.folded = FoldedText(raw)
        self.units = UnitIndex(raw)
        self._chunks = sorted(
            (chunk.start, chunk.end, chunk.index, chunk.id)
            for chunk in chunks
            if chunk.start is not None and chunk.end is not None
        )
        self._starts = [chunk[0] for chunk in self._chunks]

    @cached_property
    def trigrams(self) -> TrigramIndex:
        """Of the folded text."""
        return TrigramIndex(self.folded.codes)

    def pointer(self, start: int, end: int) -> Pointer:
        """The chunks that the UTF-16 units `start`–`end` lie in; the nearest if in none."""
        first = max(0, bisect_right(self._starts, start) - 1)
        within = [
            chunk
            for chunk in self._chunks[first : bisect_right(self._starts, max(start, end - 1))]
            if chunk[1] > start
        ] or self._chunks[first : first + 1]
        return Pointer(tuple(chunk[3] for chunk in within), within[0][2] if within else None)

    def neighbourhood(self, place: int, reach: int) -> tuple[int, int]:
        """The folded text of the chunk at a folded place and of `reach` more on either side."""
        if not self._chunks or not len(self.folded):
            return 0, len(self.folded)
        point, _ = self.folded.raw_span(min(place, len(self.folded) - 1), len(self.folded))
        here = max(0, bisect_right(self._starts, self.units.to_units(point)) - 1)
        low = self._chunks[max(0, here - reach)][0]
        high = self._chunks[min(len(self._chunks) - 1, here + reach)][1]
        return (
            self.folded.at(self.units.to_points(low)),
            self.folded.at(self.units.to_points(high)),
        )


def rebuilt(chunks: Sequence[ChunkText], limit: int) -> str:
    """The text that chunks were cut from, newlines where they say nothing.

    A chunk whose offsets do not fit its content, or reach beyond `limit` units, is left out:
    rows are written by other programs too.
    """
    fitting = []
    for chunk in chunks:
        data = chunk.content.encode("utf-16-le", "surrogatepass")
        if chunk.start is None or chunk.end is None or not 0 <= chunk.start <= chunk.end <= limit:
            continue
        if (chunk.end - chunk.start) * 2 == len(data):
            fitting.append((chunk.start * 2, data))
    size = max((start + len(data) for start, data in fitting), default=0)
    units = bytearray("\n".encode("utf-16-le") * (size // 2))
    for start, data in fitting:
        units[start : start + len(data)] = data
    return units.decode("utf-16-le", "replace")
