"""A markdown file read as a stream of sections, in memory that does not grow with the file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rhizome_pipelines.chunking.headings import HeadingScanner
from rhizome_pipelines.chunking.offsets import Position
from rhizome_pipelines.lifecycle.errors import InvalidInputError

WINDOW = 131_072
"""Characters after which a section without headings is cut at its next blank line."""

_BOM = b"\xef\xbb\xbf"
_LONGEST_LINE = 65_536
_FRONT_MATTER_LINES = 400


@dataclass(frozen=True, slots=True)
class PlacedHeading:
    """A heading with its place in code points of the document; `end` is behind its last line."""

    level: int
    title: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Section:
    """A run of whole lines; all sections together are the document.

    `continues` tells that it goes on with the text of the section before (a window's end).
    """

    text: str
    start: Position
    headings: tuple[PlacedHeading, ...]
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
        for number, (line, begins) in enumerate(_lines(path)):
            builder.add(line)
            heading = scanner.feed(line) if begins and number >= front_matter else None
            if heading is not None:
                if at_headings and builder.holds_more_than(heading.lines):
                    yield builder.cut(keep=heading.lines)
                builder.place(heading.level, heading.title, heading.lines)
            elif builder.size >= WINDOW and _safe_to_cut(line, scanner, builder.size):
                yield builder.cut(keep=0)
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            "The text of the document is not valid UTF-8; save it as UTF-8 and process it again."
        ) from error
    if builder.size:
        yield builder.cut(keep=0)


def _safe_to_cut(line: str, scanner: HeadingScanner, size: int) -> bool:
    return size >= 2 * WINDOW or (not line.strip() and not scanner.in_code)


def _bom_length(path: Path) -> int:
    with path.open("rb") as file:
        return len(_BOM) if file.read(len(_BOM)) == _BOM else 0


def _front_matter_lines(path: Path) -> int:
    """Lines of YAML front matter at the top, which would read as a setext heading; or 0."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="\n") as file:
        if file.readline(_LONGEST_LINE).rstrip() != "---":
            return 0
        for number in range(1, _FRONT_MATTER_LINES):
            line = file.readline(_LONGEST_LINE)
            if line.rstrip() in ("---", "..."):
                return number + 1
            if not line or not line.strip():
                return 0
    return 0


def _lines(path: Path) -> Iterator[tuple[str, bool]]:
    """Each line, and whether a line begins with it: very long ones come in pieces."""
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        begins = True
        while line := file.readline(_LONGEST_LINE):
            if "\0" in line:
                raise InvalidInputError(
                    "The text of the document holds NUL characters, which the database cannot "
                    "keep; remove them and process it again."
                )
            yield line, begins
            begins = line.endswith("\n")


class _Builder:
    """Lines on their way to become a section."""

    def __init__(self, start: Position) -> None:
        self._start = start
        self._lines: list[str] = []
        self._headings: list[PlacedHeading] = []
        self._continues = False
        self.size = 0

    def add(self, line: str) -> None:
        self._lines.append(line)
        self.size += len(line)

    def holds_more_than(self, lines: int) -> bool:
        return len(self._lines) > lines

    def place(self, level: int, title: str, lines: int) -> None:
        end = self._start.points + self.size
        start = end - sum(len(line) for line in self._lines[-lines:])
        self._headings.append(PlacedHeading(level, title, start, end))

    def cut(self, *, keep: int) -> Section:
        """Hand over all but the last `keep` lines, which begin the next section."""
        at = len(self._lines) - keep
        kept = self._lines[at:]
        text = "".join(self._lines[:at])
        section = Section(text, self._start, tuple(self._headings), self._continues)
        self._start = self._start.after(text)
        self._lines, self._headings = kept, []
        self._continues = keep == 0
        self.size = sum(len(line) for line in kept)
        return section
