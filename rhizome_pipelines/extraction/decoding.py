"""Bytes of unknown encoding to text: byte order marks, UTF-8, UTF-16, then what is likely."""

import codecs
import io
import re
from dataclasses import dataclass
from pathlib import Path

from rhizome_pipelines.lifecycle.errors import InvalidInputError

_REPLACEMENT = "\ufffd".encode()
SAMPLE_BYTES = 256 * 1024
_BLOCK = 1024 * 1024
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # UTF-32 before UTF-16: the little-endian marks begin alike.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BINARY_MAGIC = {
    b"%PDF-": "a PDF",
    b"PK\x03\x04": "a ZIP archive or an office file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"\x1f\x8b": "a compressed file",
    b"\x7fELF": "a program",
    b"\xd0\xcf\x11\xe0": "an old office file",
    b"{\\rtf": "a Rich Text file",
    b"SQLite format 3": "a database",
    b"Rar!": "an archive",
    b"7z\xbc\xaf": "an archive",
}
_CONTROL_BYTES = bytes({*range(0x01, 0x09), *range(0x0E, 0x1B), *range(0x1C, 0x20), 0x7F})
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_WORD_WITH_HIGH = re.compile(rb"[A-Za-z]*[\x80-\xff][A-Za-z\x80-\xff]*")
_CP1252_UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_WESTERN = frozenset({"cp1252", "latin_1", "iso8859_15", "iso8859_9", "cp1254", "iso8859_14"})


@dataclass(frozen=True)
class TextEncoding:
    """A Python codec, and what a person should know of how it was chosen."""

    codec: str
    notes: tuple[str, ...] = ()


def detect_encoding(path: Path, what: str = "The file") -> TextEncoding:
    """Tell the encoding of a text file. Reads it once, in constant memory.

    Order: byte order mark; UTF-16 by the place of its NULs; UTF-8 if all or nearly all of it
    is; else by charset-normalizer, with cp1252 (which covers Latin-1) for Western text.
    Raises InvalidInputError for what is no text.
    """
    with path.open("rb") as stream:
        sample = stream.read(SAMPLE_BYTES)
        whole = len(sample) < SAMPLE_BYTES
        return _detect(sample, io.BytesIO(sample) if whole else stream, what)


def decode(data: bytes, what: str = "The file") -> tuple[str, TextEncoding]:
    """The text of `data`; what cannot be decoded becomes U+FFFD, NULs are dropped."""
    encoding = _detect(data[:SAMPLE_BYTES], io.BytesIO(data), what)
    return data.decode(encoding.codec, "replace").replace("\x00", ""), encoding


def _detect(sample: bytes, stream: io.BufferedIOBase | io.BytesIO, what: str) -> TextEncoding:
    for mark, codec in _BOMS:
        if sample.startswith(mark):
            return TextEncoding(codec)
    for magic, kind in _BINARY_MAGIC.items():
        if sample.startswith(magic):
            raise InvalidInputError(f"{what} is not text: it looks like {kind}.")
    if (wide := _utf16_without_mark(sample)) is not None:
        return TextEncoding(wide, ("The text is UTF-16 without a byte order mark.",))
    stream.seek(0)
    census = _census(stream)
    _refuse_binary(census, what)
    notes = ("NUL characters were dropped.",) if census.nuls else ()
    if census.invalid == 0:
        return TextEncoding("utf-8", notes)
    if census.multibyte > 20 * census.invalid:
        broken = f"{census.invalid} broken UTF-8 sequences were replaced by “\ufffd”."
        return TextEncoding("utf-8", (*notes, broken))
    codec = _legacy_codec(sample)
    return TextEncoding(codec, (*notes, f"The text is not UTF-8; it was read as {codec}."))


@dataclass
class _Census:
    size: int = 0
    nuls: int = 0
    controls: int = 0
    multibyte: int = 0
    invalid: int = 0


def _census(stream: io.BufferedIOBase | io.BytesIO) -> _Census:
    """Count what is and what is not UTF-8, over the whole stream."""
    census = _Census()
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    tail = b""
    while block := stream.read(_BLOCK):
        census.size += len(block)
        census.nuls += block.count(0)
        census.controls += len(block) - len(block.translate(None, _CONTROL_BYTES))
        if not block.isascii() or decoder.getstate()[0]:
            text = decoder.decode(block)
            # A U+FFFD that the text has itself is no fault of the encoding.
            replaced = text.count("\ufffd") - (tail + block).count(_REPLACEMENT)
            census.invalid += replaced
            census.multibyte += len(text) - replaced - len(text.encode("ascii", "ignore"))
        tail = block[-2:]
    census.invalid += decoder.decode(b"", final=True).count("\ufffd")
    return census


def _refuse_binary(census: _Census, what: str) -> None:
    if census.nuls * 10 > census.size or census.controls * 50 > census.size:
        raise InvalidInputError(
            f"{what} is not text: it is full of bytes that no text has. "
            "Hand in a text file, or name the right type."
        )


def _utf16_without_mark(sample: bytes) -> str | None:
    """UTF-16 by its NULs: Western text has them in every other byte, always the same ones."""
    if 0 not in sample:
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    most, least = max(even, odd), min(even, odd)
    half = len(sample) // 2
    if half < 2 or most * 5 < half or least * 20 > most:
        return None
    codec = "utf-16-le" if odd > even else "utf-16-be"
    text = sample[: half * 2].decode(codec, "replace")
    odd_characters = sum(
        character == "\ufffd" or (character < " " and character not in "\t\n\r\f\x00")
        for character in text
    )
    return codec if odd_characters * 50 <= len(text) else None


def _legacy_codec(sample: bytes) -> str:
    """A one- or multi-byte codec for text that is not Unicode."""
    western = "latin-1" if _CP1252_UNDEFINED.search(sample) else "cp1252"
    runs = [len(run) for run in _HIGH_RUN.findall(sample)]
    # In Western text accented letters stand alone between ASCII letters; in other scripts
    # they come in runs. So few of them tell nothing to a statistical detector.
    isolated = sum(length <= 2 for length in runs)
    words = set(_WORD_WITH_HIGH.findall(sample))
    if isolated * 10 >= len(runs) * 9 and len(words) < 40:
        return western
    # Late: few texts get here, and every command that takes files in would wait for the import.
    from charset_normalizer import from_bytes  # noqa: PLC0415

    best = from_bytes(sample).best()
    if best is None or best.encoding in _WESTERN:
        return western
    if not _WESTERN.isdisjoint(best.could_be_from_charset):
        return western
    return best.encoding
