"""A text edited in known ways: every word that stays remembers where it stood."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

_TOKEN = re.compile(r"\S+|\s+")
_STAYS = 0.5
"""A highlight is still there if at least this share of its words is, close together."""
_WIDENED = 2
_NEW_WORDS = "unwritten foreword marginal revised passage editor colophon appended twice hence"
_NEW = _NEW_WORDS.split()

Token = tuple[str, int | None]
"""Text, and where it began in the old text; None if it is new."""
Span = tuple[int, int]


@dataclass(frozen=True)
class Edited:
    """The new `text`, and for each old word that stayed its place then and now."""

    text: str
    words: int
    places: dict[int, Span]
    old: str

    def now(self, span: Span) -> Span | None:
        """Where an old passage stands now, or None if it is gone."""
        begins = [m.start() + span[0] for m in re.finditer(r"\S+", self.old[slice(*span)])]
        kept = [self.places[begin] for begin in begins if begin in self.places]
        if len(kept) < _STAYS * len(begins):
            return None
        low, high = min(place[0] for place in kept), max(place[1] for place in kept)
        return (low, high) if high - low <= _WIDENED * (span[1] - span[0]) + 40 else None


def edited(text: str, choice: random.Random) -> Edited:
    """Edit paragraph by paragraph; then move some, and wrap all lines anew."""
    paragraphs: list[list[Token]] = []
    begin = 0
    for paragraph in re.split(r"(?<=\n\n)", text):
        tokens = [(m[0], begin + m.start()) for m in _TOKEN.finditer(paragraph)]
        paragraphs += _edited_paragraph(list(tokens), choice)
        begin += len(paragraph)
    for _ in range(len(paragraphs) // 50):
        paragraphs.insert(
            choice.randrange(len(paragraphs)), paragraphs.pop(choice.randrange(len(paragraphs)))
        )
    return _joined([token for paragraph in paragraphs for token in paragraph], text)


def _edited_paragraph(tokens: list[Token], choice: random.Random) -> Sequence[list[Token]]:
    fate = choice.random()
    if fate < 0.05:
        return []
    if fate < 0.10:
        return [[*_new_words(choice, 60), ("\n\n", None)], tokens]
    share = 0.0 if fate < 0.55 else 0.25 if fate < 0.65 else 0.03
    return [[new for token in tokens for new in _edited_word(token, share, choice)]]


def _edited_word(token: Token, share: float, choice: random.Random) -> list[Token]:
    if token[0].isspace() or choice.random() >= share:
        return [token]
    match choice.randrange(3):
        case 0:
            return [(choice.choice(_NEW), None)]
        case 1:
            return [token, *_new_words(choice, 3)]
        case _:
            return [("", None)]


def _new_words(choice: random.Random, most: int) -> list[Token]:
    words = choice.choices(_NEW, k=choice.randint(1, most))
    return [(f" {word}", None) for word in words]


def _joined(tokens: Sequence[Token], old: str) -> Edited:
    pieces: list[str] = []
    places: dict[int, Span] = {}
    length = line = 0
    for text, origin in tokens:
        piece = text
        if text.isspace() and "\n\n" not in text:
            piece = "\n" if line > 90 else " "
        line = 0 if "\n" in piece else line + len(piece)
        if origin is not None and not text.isspace():
            places[origin] = (length, length + len(piece))
        pieces.append(piece)
        length += len(piece)
    return Edited("".join(pieces), len(places), places, old)
