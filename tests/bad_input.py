"""Broken and hostile files for tests: each function writes one into a folder and returns its path.

What is asked of a server instead of a file is in `tests/fault_server.py`.
"""

import io
import random
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from tests.zero_bomb import ZipEntry, deflated_zeros, write_zip

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
PDF_PASSWORD = "sesame"
SENTENCE = "Größe und Maß: naïve façades cost 5 £ a night. "
GIBIBYTE = 2**30
ENTITY_LEVELS = 9
"""Each level names the one below ten times: the highest stands for 3 × 10⁹ bytes."""


# Files of any type


def empty_file(folder: Path, name: str = "empty.pdf") -> Path:
    return _written(folder / name, b"")


def blank_text(folder: Path) -> Path:
    """Nothing but white space."""
    return _written(folder / "blank.txt", b" \n\t\r\n\n  \n")


def unsupported_type(folder: Path) -> Path:
    """Binary, of no known type and with an unknown suffix."""
    return _written(folder / "mystery.xyz", random.Random(1).randbytes(4096))


# Text


def utf16_with_bom(folder: Path) -> Path:
    return _written(folder / "utf-16-bom.txt", (SENTENCE * 20).encode("utf-16"))


def utf16_without_bom(folder: Path) -> Path:
    """Little endian, as some editors of Windows leave it."""
    return _written(folder / "utf-16.txt", (SENTENCE * 20).encode("utf-16-le"))


def latin1_text(folder: Path) -> Path:
    """Not valid UTF-8."""
    return _written(folder / "latin-1.txt", (SENTENCE * 20).encode("latin-1"))


def broken_utf8(folder: Path) -> Path:
    """UTF-8 with stray continuation bytes and a sequence that is cut off at the end."""
    good = (SENTENCE * 20).encode()
    return _written(folder / "broken-utf-8.txt", good + b"\x80\xbf " + good + b"\xe2\x82")


def text_with_nuls(folder: Path) -> Path:
    """Readable, but Postgres refuses NULs in text."""
    return _written(folder / "nuls.txt", (SENTENCE * 20).replace(". ", ".\0 ").encode())


# PDF


def html_named_pdf(folder: Path) -> Path:
    """What a browser saves when the download was a login page."""
    page = (
        b"<!DOCTYPE html><html><head><title>Log in</title></head><body><p>Log in</p></body></html>"
    )
    return _written(folder / "page.pdf", page)


