"""Large HTML in pieces, as trees and converters take twenty to sixty times its size in memory."""

import re
from collections.abc import Iterator
from typing import Final

PIECE: Final = 1_000_000
"""Code points of a piece, about."""

_PLACE = re.compile(
    r"<(?:(?P<comment>!--)|(?P<closed>script|style|pre|textarea)\b"
    r"|(?P<good>h[1-6]|section|article)\b|(?P<fair>p|div)\b|(?P<any>[A-Za-z]))",
    re.IGNORECASE,
)


def split_html(html: str, size: int = PIECE) -> Iterator[str]:
    """Pieces of `html` that joined are `html`, cut before a heading or section if there is one.

    Never inside of a comment, a script or preformatted text that is closed. From half as much
    again on any paragraph will do, from three times the size any tag.
    """
    begin = position = 0
    unclosed: set[str] = set()
    while len(html) - begin > size:
        place = _PLACE.search(html, position)
        if place is None:
            break
        length = place.start() - begin
        if length >= size * _patience(place):
            yield html[begin : place.start()]
            begin = place.start()
        position = _behind(html, place, unclosed)
    if begin < len(html):
        yield html[begin:]


def _patience(place: re.Match[str]) -> float:
    if place["good"]:
        return 1.0
    return 1.5 if place["fair"] else 3.0


def _behind(html: str, place: re.Match[str], unclosed: set[str]) -> int:
    """Where to go on looking; each kind of missing end is searched for only once."""
    name = (place["closed"] or "").lower() or ("-->" if place["comment"] else "")
    if not name or name in unclosed:
        return place.end()
    end = name if place["comment"] else f"</{name}"
    found = re.compile(re.escape(end), re.IGNORECASE).search(html, place.end())
    if found is None:
        unclosed.add(name)
        return place.end()
    return found.end()
