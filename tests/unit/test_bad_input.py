"""Each bad file is bad in the way it says."""

import gzip
import re
import zipfile
from pathlib import Path

import pypdfium2
import pytest
from lxml import etree

from tests import bad_input
from tests.zero_bomb import gzipped_zeros

PDF_PASSWORD_ERROR = 4
"""FPDF_ERR_PASSWORD of PDFium's fpdfview.h."""


def _text(path: Path, password: str | None = None) -> str:
    document = pypdfium2.PdfDocument(path, password=password)
    text = "".join(page.get_textpage().get_text_range() for page in document)
    document.close()
    return text


def test_empty_and_blank_files_hold_no_text(tmp_path: Path) -> None:
    assert bad_input.empty_file(tmp_path).stat().st_size == 0
    blank = bad_input.blank_text(tmp_path)
    assert blank.stat().st_size > 0
    assert not blank.read_text().strip()


def test_the_unsupported_type_is_not_text(tmp_path: Path) -> None:
    path = bad_input.unsupported_type(tmp_path)
    assert path.suffix == ".xyz"
    with pytest.raises(UnicodeDecodeError):
        path.read_text(encoding="utf-8")


def test_encodings(tmp_path: Path) -> None:
    text = bad_input.SENTENCE * 20
    with_bom = bad_input.utf16_with_bom(tmp_path).read_bytes()
    without = bad_input.utf16_without_bom(tmp_path).read_bytes()
    assert with_bom.startswith((b"\xff\xfe", b"\xfe\xff"))
    assert with_bom.decode("utf-16") == text
    assert not without.startswith((b"\xff\xfe", b"\xfe\xff"))
    assert without.decode("utf-16-le") == text
    assert bad_input.latin1_text(tmp_path).read_text(encoding="latin-1") == text


@pytest.mark.parametrize("build", [bad_input.latin1_text, bad_input.broken_utf8])
def test_what_is_not_utf8_cannot_be_read_as_such(build, tmp_path: Path) -> None:
    with pytest.raises(UnicodeDecodeError):
        build(tmp_path).read_text(encoding="utf-8")


def test_nuls_stand_in_valid_utf8(tmp_path: Path) -> None:
    text = bad_input.text_with_nuls(tmp_path).read_text(encoding="utf-8")
    assert text.count("\0") == 20
    assert text.replace("\0", "") == bad_input.SENTENCE * 20


@pytest.mark.parametrize("build", [bad_input.html_named_pdf, bad_input.pdf_header_alone])
def test_what_is_no_pdf_does_not_open(build, tmp_path: Path) -> None:
    with pytest.raises(pypdfium2.PdfiumError):
        pypdfium2.PdfDocument(build(tmp_path))


def test_the_truncated_pdf_has_lost_its_trailer(tmp_path: Path) -> None:
    content = bad_input.truncated_pdf(tmp_path).read_bytes()
    assert content.startswith(b"%PDF-")
    assert b"startxref" not in content
    assert b"%%EOF" not in content


def test_the_encrypted_pdf_opens_with_its_password_only(tmp_path: Path) -> None:
    path = bad_input.encrypted_pdf(tmp_path)
    with pytest.raises(pypdfium2.PdfiumError) as refused:
        pypdfium2.PdfDocument(path)
    assert refused.value.err_code == PDF_PASSWORD_ERROR
    assert "Known to those" in _text(path, bad_input.PDF_PASSWORD)


def test_bits_are_flipped_and_by_seed(tmp_path: Path) -> None:
    good = (bad_input.SAMPLES / "against-forgetting.pdf").read_bytes()
    first = bad_input.bit_flipped_pdf(tmp_path, seed=1).read_bytes()
    again = bad_input.bit_flipped_pdf(tmp_path, seed=1).read_bytes()
    other = bad_input.bit_flipped_pdf(tmp_path, seed=2).read_bytes()
    flipped = sum((a ^ b).bit_count() for a, b in zip(good, first, strict=True))
    assert flipped == 200
    assert first == again
    assert first != other
    assert first.startswith(b"%PDF-")


