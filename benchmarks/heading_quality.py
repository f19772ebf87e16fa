"""How well the headings of an extracted text agree with the true ones.

A found heading is right if a true one has the same title, compared by letters and digits
without regard to case and leading numbering ("2.1 Archive areas" is "Archive areas"). Each
true heading counts once: a running header taken for a heading twenty times is wrong nineteen.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

NUMBERING = re.compile(
    r"\s*(?:(?:chapter|appendix|part|section)\s+)?(?:(?:\d+|[A-Z])(?:\.\d+)*[.:)]?|[IVXLC]+[.:)])\s+",
    re.I,
)
MARKDOWN_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*$")
FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")
ESCAPE = re.compile(r"\\([^\w\s])")

Heading = tuple[int, str]
"""Level (1–6) and title."""


@dataclass(frozen=True)
class HeadingQuality:
    """`precision`: share of the found headings that are true; `recall`: of the true, found.

    `levels`: share of neighbouring right headings whose order of levels (deeper, same,
    higher) is the true one; absolute levels depend on whether the title counts as level 1.
    """

    precision: float
    recall: float
    levels: float
    missed: Sequence[str]
    invented: Sequence[str]


def measure_headings(found: Sequence[Heading], truth: Sequence[Heading]) -> HeadingQuality:
    """Compare headings in the order of the text. With nothing found (or true) a share is 0."""
    open_titles = Counter(normalised(title) for _, title in truth)
    true_levels: dict[str, list[int]] = {}
    for level, title in truth:
        true_levels.setdefault(normalised(title), []).append(level)
    right: list[tuple[int, int]] = []
    invented = []
    for level, title in found:
        key = normalised(title)
        if open_titles[key] > 0:
            open_titles[key] -= 1
            right.append((level, true_levels[key].pop(0)))
        else:
            invented.append(title)
    return HeadingQuality(
        precision=len(right) / len(found) if found else 0.0,
        recall=len(right) / len(truth) if truth else 0.0,
        levels=_level_agreement(right),
        missed=[title for title, count in open_titles.items() for _ in range(count)],
        invented=invented,
    )


def markdown_headings(lines: Iterable[str]) -> list[Heading]:
    """The ATX headings of a markdown text, those in fenced code left out."""
    headings = []
    fence: str | None = None
    for line in lines:
        mark = FENCE.match(line)
        if mark is not None and fence is None:
            fence = mark.group(1)
        elif mark is not None and fence is not None:
            if mark.group(1).startswith(fence) and not line.strip().strip(fence[0]):
                fence = None
        elif fence is None and (match := MARKDOWN_HEADING.match(line)):
            headings.append((len(match.group(1)), ESCAPE.sub(r"\1", match.group(2))))
    return headings


def normalised(title: str) -> str:
    """Letters and digits of a title without its number, in lower case."""
    match = NUMBERING.match(title)
    bare = title[match.end() :] if match else title
    letters = "".join(character for character in bare.casefold() if character.isalnum())
    return letters or "".join(character for character in title.casefold() if character.isalnum())


def _level_agreement(right: Sequence[tuple[int, int]]) -> float:
    if len(right) < 2:
        return 1.0 if right else 0.0
    agreeing = sum(
        _sign(lower[0] - upper[0]) == _sign(lower[1] - upper[1]) for upper, lower in pairwise(right)
    )
    return agreeing / (len(right) - 1)


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
