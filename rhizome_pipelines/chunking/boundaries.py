"""The chunks of a document as places: where each begins and ends, under which headings."""

from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rhizome_pipelines.chunking.config import ChunkingConfig, Strategy
from rhizome_pipelines.chunking.sections import Section, read_sections
from rhizome_pipelines.chunking.splitting import Cuts, cuts_for
from rhizome_pipelines.markdown.headings import Heading
from rhizome_pipelines.markdown.utf16 import Position

HARD_LEVEL = 2
"""Chunks do not reach across headings of this level or above, unless the part is tiny."""


@dataclass(frozen=True, slots=True)
class Span:
    """One chunk: its place, and the headings it stands under, outermost first."""

    start: Position
    end: Position
    headings: tuple[Heading, ...]


@dataclass
class Boundaries:
    """All chunks of a document; six numbers a chunk, so that 100,000 pages fit in memory."""

    places: "array[int]" = field(default_factory=lambda: array("Q"))
    paths: list[tuple[Heading, ...]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.paths)

    def add(self, span: Span) -> None:
        """Append the next chunk."""
        for place in (span.start, span.end):
            self.places.extend((place.points, place.units, place.octets))
        self.paths.append(span.headings)

    def span(self, index: int) -> Span:
        """The chunk `index`, counted from 0."""
        at = index * 6
        start, end = Position(*self.places[at : at + 3]), Position(*self.places[at + 3 : at + 6])
        return Span(start, end, self.paths[index])


@dataclass(frozen=True, slots=True)
class _Piece:
    """Text on its way into a chunk.

    `group` changes where chunks must not mix; `opens` tells that a group begins with it,
    `title` that it is a heading without text below, which belongs to what follows.
    """

    text: str
    start: Position
    group: int
    opens: bool
    title: bool


def find_boundaries(path: Path, config: ChunkingConfig) -> Boundaries:
    """Read the file once and cut it. Raises InvalidInputError for what is not text.

    Between the chunks, and before and after them, is nothing but whitespace.
    """
    boundaries = Boundaries()
    outline = _Outline()
    for piece in _packed(_pieces(path, config, outline), config):
        boundaries.add(_trimmed(piece, outline))
    return boundaries


def _pieces(path: Path, config: ChunkingConfig, outline: "_Outline") -> Iterator[_Piece]:
    by_headings = config.chosen is Strategy.HYBRID
    cuts = cuts_for(config)
    group, opens = 0, True
    for section in read_sections(path, at_headings=by_headings):
        outline.announce(section.headings)
        if by_headings and any(heading.level <= HARD_LEVEL for heading in section.headings):
            group, opens = group + 1, True
        for text, start in _cut(section, cuts, config):
            yield _Piece(text, start, group, opens, by_headings and _is_title(section))
            opens = False


def _is_title(section: Section) -> bool:
    if not section.headings:
        return False
    return not section.text[section.headings[-1].end - section.start.points :].strip()


def _cut(section: Section, cuts: Cuts, config: ChunkingConfig) -> Iterator[tuple[str, Position]]:
    text, start, begin = section.text, section.start, 0
    whole = len(text) <= config.target_characters and config.chosen is not Strategy.TOKEN
    for end in [*(() if whole else cuts(text)), len(text)]:
        piece = text[begin:end]
        yield piece, start
        start, begin = start.after(piece), end


def _packed(pieces: Iterator[_Piece], config: ChunkingConfig) -> Iterator[_Piece]:
    """Join what is too small to stand alone with its neighbour; drop what is blank."""
    pending: _Piece | None = None
    for piece in pieces:
        if pending is not None and _belong_together(pending, piece, config):
            pending = _joined(pending, piece)
        else:
            if pending is not None:
                yield pending
            pending = piece if piece.text.strip() else None
    if pending is not None:
        yield pending


def _belong_together(first: _Piece, second: _Piece, config: ChunkingConfig) -> bool:
    if not second.text.strip():
        return len(second.text) <= config.max_characters
    size = len(first.text.lstrip()) + len(second.text.rstrip())
    if size > config.max_characters:
        return False
    if not (_has_words(first.text) and _has_words(second.text)):
        return True
    smaller = min(len(first.text.strip()), len(second.text.strip()))
    match config.chosen:
        case Strategy.HYBRID:
            return _same_subject(first, second, config) and (
                size <= config.target_characters or smaller < config.target_characters // 4
            )
        case Strategy.TOKEN:
            return False
        case _:
            return smaller < config.target_characters // 8


def _same_subject(first: _Piece, second: _Piece, config: ChunkingConfig) -> bool:
    """Whether the headings allow one chunk; a tiny section may go with the one after it."""
    if second.title and not first.title:
        return False
    tiny = first.opens and len(first.text.strip()) < config.target_characters // 8
    return tiny or first.group == second.group


def _joined(first: _Piece, second: _Piece) -> _Piece:
    text = first.text + second.text
    title = first.title and (second.title or not second.text.strip())
    return _Piece(text, first.start, second.group, first.opens, title)


def _has_words(text: str) -> bool:
    return any(map(str.isalnum, text))


def _trimmed(piece: _Piece, outline: "_Outline") -> Span:
    kept = piece.text.strip()
    start = piece.start.after(piece.text[: len(piece.text) - len(piece.text.lstrip())])
    return Span(start, start.after(kept), outline.at(start.points, kept))


class _Outline:
    """Which headings are in force, as the document is walked through."""

    def __init__(self) -> None:
        self._coming: deque[Heading] = deque()
        self._stack: tuple[Heading, ...] = ()

    def announce(self, headings: Sequence[Heading]) -> None:
        """Headings of the section that was read last."""
        self._coming.extend(headings)

    def at(self, start: int, text: str) -> tuple[Heading, ...]:
        """The headings over the first words below a heading in the chunk at `start`."""
        while self._coming and self._coming[0].end <= start:
            self._enter(self._coming.popleft())
        position, end = start, start + len(text)
        while self._coming and self._coming[0].start < end:
            heading = self._coming[0]
            if text[position - start : max(heading.start - start, 0)].strip():
                break
            self._enter(self._coming.popleft())
            position = heading.end
        path = self._stack
        while self._coming and self._coming[0].start < end:
            self._enter(self._coming.popleft())
        return path

    def _enter(self, heading: Heading) -> None:
        above = tuple(other for other in self._stack if other.level < heading.level)
        self._stack = (*above, heading)
