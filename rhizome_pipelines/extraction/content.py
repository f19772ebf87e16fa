r"""From what an extractor wrote to `content.md`: one shape for all texts, in constant memory.

`content.md` is UTF-8 without a byte order mark, lines end in "\n", there are no control
characters besides newline and tab, no more than two blank lines in a row, none at the start, and
exactly one newline at the end. Everything else is kept as it came.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from rhizome_pipelines.extraction.blocks import read_pieces
from rhizome_pipelines.extraction.extractor import OutlineEntry
from rhizome_pipelines.extraction.word_count import count_words
from rhizome_pipelines.markdown.headings import scan_headings
from rhizome_pipelines.markdown.utf16 import utf16_length

BLOCK = 256 * 1024
"""Code points that are held at once."""
MAX_OUTLINE = 20_000
MAX_NEWLINES = 3
_PREVIEW = 1_500
_SAMPLE = 7_000

_LINE_END = re.compile("\r\n?|[\x0b\x0c\x85]")
_DROPPED = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_MANY_NEWLINES = re.compile(rf"\n{{{MAX_NEWLINES + 1},}}")


@dataclass(frozen=True)
class ContentSummary:
    """What was counted in `content.md`.

    `outline` are its headings (without pages), `outline_total` how many there are; `sample` is
    text from its beginning and its two thirds, for telling the language.
    """

    character_count: int
    utf16_length: int
    word_count: int
    has_letters: bool
    outline: Sequence[OutlineEntry]
    outline_total: int
    preview: str
    sample: str


class ContentCleaner:
    """Normalises text that comes in pieces. The same text gives the same result however cut."""

    def __init__(self) -> None:
        self.emitted = 0
        self._started = False
        self._newlines = 0
        self._after_carriage_return = False

    @property
    def position(self) -> int:
        """Where in the result (code points) the next piece's first character would be."""
        return self.emitted + (min(self._newlines, MAX_NEWLINES) if self._started else 0)

    def feed(self, piece: str) -> str:
        """What of the result is certain after this piece."""
        if not piece:
            return ""
        if self._after_carriage_return and piece[0] == "\n":
            piece = piece[1:]
        self._after_carriage_return = piece.endswith("\r")
        text = _DROPPED.sub("", _LINE_END.sub("\n", piece))
        if not self._started:
            text = text.lstrip("\n\ufeff")
        return self._spaced(text)

    def end(self) -> str:
        """The last newline."""
        return "\n" if self._started else ""

    def _spaced(self, text: str) -> str:
        core = text.strip("\n")
        if not core:
            self._newlines += len(text)
            return ""
        leading = self._newlines + len(text) - len(text.lstrip("\n"))
        self._newlines = len(text) - len(text.rstrip("\n"))
        before = "\n" * min(leading, MAX_NEWLINES) if self._started else ""
        result = before + _MANY_NEWLINES.sub("\n" * MAX_NEWLINES, core)
        self._started = True
        self.emitted += len(result)
        return result


def write_content(raw: Path, content: Path, marks: Sequence[int]) -> list[int]:
    """Normalise the UTF-8 file `raw` into `content`; say where the `marks` have gone.

    `marks` are offsets in code points of `raw`, in any order; the result has the offsets in
    code points of `content`, in the same order.
    """
    order = sorted(range(len(marks)), key=lambda index: marks[index])
    moved = [0] * len(marks)
    cleaner = ContentCleaner()
    read = 0
    waiting = 0
    with (
        raw.open(encoding="utf-8", newline="") as source,
        content.open("w", encoding="utf-8", newline="") as target,
    ):
        while block := source.read(BLOCK):
            begin = 0
            while waiting < len(order) and marks[order[waiting]] <= read + len(block):
                cut = max(marks[order[waiting]] - read, begin)
                target.write(cleaner.feed(block[begin:cut]))
                moved[order[waiting]] = cleaner.position
                begin = cut
                waiting += 1
            target.write(cleaner.feed(block[begin:]))
            read += len(block)
        target.write(cleaner.end())
    length = cleaner.emitted + len(cleaner.end())
    for index in order[waiting:]:
        moved[index] = length
    return [min(offset, length) for offset in moved]


def summarise(content: Path) -> ContentSummary:
    """Count and scan `content` in one pass."""
    counter = _Counter(content.stat().st_size)
    outline: list[OutlineEntry] = []
    headings = 0
    with content.open(encoding="utf-8", newline="") as source:
        for heading in scan_headings(counter.counted(source)):
            headings += 1
            if headings <= MAX_OUTLINE:
                outline.append(OutlineEntry(heading.level, heading.title, heading.start))
    return ContentSummary(
        character_count=counter.characters,
        utf16_length=counter.units,
        word_count=counter.words,
        has_letters=counter.has_letters,
        outline=outline,
        outline_total=headings,
        preview=_cut_at_line("".join(counter.preview)),
        sample="".join(counter.sample),
    )


class _Counter:
    def __init__(self, size: int) -> None:
        self.characters = 0
        self.units = 0
        self.words = 0
        self.has_letters = False
        self.preview: list[str] = []
        self.sample: list[str] = []
        self._bytes = 0
        # Thirds of the file: front matter and appendices are often in another language.
        self._sample_starts = [0, size // 3, size * 2 // 3]
        self._sample_room = 0

    def counted(self, stream: TextIO) -> Iterator[str]:
        for piece in read_pieces(stream):
            if self.characters < _PREVIEW:
                self.preview.append(piece[: _PREVIEW - self.characters])
            self._take_sample(piece)
            self.characters += len(piece)
            self.units += utf16_length(piece)
            self.words += count_words(piece)
            self.has_letters = self.has_letters or any(map(str.isalnum, piece))
            yield piece

    def _take_sample(self, piece: str) -> None:
        if self._sample_starts and self._bytes >= self._sample_starts[0]:
            self._sample_starts.pop(0)
            self._sample_room = _SAMPLE
        self._bytes += len(piece) if piece.isascii() else len(piece.encode())
        if self._sample_room > 0:
            self.sample.append(piece[: self._sample_room])
            self._sample_room -= len(piece)


def _cut_at_line(text: str) -> str:
    if len(text) < _PREVIEW:
        return text
    end = text.rfind("\n")
    return text[: end + 1] if end > _PREVIEW // 3 else text
