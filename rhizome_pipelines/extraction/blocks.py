"""A text as blocks: runs of lines without a blank one, and what must be left alone."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from rhizome_pipelines.markdown.headings import LINE_LIMIT

MAX_LINES = 400
"""A longer run of lines is cut here; what stands on both sides is still one paragraph."""
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^`]*)$")


@dataclass(frozen=True)
class Block:
    r"""Either `lines` (without their "\n", trailing white space and all) or `verbatim` text.

    Verbatim are fenced code, blank lines, and pieces of lines too long to be looked at.
    """

    lines: Sequence[str] = ()
    verbatim: str | None = None

    @property
    def is_blank(self) -> bool:
        return self.verbatim is not None and not self.verbatim.strip()

    def __str__(self) -> str:
        return (
            "".join(f"{line}\n" for line in self.lines) if self.verbatim is None else self.verbatim
        )


def read_pieces(stream: TextIO) -> Iterator[str]:
    """Lines of a text stream, those over LINE_LIMIT in several pieces."""
    while piece := stream.readline(LINE_LIMIT):
        yield piece


def split_blocks(pieces: Iterable[str]) -> Iterator[Block]:
    """Blocks of a text that comes as `read_pieces` gives it; joined they are the text."""
    held: list[str] = []
    fence: str | None = None
    continued = False
    for piece in pieces:
        complete = piece.endswith("\n")
        line = piece.rstrip("\n")
        long = continued or (not complete and len(piece) >= LINE_LIMIT)
        continued = not complete
        opening = None if long or fence else _FENCE.match(line)
        if fence is None and not long and opening is None and line.strip():
            held.append(line)
            if len(held) == MAX_LINES:
                yield Block(held)
                held = []
            continue
        if held:
            yield Block(held)
            held = []
        if opening is not None:
            fence = opening[1]
        elif fence is not None and not long and _closes(fence, line):
            fence = None
        yield Block(verbatim=piece)
    if held:
        yield Block(held)


def _closes(fence: str, line: str) -> bool:
    mark = line.strip()
    return len(mark) >= len(fence) and not mark.strip(fence[0])
