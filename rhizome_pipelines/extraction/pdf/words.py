"""Words divided at the end of a line, put together by the document's own vocabulary."""

import re
from collections.abc import Iterable

from rhizome_pipelines.extraction.pdf.characters import SOFT_HYPHEN

WORD = re.compile(r"[^\W\d_]{2,}")
COMPOUND = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)+")
DIVIDED_HEAD = re.compile(rf"([^\W\d_]+)[-{SOFT_HYPHEN}]$")
DIVIDED_TAIL = re.compile(r"[^\W\d_]+")
BROKEN_PATH = re.compile(r"(?:^|\s)(?:[a-z]+:/)?/\S*/$|(?:^|\s)(?:https?://|www\.)\S*[/._=&?-]$")
"""A path or address that is broken after a slash goes on without a space."""

MAX_WORDS = 150_000
MAX_COMPOUNDS = 50_000
"""New words are ignored beyond these: memory stays bounded, results stay deterministic."""


class Vocabulary:
    """Words and hyphenated compounds that stand undivided in the document, in lower case."""

    def __init__(self) -> None:
        self._words: set[str] = set()
        self._compounds: set[str] = set()

    def add_lines(self, lines: Iterable[str]) -> None:
        """Learn from successive lines; the halves of divided words are not words."""
        tail_follows = False
        for line in lines:
            words = line.casefold()
            if tail_follows:
                words = DIVIDED_TAIL.sub("", words, count=1)
            divided = _divided_head(words)
            tail_follows = divided is not None
            if divided is not None:
                words = words[: divided.start()]
            if len(self._words) < MAX_WORDS:
                self._words.update(WORD.findall(words))
            if "-" in words and len(self._compounds) < MAX_COMPOUNDS:
                self._compounds.update(COMPOUND.findall(words))

    def join(self, upper: str, lower: str) -> str:
        """Two successive lines of a paragraph as one text."""
        divided = _divided_head(upper)
        tail = DIVIDED_TAIL.match(lower)
        if divided is None or tail is None:
            # `-1` after `UTF-`, `and` after `pre-`: a hyphen that belongs to the text.
            if upper.endswith(("-", SOFT_HYPHEN)) and not upper.endswith((" -", "--")):
                return upper.removesuffix(SOFT_HYPHEN) + lower
            return upper + lower if _is_broken_path(upper) else f"{upper} {lower}"
        if upper.endswith(SOFT_HYPHEN):
            return upper[:-1] + lower
        if self._keeps_hyphen(divided.group(1), tail.group()):
            return upper + lower
        return upper[:-1] + lower

    def _keeps_hyphen(self, head: str, tail: str) -> bool:
        # IM-PLIED is divided, EUC-JP is not.
        capitals = head.isupper() and tail.isupper() and len(head) > 1 and len(tail) > 2
        if not tail[0].islower() and not capitals:
            return True
        head, tail = head.casefold(), tail.casefold()
        if head + tail in self._words:
            return f"{head}-{tail}" in self._compounds and len(head) < 3
        if f"{head}-{tail}" in self._compounds:
            return True
        return head in self._words and tail in self._words


def _divided_head(line: str) -> re.Match[str] | None:
    """The half of a word at the end of a line. Only few lines need be searched for it."""
    return DIVIDED_HEAD.search(line) if line.rstrip("\n").endswith(("-", SOFT_HYPHEN)) else None


def _is_broken_path(line: str) -> bool:
    return ("/" in line or "www." in line) and BROKEN_PATH.search(line) is not None
