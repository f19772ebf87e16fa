"""A markdown file read as a stream of sections, in memory that does not grow with the file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.markdown.headings import LINE_LIMIT, Heading, HeadingScanner
from rhizome_pipelines.markdown.utf16 import Position

WINDOW = 131_072
"""Characters after which a section without headings is cut at its next blank line."""

_BOM = b"\xef\xbb\xbf"
_FRONT_MATTER_LINES = 400


@dataclass(frozen=True, slots=True)
class Section:
    """A run of whole lines; all sections together are the document.

    `continues` tells that it goes on with the text of the section before (a window's end).
    """

    text: str
    start: Position
    headings: tuple[Heading, ...]
    continues: bool


def read_sections(path: Path, *, at_headings: bool) -> Iterator[Section]:
    """Cut the file before each heading (if `at_headings`) and at windows.

    A byte order mark is passed over and not counted, as JavaScript's decoders do; the bytes
    of a position count it. Raises InvalidInputError if the file is not UTF-8 or holds NUL.
    """
    builder = _Builder(Position(octets=_bom_length(path)))
    scanner = HeadingScanner()
    front_matter = _front_matter_lines(path)
    try:
        for number, line in enumerate(_lines(path)):
            builder.add(line)
            if number < front_matter:
                scanner.skip(line)
            elif (heading := scanner.feed(line)) is not None:
                if at_headings and builder.start < heading.start:
                    yield builder.cut(heading.start)
                builder.place(heading)
            elif builder.size >= WINDOW and _safe_to_cut(line, scanner, builder.size):
                yield builder.cut()
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            "The text of the document is not valid UTF-8; save it as UTF-8 and process it again."
        ) from error
    if builder.size:
        yield builder.cut()


def _safe_to_cut(line: str, scanner: HeadingScanner, size: int) -> bool:
    return size >= 2 * WINDOW or (not line.strip() and not scanner.in_code)


def _bom_length(path: Path) -> int:
    with path.open("rb") as file:
        return len(_BOM) if file.read(len(_BOM)) == _BOM else 0


def _front_matter_lines(path: Path) -> int:
    """Lines of YAML front matter at the top, which would read as a setext heading; or 0."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="\n") as file:
        if file.readline(LINE_LIMIT).rstrip() != "---":
            return 0
        for number in range(1, _FRONT_MATTER_LINES):
            line = file.readline(LINE_LIMIT)
            if line.rstrip() in ("---", "..."):
                return number + 1
            if not line or not line.strip():
                return 0
    return 0


def _lines(path: Path) -> Iterator[str]:
    """Each line; very long ones come in pieces."""
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        while line := file.readline(LINE_LIMIT):
            if "\0" in line:
                raise InvalidInputError(
                    "The text of the document holds NUL characters, which the database cannot "
                    "keep; remove them and process it again."
                )
            yield line


class _Builder:
    """Lines on their way to become a section."""

    def __init__(self, start: Position) -> None:
        self._start = start
        self._lines: list[str] = []
        self._headings: list[Heading] = []
        self._continues = False
        self.size = 0

    def add(self, line: str) -> None:
        self._lines.append(line)
        self.size += len(line)

    @property
    def start(self) -> int:
        """Code points of the document before these lines."""
        return self._start.points

    def place(self, heading: Heading) -> None:
        self._headings.append(heading)

    def cut(self, end: int | None = None) -> Section:
        """Hand over the lines before `end` (code points); the rest begin the next section."""
        at, behind = len(self._lines), self.start + self.size
        while end is not None and behind > end:
            at -= 1
            behind -= len(self._lines[at])
        kept = self._lines[at:]
        text = "".join(self._lines[:at])
        section = Section(text, self._start, tuple(self._headings), self._continues)
        self._start = self._start.after(text)
        self._lines, self._headings = kept, []
        self._continues = end is None
        self.size = sum(len(line) for line in kept)
        return section
