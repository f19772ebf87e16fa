"""Hard-wrapped plain text to paragraphs, and its chapter headings to markdown headings.

Made for what plain-text books look like: lines of 50 to 100 characters, blank lines between
paragraphs. All is done only where it is clear; lists, tables, verse, code stay line by line.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rhizome_pipelines.extraction.blocks import Block, split_blocks

MIN_WIDTH, MAX_WIDTH = 50, 100

_LISTED = re.compile(r"\s*(?:[-*+•·–—]|\(?\d{1,3}[.)]|\(?[A-Za-z][.)])\s+\S")
_MARKUP = re.compile(r"\s{0,3}(?:#{1,6}\s|>|\||={3,}|-{3,}|\*{3,})")
_COLUMNS = re.compile(r"\S(?:\t| {3,})\S")

_NUMBER = (
    r"(?:[IVXLC]{1,8}|\d{1,3}|(?:THE )?(?:ONE|TWO|THREE|FOUR|FIVE|SIX|SEVEN|EIGHT|NINE|TEN|FIRST"
    r"|SECOND|THIRD|FOURTH|FIFTH|SIXTH|SEVENTH|EIGHTH|NINTH|TENTH|LAST)"
    r"|(?:One|Two|Three|Four|Five|Six|Seven|Eight|Nine|Ten))"
)
_TITLE = r"(?:\s*[.:—–-].{0,80}|\s+[A-ZÀ-ÖØ-Þ“\"‘'].{0,80})?"
_PART = re.compile(rf"(?:BOOK|PART|VOLUME|Book|Part|Volume)\s+{_NUMBER}{_TITLE}")
_CHAPTER = re.compile(
    rf"(?:CHAPTER|KAPITEL|CHAPITRE|LETTER|Chapter|Kapitel|Chapitre)\s+{_NUMBER}{_TITLE}"
)
_NAMED = re.compile(
    "PREFACE|FOREWORD|INTRODUCTION|PROLOGUE|EPILOGUE|CONCLUSION|APPENDIX|AFTERWORD"
    "|ACKNOWLEDGE?MENTS|BIBLIOGRAPHY|GLOSSARY"
)
_NUMBERED = re.compile(r"(?P<number>\d{1,2}(?:\.\d{1,2}){0,3})\.?\s+[A-ZÀ-ÖØ-Þ].{1,70}")
_MIN_PROSE = 80
_LEVEL_PART, _LEVEL_CHAPTER = 1, 2


def wrap_width(lines: Iterable[str]) -> int | None:
    """The width at which a text is clearly hard-wrapped, or None.

    Clear: lines inside of paragraphs (followed by another line) are at least 20, nearly all no
    longer than the width, and most fill two thirds of it.
    """
    lengths: Counter[int] = Counter()
    previous = 0
    for line in lines:
        length = min(len(line.rstrip()), 4 * MAX_WIDTH)
        if previous and length:
            lengths[previous] += 1
        previous = length
    total = lengths.total()
    if total < 20:
        return None
    width, counted = 0, 0
    for length in sorted(lengths):
        counted += lengths[length]
        width = length
        if counted * 100 >= total * 98:
            break
    full = sum(count for length, count in lengths.items() if width * 2 <= length * 3 <= width * 4)
    return width if MIN_WIDTH <= width <= MAX_WIDTH and full * 10 >= total * 7 else None


def to_markdown(pieces: Iterable[str], width: int | None) -> Iterator[str]:
    """The text block by block; `pieces` as of `blocks.read_pieces`, `width` of `wrap_width`."""
    candidate: _Candidate | None = None
    between: list[str] = []
    for block in split_blocks(pieces):
        if candidate is not None:
            if block.is_blank:
                between.append(str(block))
                continue
            yield candidate.written(heads=_goes_on(candidate, block))
            yield from between
            candidate, between = None, []
        candidate = _candidate(block)
        if candidate is None:
            is_prose = width is not None and _is_wrapped_prose(block, width)
            yield f"{_joined(block.lines)}\n" if is_prose else str(block)
    if candidate is not None:
        yield candidate.written(heads=False)
        yield from between


@dataclass(frozen=True)
class _Candidate:
    """A block that is a heading if what follows agrees."""

    block: Block
    level: int
    needs_prose: bool

    def written(self, *, heads: bool) -> str:
        if not heads:
            return str(self.block)
        title = " ".join(" ".join(self.block.lines).split())
        return f"{'#' * self.level} {title}\n"


def _candidate(block: Block) -> _Candidate | None:
    if not block.lines or len(block.lines) > 2:
        return None
    first = block.lines[0].strip()
    whole = " ".join(line.strip() for line in block.lines)
    if len(whole) > 100 or whole.endswith((",", ";")):
        return None
    for pattern, level in ((_PART, _LEVEL_PART), (_CHAPTER, _LEVEL_CHAPTER)):
        if pattern.fullmatch(first):
            return _Candidate(block, level, needs_prose=False)
    if len(block.lines) > 1 or block.lines[0][0].isspace():
        return None
    named = _NAMED.fullmatch(first.rstrip("."))
    numbered = _NUMBERED.fullmatch(first) if first[-1] not in ".:?!" else None
    if numbered:
        level = _LEVEL_CHAPTER + numbered["number"].count(".")
        return _Candidate(block, level, needs_prose=True)
    return _Candidate(block, _LEVEL_CHAPTER, needs_prose=False) if named else None


def _goes_on(candidate: _Candidate, after: Block) -> bool:
    """Whether what follows is what follows a heading; a table of contents has its like there."""
    following = _candidate(after)
    if candidate.needs_prose:
        text = sum(map(len, after.lines))
        return following is None and text >= _MIN_PROSE and not _LISTED.match(after.lines[0])
    return following is None or following.level > candidate.level


def _is_wrapped_prose(block: Block, width: int) -> bool:
    lines = [line.rstrip() for line in block.lines]
    if len(lines) < 2 or any(line[0].isspace() for line in lines[1:]):
        return False
    if any(_LISTED.match(line) or _MARKUP.match(line) or _COLUMNS.search(line) for line in lines):
        return False
    return all(width * 6 <= len(line) * 10 <= width * 12 for line in lines[:-1])


def _joined(lines: Sequence[str]) -> str:
    text = lines[0].strip()
    for line in lines[1:]:
        more = line.strip()
        # Plain-text books break lines at hyphens that are there anyway (well-/known).
        sticks = text.endswith(("--", "—")) or (text[-1:] == "-" and text[-2:-1].isalpha())
        text = f"{text}{more}" if sticks else f"{text} {more}"
    return text
