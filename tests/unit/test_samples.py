"""The samples are complete, and the built ones are what their sources say."""

import runpy
import tomllib
import unicodedata
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from lxml import etree

from rhizome_pipelines.lifecycle.documents import SourceType

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
LISTING = tomllib.loads((SAMPLES / "documents.toml").read_text(encoding="utf-8"))["document"]
XHTML = "{http://www.w3.org/1999/xhtml}"
EPUB_TYPE = "{http://www.idpf.org/2007/ops}type"


@pytest.fixture(scope="module")
def builder() -> Mapping[str, Any]:
    return runpy.run_path(str(SAMPLES / "build.py"))


@pytest.fixture(scope="module")
def built(builder: Mapping[str, Any]) -> Mapping[str, bytes]:
    return builder["build"]()


def _pdf_pages(content: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(content)
    pages = [page.get_textpage().get_text_range() for page in document]
    document.close()
    return pages


def test_every_source_type_is_among_the_samples() -> None:
    assert {entry["source_type"] for entry in LISTING} == set(SourceType)


def test_the_listing_names_every_document_once() -> None:
    documents = {
        path.name for path in SAMPLES.iterdir() if path.suffix in {".pdf", ".epub", ".html", ".txt"}
    } | {path.name for path in SAMPLES.glob("*.md") if path.name != "README.md"}
    assert sorted(entry["file"] for entry in LISTING) == sorted(documents)


@pytest.mark.parametrize("entry", LISTING, ids=lambda entry: entry["file"])
def test_a_url_belongs_to_what_comes_from_the_web(entry: Mapping[str, str]) -> None:
    from_the_web = entry["source_type"] in {SourceType.WEB_URL, SourceType.YOUTUBE}
    assert ("url" in entry) == from_the_web
    assert entry["title"]
    assert (SAMPLES / entry["file"]).stat().st_size < 100_000


def test_rebuilding_gives_the_committed_bytes(built: Mapping[str, bytes]) -> None:
    for name, content in built.items():
        if not name.endswith(".pdf"):
            assert content == (SAMPLES / name).read_bytes(), name


def test_rebuilding_gives_the_committed_pdf_text(built: Mapping[str, bytes]) -> None:
    """Its bytes may change with the version of reportlab."""
    name = "against-forgetting.pdf"
    assert _pdf_pages(built[name]) == _pdf_pages((SAMPLES / name).read_bytes())


def test_building_twice_gives_the_same_bytes(
    builder: Mapping[str, Any], built: Mapping[str, bytes]
) -> None:
    assert builder["build"]() == built


def test_the_pdf_has_what_makes_pdfs_hard(built: Mapping[str, bytes]) -> None:
    pages = _pdf_pages(built["against-forgetting.pdf"])
    divided = sum(page.count("\ufffe") + page.count("-\r\n") for page in pages)
    assert len(pages) >= 4
    assert all(page.startswith("Against Forgetting · Rhizome samples") for page in pages[1:])
    assert all(str(number) in page.split() for number, page in enumerate(pages, start=1))
    assert divided >= 5
    assert "Work saved on relearning" in pages[0] + pages[1]
    assert "■" not in "".join(pages), "a character that the PDF's standard fonts lack"
    document = pypdfium2.PdfDocument(built["against-forgetting.pdf"])
    levels = [(entry.level, entry.get_title()) for entry in document.get_toc()]
    document.close()
    assert levels[0] == (0, "Against Forgetting")
    assert [level for level, _ in levels[1:]] == [1] * 6


def test_the_epub_is_well_formed_and_has_nav_table_and_footnote(
    built: Mapping[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "book.epub"
    path.write_bytes(built["what-is-kept.epub"])
    with zipfile.ZipFile(path) as book:
        assert book.namelist()[0] == "mimetype"
        assert book.getinfo("mimetype").compress_type == zipfile.ZIP_STORED
        chapters = [
            etree.fromstring(book.read(f"EPUB/chapter-{number}.xhtml")) for number in (1, 2, 3)
        ]
        nav = etree.fromstring(book.read("EPUB/nav.xhtml"))
        package = etree.fromstring(book.read("EPUB/package.opf"))
    assert [link.get("href") for link in nav.iter(f"{XHTML}a")] == [
        f"chapter-{number}.xhtml" for number in (1, 2, 3)
    ]
    assert [chapter.findtext(f".//{XHTML}h1") for chapter in chapters] == [
        "The rubbish heap and the library",
        "The art of throwing away",
        "Lots of copies",
    ]
    assert chapters[1].find(f".//{XHTML}table") is not None
    assert chapters[0].find(f".//{XHTML}aside").get(EPUB_TYPE) == "footnote"
    assert package.findtext(".//{http://purl.org/dc/elements/1.1/}title") == "What Is Kept"


def test_the_export_is_a_mess_of_its_clean_source(built: Mapping[str, bytes]) -> None:
    export = built["undivided.export.md"].decode()
    lines = export.splitlines()
    assert sum(line.endswith("-") for line in lines) >= 5
    assert {"1", "2", "UNDIVIDED"} <= set(lines)
    assert ".  " in export


def test_the_markdown_has_what_offsets_trip_over() -> None:
    text = (SAMPLES / "under-the-forest.md").read_text(encoding="utf-8")
    assert text.startswith("---\n")
    assert any(ord(character) > 0xFFFF for character in text)
    assert any(unicodedata.combining(character) for character in text)
    assert "\n# The comparison" in text
    assert "\n## not a heading" in text


def test_the_text_is_hard_wrapped() -> None:
    lines = (SAMPLES / "in-praise-of-forgetting.txt").read_text(encoding="utf-8").splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith("CHAPTER ") for line in lines) == 4