def test_the_pdf_of_drawings_has_pages_and_no_text(tmp_path: Path) -> None:
    path = bad_input.pdf_without_text(tmp_path)
    document = pypdfium2.PdfDocument(path)
    pages = len(document)
    document.close()
    assert pages == 3
    assert not _text(path).strip()


def test_the_truncated_epub_has_lost_its_directory(tmp_path: Path) -> None:
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(bad_input.truncated_epub(tmp_path))


def test_the_zip_named_epub_has_no_container(tmp_path: Path) -> None:
    with zipfile.ZipFile(bad_input.zip_named_epub(tmp_path)) as archive:
        assert "META-INF/container.xml" not in archive.namelist()


def test_paths_escape_from_entries_and_manifest(tmp_path: Path) -> None:
    with zipfile.ZipFile(bad_input.epub_with_escaping_paths(tmp_path)) as archive:
        assert {"../escaped.xhtml", "/escaped.xhtml"} <= set(archive.namelist())
        package = archive.read("EPUB/package.opf").decode()
    assert 'href="../../../../../../etc/passwd"' in package
    assert 'href="file:///etc/passwd"' in package


def test_the_entity_bomb_expands_to_gigabytes(tmp_path: Path) -> None:
    with zipfile.ZipFile(bad_input.epub_with_entity_bomb(tmp_path)) as archive:
        chapter = archive.read("EPUB/chapter.xhtml").decode()
    sizes: dict[str, int] = {}
    for name, value in re.findall(r'<!ENTITY (\w+) "([^"]*)">', chapter):
        named = re.findall(r"&(\w+);", value)
        sizes[name] = sum(sizes[inner] for inner in named) if named else len(value)
    (used,) = re.findall(r"<p>&(\w+);</p>", chapter)
    assert sizes[used] == 3 * 10**9
    assert len(chapter) < 2_000


def test_the_external_entity_names_a_file_that_exists(tmp_path: Path) -> None:
    with zipfile.ZipFile(bad_input.epub_with_external_entity(tmp_path)) as archive:
        chapter = archive.read("EPUB/chapter.xhtml")
    careless = etree.XMLParser(load_dtd=True, resolve_entities=True)
    assert "treasure" in "".join(etree.fromstring(chapter, careless).itertext())


def test_the_book_with_drm_says_what_is_encrypted(tmp_path: Path) -> None:
    with zipfile.ZipFile(bad_input.epub_with_drm(tmp_path)) as archive:
        assert b'URI="EPUB/chapter.xhtml"' in archive.read("META-INF/encryption.xml")
        with pytest.raises(etree.XMLSyntaxError):
            etree.fromstring(archive.read("EPUB/chapter.xhtml"))


def test_the_zero_bomb_is_small_on_disk_and_huge_inside(tmp_path: Path) -> None:
    path = bad_input.epub_with_zero_bomb(tmp_path)
    assert path.stat().st_size < 12_000_000
    with zipfile.ZipFile(path) as archive:
        assert archive.getinfo("EPUB/chapter.xhtml").file_size == 10 * bad_input.GIBIBYTE
        assert archive.read("mimetype") == b"application/epub+zip"
        with archive.open("EPUB/chapter.xhtml") as chapter:
            assert chapter.read(1_000_000) == bytes(1_000_000)


def test_a_smaller_zero_bomb_unpacks_with_the_right_checksum(tmp_path: Path) -> None:
    size = 3 * 16 * 2**20 + 12_345
    with zipfile.ZipFile(bad_input.epub_with_zero_bomb(tmp_path, size)) as archive:
        assert archive.testzip() is None
        assert len(archive.read("EPUB/chapter.xhtml")) == size


def test_a_bomb_may_lie_about_its_size(tmp_path: Path) -> None:
    size = 16 * 2**20
    with zipfile.ZipFile(bad_input.epub_with_zero_bomb(tmp_path, size, declared=1000)) as archive:
        info = archive.getinfo("EPUB/chapter.xhtml")
        assert info.file_size == 1000
        assert info.compress_size < size // 500


def test_the_gzipped_zeros_unpack_with_the_right_checksum() -> None:
    size = 16 * 2**20 + 77
    packed = gzipped_zeros(size)
    assert len(packed) < size // 500
    assert gzip.decompress(packed) == bytes(size)
