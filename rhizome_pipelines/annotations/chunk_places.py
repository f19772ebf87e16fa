"""Where the chunks of a document lie: which of them a passage belongs to."""

from bisect import bisect_right
from collections.abc import Sequence

from rhizome_pipelines.annotations.model import ChunkText, Pointer


class ChunkPlaces:
    """Chunks in the order of the text; all places in UTF-16 code units."""

    def __init__(self, chunks: Sequence[ChunkText]) -> None:
        self._chunks = sorted(
            (chunk.start, chunk.end, chunk.index, chunk.id)
            for chunk in chunks
            if chunk.start is not None and chunk.end is not None
        )
        self._starts = [chunk[0] for chunk in self._chunks]

    def pointer(self, start: int, end: int) -> Pointer:
        """The chunks that `start`–`end` lie in; the one before if they lie between two."""
        first = self._at(start)
        last = bisect_right(self._starts, max(start, end - 1))
        within = [chunk for chunk in self._chunks[first:last] if chunk[1] > start]
        within = within or self._chunks[first : first + 1]
        return Pointer(tuple(chunk[3] for chunk in within), within[0][2] if within else None)

    def neighbourhood(self, unit: int, reach: int) -> tuple[int, int] | None:
        """Begin and end of the chunk at a place together with `reach` more on either side."""
        if not self._chunks:
            return None
        here = self._at(unit)
        low = self._chunks[max(0, here - reach)]
        high = self._chunks[min(len(self._chunks) - 1, here + reach)]
        return low[0], high[1]

    def _at(self, unit: int) -> int:
        return max(0, bisect_right(self._starts, unit) - 1)
