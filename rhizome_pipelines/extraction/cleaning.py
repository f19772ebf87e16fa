"""Repairs of markdown that came out of other programs (`markdown_clean`).

Code, fenced or indented, is never touched. Each repair is made only where it is clear: page
numbers, words divided at line ends, wrongly decoded UTF-8, ligatures, HTML, heading levels.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import unescape

from rhizome_pipelines.extraction.blocks import Block, split_blocks
from rhizome_pipelines.extraction.html import (
    ConversionError,
    clean,
    parse_html,
    serialise,
    to_markdown,
)
from rhizome_pipelines.lifecycle.errors import InvalidInputError

_BARE_NUMBER = re.compile(r"[-–—\s]{0,6}(\d{1,4})[-–—\s]{0,6}")
_PAGE = re.compile(
    r"\W{0,6}(?:page|seite|p\.)\s{0,3}\d{1,4}(?:\s{0,3}(?:of|von|/)\s{0,3}\d{1,4})?\W{0,6}",
    re.IGNORECASE,
)
_MIN_PAGES = 3

_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
_SPACES = re.compile("[\u00a0\u2000-\u200a\u202f\u205f\u3000]")
_LIGATURES = str.maketrans(
    {
        "\ufb00": "ff",
        "\ufb01": "fi",
        "\ufb02": "fl",
        "\ufb03": "ffi",
        "\ufb04": "ffl",
        "\ufb05": "st",
    }
)
# How UTF-8 looks when read as cp1252: a lead byte (Â, Ã, â, ð) and a continuation byte.
_MISREAD = re.compile(r"[ÂÃ][\u00a0-¿€-\u2122]|â(?:€|„|\u2020)|ðŸ")

_DIVIDED = re.compile(r"(?P<stem>[^\W\d_]*[a-zß-öø-ÿ])-$")
_GOES_ON = re.compile(r"(?P<word>[a-zß-öø-ÿ]+[^\w\s]*)(?P<after>(?:\s.*)?)$")
_OWN_PREFIXES = frozenset(
    {"all", "anti", "co", "cross", "ex", "half", "high", "long", "low", "mid", "multi", "non"}
    | {"post", "pre", "pro", "self", "semi", "short", "so", "sub", "ultra", "well"}
)

_HEADING = re.compile(r" {0,3}(#{1,6})([ \t]*)(\S.*)$")
_LISTED = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])\s")
_CODE_SPAN = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_BLOCK_TAG = re.compile(
    r" {0,3}<(?:table|div|p|ul|ol|dl|h[1-6]|blockquote|section|article|figure|center|html|body"
    r"|script|style|details)\b",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"<!--.*?-->")
_BREAK = re.compile(r"[ \t]*<br\s{0,3}/?>[ \t]*", re.IGNORECASE)
_STRONG = re.compile(r"</?(?:b|strong)>", re.IGNORECASE)
_EMPHASIS = re.compile(r"</?(?:i|em)>", re.IGNORECASE)
_PLAIN_TAG = re.compile(
    r"</?(?:span|font|div|p|center|u|big|small|tt|o:p|ins|section|body|html)(?:\s[^<>]{0,500})?/?>"
    r"|<a\s+(?:name|id)=[^<>]{0,200}>\s*</a>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?!(?:lt|gt|amp|quot);)(?:[A-Za-z]{2,31}|#\d{1,7}|#x[0-9A-Fa-f]{1,6});")


def has_page_numbers(pieces: Iterable[str]) -> bool:
    """Whether lines that hold nothing but a number are those of pages: they count upwards."""
    steps = seen = 0
    last: int | None = None
    for block in split_blocks(pieces):
        if len(block.lines) != 1 or len(block.lines[0]) > 20:
            continue
        if match := _BARE_NUMBER.fullmatch(block.lines[0]):
            number = int(match[1])
            steps += last is not None and 0 < number - last <= 3
            seen += 1
            last = number
    return seen >= _MIN_PAGES and steps * 10 >= (seen - 1) * 8


def clean_markdown(pieces: Iterable[str], *, page_numbers: bool) -> Iterator[str]:
    """The cleaned text, block by block. `pieces` as of `blocks.read_pieces`."""
    levels = _Levels()
    for block in split_blocks(pieces):
        if block.verbatim is not None or _is_indented(block):
            yield str(block)
        elif not _is_page_line(block, bare=page_numbers):
            for line in _cleaned(block.lines):
                yield f"{levels.evened(line)}\n"


def _is_indented(block: Block) -> bool:
    return all(line.startswith(("    ", "\t")) for line in block.lines)


def _is_page_line(block: Block, *, bare: bool) -> bool:
    if len(block.lines) != 1 or len(block.lines[0]) > 40:
        return False
    line = block.lines[0]
    return bool(_PAGE.fullmatch(line)) or (bare and bool(_BARE_NUMBER.fullmatch(line)))


def _cleaned(lines: Sequence[str]) -> Sequence[str]:
    lines = [_repaired(line) for line in lines]
    if _BLOCK_TAG.match(lines[0]):
        lines = _from_html(lines)
    else:
        lines = "\n".join(_outside_code(line, _without_html) for line in lines).split("\n")
    return list(_undivided(lines))


def _repaired(line: str) -> str:
    """Characters as they were meant; at most two spaces (a line break) at the end."""
    if _MISREAD.search(line):
        line = _reread(line)
    text = _SPACES.sub(" ", _INVISIBLE.sub("", line)).translate(_LIGATURES)
    bare = text.rstrip()
    return f"{bare}  " if bare and text.endswith("  ") else bare


def _reread(line: str) -> str:
    # cp1252 leaves five bytes undefined; programs pass them on as C1 controls.
    data = bytearray()
    for character in line:
        try:
            data += character.encode("cp1252")
        except UnicodeEncodeError:
            if ord(character) > 0xFF:
                return line
            data.append(ord(character))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return line


def _undivided(lines: Sequence[str]) -> Iterator[str]:
    """Words divided at line ends put together; `well-` and the like keep their hyphen."""
    held: str | None = None
    for line in lines:
        if held is None:
            held = line
            continue
        divided = _DIVIDED.search(held)
        rest = _GOES_ON.match(line)
        if divided and rest and not _LISTED.match(held + " "):
            keeps = divided["stem"].lower() in _OWN_PREFIXES
            yield f"{held if keeps else held[:-1]}{rest['word']}"
            held = rest["after"].strip() or None
        else:
            yield held
            held = line
    if held is not None:
        yield held


def _outside_code(line: str, change: Callable[[str], str]) -> str:
    """`change` the text between code spans."""
    pieces: list[str] = []
    begin = 0
    for span in _CODE_SPAN.finditer(line):
        pieces += [change(line[begin : span.start()]), span[0]]
        begin = span.end()
    return "".join([*pieces, change(line[begin:])])


def _without_html(text: str) -> str:
    if "<" in text:
        text = _BREAK.sub("  \n", _COMMENT.sub("", text))
        text = _EMPHASIS.sub("*", _STRONG.sub("**", text))
        text = _PLAIN_TAG.sub("", text)
    if "&" in text:
        text = _ENTITY.sub(lambda match: _SPACES.sub(" ", unescape(match[0])), text)
    return text


def _from_html(lines: Sequence[str]) -> Sequence[str]:
    """A block that begins with a tag, converted; as it was where that leaves nothing."""
    try:
        tree = parse_html("\n".join(lines))
        clean(tree)
        return to_markdown(serialise(tree)).rstrip("\n").split("\n")
    except (InvalidInputError, ConversionError):
        return lines


class _Levels:
    """Heading levels without gaps: a heading is at most one level below the one it is under."""

    def __init__(self) -> None:
        self._open: list[tuple[int, int]] = []

    def evened(self, line: str) -> str:
        heading = _HEADING.match(line)
        # "#word" is a tag in many programs; "##Word" is a heading that lacks its space.
        if heading is None or (not heading[2] and len(heading[1]) == 1):
            return line
        level = len(heading[1])
        while self._open and self._open[-1][0] >= level:
            self._open.pop()
        shown = min(level, self._open[-1][1] + 1) if self._open else level
        self._open.append((level, shown))
        return f"{'#' * shown} {heading[3]}"
