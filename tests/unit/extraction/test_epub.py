"""EPUB books: the way along the spine, and what hostile or damaged ones come to."""

import io
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import pytest

from rhizome_pipelines.extraction.config import EpubConfig
from rhizome_pipelines.extraction.epub.extractor import EpubExtractor
from rhizome_pipelines.extraction.extractor import Extracted, Source
from rhizome_pipelines.lifecycle.documents import SourceType
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PermanentError, RhizomeError

CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
)
OPF = """<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">
<metadata><dc:title>On rivers</dc:title><dc:creator id="a">Ann Brook</dc:creator>
<dc:creator id="b">Ed Itor</dc:creator><meta refines="#b" property="role">edt</meta>
<dc:language>en-GB</dc:language></metadata>
<manifest><item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="c1" href="one.xhtml" media-type="application/xhtml+xml"/>
<item id="c2" href="two%20b.xhtml" media-type="application/xhtml+xml"/></manifest>
<spine><itemref idref="nav"/><itemref idref="c1"/><itemref idref="c2"/></spine></package>"""
NAV = """<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"><body>
<nav epub:type="toc"><ol><li><a href="one.xhtml">Source</a></li>
<li><a href="two%20b.xhtml">Delta</a><ol><li><a href="two%20b.xhtml#m">Mouth</a></li></ol></li>
</ol></nav><nav epub:type="page-list"><ol><li><a href="one.xhtml#p1">1</a></li>
<li><a href="two%20b.xhtml#p2">2</a></li></ol></nav></body></html>"""
XHTML = (
    '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html>'
    '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops">'
    "<head><title/></head><body>{}</body></html>"
)
ONE = XHTML.format(
    '<p><span id="p1"/>A spring&nbsp;rises 🌊<a epub:type="noteref" href="#n1">1</a>, see '
    '<a href="two%20b.xhtml">there</a>.</p><img src="a.png" alt="A map"/>'
    "<table><tr><th>km</th><th>m</th></tr><tr><td>1</td><td>2</td></tr></table>"
    "<pre># no heading\n&lt;b&gt;</pre><p>Type &lt;div&gt; here.</p>"
    '<aside epub:type="footnote" id="n1"><p>In the <em>hills</em>.</p></aside>'
)
TWO = XHTML.format(
    '<p class="head">DELTA</p><p>It <span id="p2" epub:type="pagebreak" title="2"/>spreads.</p>'
    '<p id="m">It ends.</p>'
)
BOOK: Mapping[str, str | bytes] = {
    "META-INF/container.xml": CONTAINER,
    "OEBPS/book.opf": OPF,
    "OEBPS/nav.xhtml": NAV,
    "OEBPS/one.xhtml": ONE,
    "OEBPS/two b.xhtml": TWO,
}


def archive(tmp_path: Path, entries: Mapping[str, str | bytes | None]) -> Path:
    path = tmp_path / "book.epub"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name, data in {**BOOK, **entries}.items():
            if data is not None:
                book.writestr(name, data)
    return path


def extract(path: Path, config: EpubConfig | None = None) -> tuple[str, Extracted]:
    extractor = EpubExtractor(config or EpubConfig())
    source = Source(UUID(int=1), SourceType.EPUB, path=path)
    parts = [
        (unit, extractor.work(source, unit, lambda _fraction, _details: None))
        for unit in extractor.units(source)
    ]
    content = io.StringIO()
    extracted = extractor.assemble(source, iter(parts), content, path.parent)
    return content.getvalue(), extracted


def test_a_book_becomes_markdown(tmp_path: Path) -> None:
    text, extracted = extract(archive(tmp_path, {}))
    assert text.startswith("# Source\n\nA spring rises 🌊[^0-n1], see there.\n")
    assert "[Image: A map]" in text
    assert "| km | m |" in text
    assert "```\n# no heading\n<b>\n```" in text
    assert "Type \\<div> here." in text
    assert "[^0-n1]: In the hills." in text
    assert "# DELTA\n\nIt spreads.\n\n## Mouth\n\nIt ends." in text
    assert (extracted.title, extracted.author, extracted.language) == (
        "On rivers",
        "Ann Brook",
        "en-GB",
    )


def test_pages_are_found_where_the_book_marks_them(tmp_path: Path) -> None:
    text, extracted = extract(archive(tmp_path, {}))
    assert extracted.page_count == 2
    assert [(page.page, text[page.offset :][:7]) for page in extracted.pages] == [
        (1, "A sprin"),
        (2, "spreads"),
    ]


def test_units_do_not_change_the_text(tmp_path: Path) -> None:
    path = archive(tmp_path, {})
    whole, small = EpubConfig(), EpubConfig(unit_bytes=1)
    source = Source(UUID(int=1), SourceType.EPUB, path=path)
    assert len(EpubExtractor(whole).units(source)) == 1
    assert [unit.key for unit in EpubExtractor(small).units(source)] == [
        "documents-000001-000001",
        "documents-000002-000002",
    ]
    assert extract(path, whole) == extract(path, small)


def test_broken_markup_is_mended(tmp_path: Path) -> None:
    text, _ = extract(archive(tmp_path, {"OEBPS/one.xhtml": "<p>open <b>bold<p>next & last"}))
    assert "open **bold**" in text
    assert "next & last" in text