def truncated_pdf(folder: Path) -> Path:
    """The first half of a good PDF: no cross-reference table, no trailer."""
    good = _good_pdf()
    return _written(folder / "truncated.pdf", good[: len(good) // 2])


def pdf_header_alone(folder: Path) -> Path:
    return _written(folder / "header.pdf", b"%PDF-1.7\n%%EOF\n")


def bit_flipped_pdf(folder: Path, seed: int = 0, flips: int = 200) -> Path:
    """A good PDF with `flips` different bits turned over; the first 8 bytes are spared.

    Different seeds damage different places: some readable, some not, all the same each time.
    """
    content = bytearray(_good_pdf())
    for bit in random.Random(seed).sample(range(8 * 8, len(content) * 8), flips):
        content[bit // 8] ^= 1 << (bit % 8)
    return _written(folder / f"bit-flipped-{seed}.pdf", bytes(content))


def encrypted_pdf(folder: Path) -> Path:
    """Opens with PDF_PASSWORD only."""
    buffer = io.BytesIO()
    lock = StandardEncryption(PDF_PASSWORD, ownerPassword="owner", strength=128)
    canvas = Canvas(buffer, encrypt=lock, invariant=1)
    canvas.drawString(72, 720, "Known to those who know the password.")
    canvas.save()
    return _written(folder / "encrypted.pdf", buffer.getvalue())


def pdf_without_text(folder: Path, pages: int = 3) -> Path:
    """Drawings only, as a scan without text recognition."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, invariant=1)
    for page in range(pages):
        canvas.rect(72, 72, 300, 400, fill=page % 2)
        canvas.circle(300, 600, 50)
        canvas.showPage()
    canvas.save()
    return _written(folder / "drawings.pdf", buffer.getvalue())


@cache
def _good_pdf() -> bytes:
    return (SAMPLES / "against-forgetting.pdf").read_bytes()


# EPUB


def truncated_epub(folder: Path) -> Path:
    """The first half of a good EPUB: the ZIP directory, at the end, is missing."""
    good = (SAMPLES / "what-is-kept.epub").read_bytes()
    return _written(folder / "truncated.epub", good[: len(good) // 2])


def zip_named_epub(folder: Path) -> Path:
    """A ZIP archive with neither container nor package."""
    return _zipped(folder / "archive.epub", {"photo.txt": "not a book"})


def epub_with_escaping_paths(folder: Path) -> Path:
    """Names outside of the archive, both of entries and in the manifest."""
    spine = ["../../../../../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "chapter.xhtml"]
    files = _book(_chapter("<p>Inside.</p>"), spine)
    files |= {
        "../escaped.xhtml": _chapter("<p>Out.</p>"),
        "/escaped.xhtml": _chapter("<p>Out.</p>"),
    }
    return _zipped(folder / "escaping.epub", files)


def epub_with_entity_bomb(folder: Path) -> Path:
    """A chapter of some hundred bytes that expands to three gigabytes ("billion laughs")."""
    levels = "".join(
        f'<!ENTITY lol{level} "{f"&lol{level - 1};" * 10}">\n'
        for level in range(1, ENTITY_LEVELS + 1)
    )
    doctype = f'<!DOCTYPE html [\n<!ENTITY lol0 "lol">\n{levels}]>\n'
    chapter = _chapter(f"<p>&lol{ENTITY_LEVELS};</p>", doctype)
    return _zipped(folder / "entity-bomb.epub", _book(chapter))


def epub_with_external_entity(folder: Path) -> Path:
    """A chapter that asks the reader for a file of the reader's own machine.

    The file is `secret.txt` beside the book; it holds the word "treasure".
    """
    secret = _written(folder / "secret.txt", b"treasure")
    doctype = f'<!DOCTYPE html [<!ENTITY secret SYSTEM "{secret.resolve().as_uri()}">]>\n'
    chapter = _chapter("<p>It says: &secret;</p>", doctype)
    return _zipped(folder / "external-entity.epub", _book(chapter))


def epub_with_drm(folder: Path) -> Path:
    """A chapter that is encrypted, as META-INF/encryption.xml tells."""
    encryption = (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" '
        'xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData>'
        '<enc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes256-cbc"/>'
        '<enc:CipherData><enc:CipherReference URI="EPUB/chapter.xhtml"/></enc:CipherData>'
        "</enc:EncryptedData></encryption>"
    )
    files = _book(random.Random(2).randbytes(4096)) | {"META-INF/encryption.xml": encryption}
    return _zipped(folder / "drm.epub", files)


def epub_with_zero_bomb(
    folder: Path, size: int = 10 * GIBIBYTE, declared: int | None = None
) -> Path:
    """A chapter of `size` zero bytes, about a thousandth of that on disk.

    `declared` is the size that the archive claims instead, for readers that trust it.
    """
    segments, crc = deflated_zeros(size)
    entries = [
        ZipEntry.of(name, content.encode() if isinstance(content, str) else content)
        for name, content in _book("").items()
        if name != "EPUB/chapter.xhtml"
    ]
    claimed = size if declared is None else declared
    bomb = ZipEntry("EPUB/chapter.xhtml", zipfile.ZIP_DEFLATED, crc, claimed, tuple(segments))
    path = folder / "zero-bomb.epub"
    write_zip(path, [*entries, bomb])
    return path


def _book(chapter: str | bytes, spine: list[str] | None = None) -> dict[str, str | bytes]:
    hrefs = spine or ["chapter.xhtml"]
    items = "".join(
        f'<item id="i{number}" href="{href}" media-type="application/xhtml+xml"/>'
        for number, href in enumerate(hrefs)
    )
    references = "".join(f'<itemref idref="i{number}"/>' for number in range(len(hrefs)))
    return {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": (
            '<?xml version="1.0"?><container version="1.0" '
            'xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="EPUB/package.opf" media-type="application/oebps-package+xml"/>'
            "</rootfiles></container>"
        ),
        "EPUB/package.opf": (
            '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0" '
            'unique-identifier="id"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
            '<dc:identifier id="id">bad-input</dc:identifier><dc:title>Bad input</dc:title>'
            "<dc:language>en</dc:language></metadata>"
            f"<manifest>{items}</manifest><spine>{references}</spine></package>"
        ),
        "EPUB/chapter.xhtml": chapter,
    }


def _chapter(body: str, doctype: str = "<!DOCTYPE html>\n") -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n{doctype}'
        '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>Chapter</title></head>'
        f"<body><h1>Chapter</h1>{body}</body></html>"
    )


def _zipped(path: Path, files: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return path


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
