"""Whether chunks stand where they say, in the text that they come with."""

from pathlib import Path

from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.markdown.utf16 import BLOCK, Utf16Window, utf16_length
from rhizome_pipelines.transfer.records import ChunkRecord

CONTENT = "content.md"


class Places:
    """The places of one text; offsets in UTF-16 code units. Chunks are asked for in their order.

    Only a chunk whose `position_confidence` is `exact` claims to be the very text between its
    offsets: others were placed by likeness, or made up.
    """

    def __init__(self, content: Path) -> None:
        """Raises InvalidInputError for a file that is no UTF-8 text."""
        try:
            with content.open(encoding="utf-8", newline="") as file:
                self._length = sum(map(utf16_length, iter(lambda: file.read(BLOCK), "")))
        except UnicodeDecodeError:
            raise InvalidInputError(f"{CONTENT} is no text in UTF-8") from None
        self._text = Utf16Window(content)
        self._before = 0

    def fault(self, chunk: ChunkRecord) -> str | None:
        """What is wrong with the chunk's place; None if nothing is, or nothing is told."""
        start, end = chunk.start_offset, chunk.end_offset
        if start is None or end is None:
            return None
        if end > self._length:
            return f"it ends at {end:,}, behind the {self._length:,} UTF-16 units of {CONTENT}"
        if chunk.position_confidence != "exact":
            return None
        if start < self._before:
            return f"it begins at {start:,}, before the chunk before it"
        self._before = start
        # The length first: then no more of the text is held than the chunk has.
        fits = end - start == utf16_length(chunk.content)
        if not fits or self._text.between(start, end) != chunk.content:
            return (
                f"it is not the text between {start:,} and {end:,} of {CONTENT}, though its "
                "position_confidence is exact"
            )
        return None