def test_a_missing_chapter_is_told(tmp_path: Path) -> None:
    text, extracted = extract(archive(tmp_path, {"OEBPS/one.xhtml": None}))
    assert "It spreads." in text
    assert extracted.notes == ["1 parts that the book lists are not in it."]


def test_a_chapter_that_cannot_be_unpacked_is_left_out(tmp_path: Path) -> None:
    path = archive(tmp_path, {})
    with zipfile.ZipFile(path) as book:
        info = book.getinfo("OEBPS/one.xhtml")
    data = bytearray(path.read_bytes())
    start = info.header_offset + 30 + len(info.filename)
    data[start : start + 40] = b"\xff" * 40
    path.write_bytes(data)
    text, extracted = extract(path)
    assert "It spreads." in text
    assert extracted.notes == ["The book's file 'OEBPS/one.xhtml' is damaged. It was left out."]


def test_entities_in_a_chapter_never_expand(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE html [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]>'
    text, _ = extract(
        archive(tmp_path, {"OEBPS/one.xhtml": f"{bomb}<html><body><p>x &b; y</p></body></html>"})
    )
    assert "lol" not in text
    assert "x &b; y" in text


ENTITY = '<!DOCTYPE package [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
DRM = (
    '<encryption xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData>'
    '<enc:EncryptionMethod Algorithm="{}"/><enc:CipherData><enc:CipherReference URI="{}"/>'
    "</enc:CipherData></enc:EncryptedData></encryption>"
)
AES = "http://www.w3.org/2001/04/xmlenc#aes256-cbc"


@pytest.mark.parametrize(
    ("entries", "error", "words"),
    [
        ({"../../etc/passwd": b"x"}, InvalidInputError, "outside of itself"),
        ({"/etc/passwd": b"x"}, InvalidInputError, "outside of itself"),
        (
            {"OEBPS/book.opf": OPF.replace("one.xhtml", "../../../etc/passwd")},
            InvalidInputError,
            "outside of itself",
        ),
        ({"OEBPS/book.opf": ENTITY + OPF}, InvalidInputError, "declares entities"),
        ({"META-INF/container.xml": None}, InvalidInputError, "container.xml is missing"),
        ({"META-INF/container.xml": "<container/>"}, InvalidInputError, "names no package"),
        ({"OEBPS/book.opf": "no xml"}, InvalidInputError, "package document"),
        ({"OEBPS/book.opf": "<package/>"}, InvalidInputError, "no text"),
        ({"OEBPS/zeros.bin": bytes(5_000_000)}, InvalidInputError, "ZIP bomb"),
        ({"META-INF/encryption.xml": DRM.format(AES, "OEBPS/one.xhtml")}, PermanentError, "DRM"),
    ],
)
def test_what_is_refused(
    tmp_path: Path,
    entries: Mapping[str, str | bytes | None],
    error: type[RhizomeError],
    words: str,
) -> None:
    with pytest.raises(error, match=words) as caught:
        extract(archive(tmp_path, entries))
    assert type(caught.value) is error


def test_disguised_fonts_are_no_drm(tmp_path: Path) -> None:
    fonts = DRM.format("http://www.idpf.org/2008/embedding", "OEBPS/font.otf")
    assert "spring" in extract(archive(tmp_path, {"META-INF/encryption.xml": fonts}))[0]


def test_ten_gigabytes_of_zeros_are_refused_unread(tmp_path: Path) -> None:
    path = archive(tmp_path, {"OEBPS/one.xhtml": bytes(1000)})
    with zipfile.ZipFile(path, "a") as book:
        book.getinfo("OEBPS/one.xhtml").file_size = 10_000_000_000
        book.writestr("OEBPS/other", "x")  # the list of entries is written anew
    with pytest.raises(InvalidInputError, match="ZIP bomb"):
        extract(path)


def test_an_entry_that_lies_about_its_size_is_left_out(tmp_path: Path) -> None:
    path = archive(tmp_path, {"OEBPS/one.xhtml": b"<p>" + bytes(10_000_000)})
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"OEBPS/one.xhtml") - 46
    struct.pack_into("<I", data, entry + 24, 500)
    path.write_bytes(data)
    _, extracted = extract(path)
    assert extracted.notes == ["The book's file 'OEBPS/one.xhtml' is damaged. It was left out."]


def test_two_different_chapters_of_one_name_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with zipfile.ZipFile(path, "a") as book:
            book.writestr("OEBPS/one.xhtml", "<p>another</p>")
    with pytest.raises(InvalidInputError, match="twice"):
        extract(path)


@pytest.mark.parametrize("data", [b"%PDF-1.4", b"<html>", b"PK\x03\x04 cut off", b"\x00" * 100])
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "book.epub"
    path.write_bytes(data)
    with pytest.raises(InvalidInputError, match="no EPUB"):
        extract(path)


def test_a_missing_or_empty_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="missing"):
        extract(tmp_path / "none.epub")
    (tmp_path / "empty.epub").touch()
    with pytest.raises(InvalidInputError, match="empty"):
        extract(tmp_path / "empty.epub")


def test_too_large_a_book_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, {})
    for config, words in [
        (EpubConfig(max_file_bytes=10), "limit"),
        (EpubConfig(max_entries=3), "5 files inside"),
        (EpubConfig(max_text_bytes=100), "The book's text"),
        (EpubConfig(max_document_bytes=100), "limit"),
    ]:
        with pytest.raises(InvalidInputError, match=words):
            extract(path, config)
