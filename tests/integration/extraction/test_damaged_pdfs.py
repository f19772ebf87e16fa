"""PDF files that are broken, locked, empty or made to hurt end in text or in a sentence."""

import random
import re
from pathlib import Path

import pytest
from reportlab.lib import pdfencrypt

from rhizome_pipelines.extraction.extractor import Source
from rhizome_pipelines.extraction.pdf import PdfConfig, PdfExtractor
from rhizome_pipelines.lifecycle.documents import SourceType
from rhizome_pipelines.lifecycle.errors import InvalidInputError, RhizomeError
from tests.integration.extraction.pdf_files import DOCUMENT, drawn, extract, lines, numbered, source


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "is an HTML page"),
        (b"\xef\xbb\xbf \n<html lang='en'>", "is an HTML page"),
        (b"PK\x03\x04 and so on", "is a ZIP archive"),
        (b"just some text", "is not a PDF"),
        (bytes(4096), "only zero bytes"),
        (b"%PDF-1.7\nnothing else", "damaged or incomplete"),
    ],
)
def test_what_is_no_pdf_is_refused_with_advice(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "page.pdf"
    path.write_bytes(content)
    with PdfExtractor() as extractor, pytest.raises(InvalidInputError, match=message):
        extractor.units(source(path))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with PdfExtractor() as extractor:
        with pytest.raises(InvalidInputError, match="does not exist"):
            extractor.units(source(tmp_path / "none.pdf"))
        with pytest.raises(InvalidInputError, match="has no PDF file"):
            extractor.units(Source(DOCUMENT, SourceType.PDF))


def test_a_password_is_named_as_the_reason(tmp_path: Path) -> None:
    secret = pdfencrypt.StandardEncryption("user", "owner", strength=128)
    path = drawn(tmp_path / "a.pdf", [lines("secret")], encrypt=secret)
    with PdfExtractor() as extractor, pytest.raises(InvalidInputError) as caught:
        extractor.units(source(path, "My Secrets"))
    assert caught.value.message == (
        "The PDF “My Secrets” is protected by a password; remove the protection and try again."
    )


def test_an_owner_password_alone_does_not_matter(tmp_path: Path) -> None:
    restricted = pdfencrypt.StandardEncryption("", "owner", canCopy=0, strength=128)
    path = drawn(tmp_path / "a.pdf", [lines("Open to all readers.")], encrypt=restricted)
    assert extract(path)[0] == "Open to all readers.\n"


def test_a_scan_needs_text_recognition(tmp_path: Path) -> None:
    path = drawn(tmp_path / "a.pdf", [lambda sheet: sheet.rect(72, 72, 400, 600, fill=1)] * 2)
    with pytest.raises(InvalidInputError, match=r"no text layer.*OCR"):
        extract(path)


def test_mostly_blank_pages_are_noted(tmp_path: Path) -> None:
    pages = [lines("Only this page has text."), lines(), lines(), lines()]
    text, extracted = extract(drawn(tmp_path / "a.pdf", pages))
    assert text == "Only this page has text.\n"
    assert [start.offset for start in extracted.pages] == [
        0,
        len(text) - 1,
        len(text) - 1,
        len(text) - 1,
    ]
    assert "3 of 4 pages have no text" in extracted.notes[0]


def test_more_pages_than_the_limit(tmp_path: Path) -> None:
    path = numbered(tmp_path / "a.pdf", 5)
    with (
        PdfExtractor(PdfConfig(max_pages=4)) as extractor,
        pytest.raises(InvalidInputError, match="5 pages, more than the limit of 4"),
    ):
        extractor.units(source(path))


def test_a_faked_page_count_is_refused_or_survived(small: Path) -> None:
    content = small.read_bytes()
    assert b"/Count 3" in content
    small.write_bytes(content.replace(b"/Count 3", b"/Count 999999999"))
    assert "page three" in extract(small)[0]
    small.write_bytes(content.replace(b"/Count 3", b"/Count 7"))
    text, extracted = extract(small)
    assert "page one" in text
    assert extracted.page_count == 7
    assert extracted.notes[0] == "Pages 4–7 could not be read and left out."


def test_no_pages_at_all(small: Path) -> None:
    content, replaced = re.subn(rb"/Kids \[[^\]]*\]", b"/Kids [ ]", small.read_bytes())
    assert replaced == 1
    small.write_bytes(content.replace(b"/Count 3", b"/Count 0"))
    with (
        PdfExtractor() as extractor,
        pytest.raises(InvalidInputError, match="hand in the complete"),
    ):
        extractor.units(source(small))


@pytest.mark.parametrize("seed", range(40))
def test_damaged_files_end_in_text_or_in_a_sentence(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    path = numbered(tmp_path / "a.pdf", 4)
    content = bytearray(path.read_bytes())
    if seed % 2:
        content = content[: dice.randrange(1, len(content))]
    else:
        for _ in range(dice.choice([1, 10, 100, 1000])):
            content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    path.write_bytes(content)
    config = PdfConfig(window_timeout=20, page_timeout=10, open_timeout=20, max_pages=100)
    try:
        text, extracted = extract(path, PdfExtractor(config))
    except RhizomeError as error:
        assert error.message.endswith((".", "again."))
    else:
        assert text.strip()
        assert extracted.page_count == len(extracted.pages)
