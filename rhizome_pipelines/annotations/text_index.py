"""One text, ready for many searches: folded, with its units, its chunks and its trigrams."""

from collections.abc import Sequence
from functools import cached_property

from rhizome_pipelines.annotations.chunk_places import ChunkPlaces
from rhizome_pipelines.annotations.folding import FoldedText
from rhizome_pipelines.annotations.model import ChunkText
from rhizome_pipelines.annotations.trigrams import TrigramIndex
from rhizome_pipelines.markdown.unit_index import UnitIndex

MAX_UNITS = 500_000_000
"""UTF-16 code units of a text that is put together from chunks."""


class TextIndex:
    """A text and its chunks, each index made once and only when it is asked for."""

    def __init__(self, raw: str, chunks: Sequence[ChunkText]) -> None:
        self.raw = raw
        self.folded = FoldedText(raw)
        self.units = UnitIndex(raw)
        self.chunks = ChunkPlaces(chunks)

    @cached_property
    def trigrams(self) -> TrigramIndex:
        """Of the folded text."""
        return TrigramIndex(self.folded.codes)

    def neighbourhood(self, place: int, reach: int) -> tuple[int, int]:
        """The folded text of the chunk at a folded place and of `reach` more on either side."""
        length = len(self.folded)
        point, _ = self.folded.raw_span(min(place, max(0, length - 1)), length)
        found = self.chunks.neighbourhood(self.units.to_units(point), reach)
        if found is None:
            return 0, length
        begin, end = (self.folded.at(self.units.to_points(unit)) for unit in found)
        return begin, end


def rebuilt(chunks: Sequence[ChunkText], limit: int = MAX_UNITS) -> str:
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
