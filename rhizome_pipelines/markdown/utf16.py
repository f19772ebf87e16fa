"""Places in a text, counted three ways at once.

Python counts code points, clients (JavaScript) count UTF-16 code units, files count bytes of
UTF-8. A position is only ever moved over text that was seen, so the three never drift apart,
and a text of any size is converted in one pass without an index of it.
"""

from dataclasses import dataclass


def utf16_length(text: str) -> int:
    """UTF-16 code units of `text`: one per character up to U+FFFF, two above."""
    if text.isascii():
        return len(text)
    return len(text.encode("utf-16-le")) // 2


def utf8_length(text: str) -> int:
    """Bytes of `text` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8"))


@dataclass(frozen=True, slots=True)
class Position:
    """One place: `points` in code points, `units` in UTF-16 code units, `octets` in bytes."""

    points: int = 0
    units: int = 0
    octets: int = 0

    def after(self, text: str) -> "Position":
        """The place behind `text`, which begins here."""
        if text.isascii():
            size = len(text)
            return Position(self.points + size, self.units + size, self.octets + size)
        return Position(
            self.points + len(text),
            self.units + utf16_length(text),
            self.octets + utf8_length(text),
        )
