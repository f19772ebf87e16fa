"""The source type of what a person names."""

import zipfile
from pathlib import Path

import pytest

from rhizome_pipelines.extraction.detect import detect_source
from rhizome_pipelines.lifecycle.documents import SourceType
from rhizome_pipelines.lifecycle.errors import InvalidInputError


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com/a.pdf", SourceType.WEB_URL),
        ("HTTP://EXAMPLE.COM", SourceType.WEB_URL),
        ("https://www.youtube.com/watch?v=abcdefghijk&t=3", SourceType.YOUTUBE),
        ("https://youtu.be/abcdefghijk?si=x", SourceType.YOUTUBE),
        ("https://m.youtube.com/shorts/abcdefghijk", SourceType.YOUTUBE),
        ("https://www.youtube.com/@channel", SourceType.WEB_URL),
        ("https://notyoutube.com/watch?v=abcdefghijk", SourceType.WEB_URL),
    ],
)
def test_addresses(url: str, expected: SourceType) -> None:
    assert detect_source(url) is expected


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.pdf", b"%PDF-1.7\n", SourceType.PDF),
        ("a", b"junk\n%PDF-1.7\n", SourceType.TXT),
        ("a.bin", b"\x00\x00%PDF-1.7\n", SourceType.PDF),
        ("a.txt", b"%PDF-1.7\n", SourceType.PDF),
        ("a.md", b"# one", SourceType.MARKDOWN_ASIS),
        ("a.MARKDOWN", b"# one", SourceType.MARKDOWN_ASIS),
        ("a.md", b"<html> in markdown", SourceType.MARKDOWN_ASIS),
        ("a.txt", "Größe".encode("utf-16"), SourceType.TXT),
        ("README", b"text", SourceType.TXT),
        ("a.html", b"<p>x", SourceType.WEB_URL),
        ("page", b"<!-- saved --><!DOCTYPE html><p>x", SourceType.WEB_URL),
    ],
)
def test_files(tmp_path: Path, name: str, data: bytes, expected: SourceType) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert detect_source(path) is expected
    assert detect_source(str(path)) is expected


@pytest.mark.parametrize("name", ["a.epub", "a.zip", "a.pdf"])
def test_an_epub_is_told_by_its_container(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / name, "w") as book:
        book.writestr("META-INF/container.xml", "<container/>")
    assert detect_source(tmp_path / name) is SourceType.EPUB


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.pdf", b"<!doctype html><title>Log in</title>", "is no PDF, but a web page"),
        ("a.pdf", b"GIF89a", "is no PDF, whatever"),
        ("a.epub", b"<html></html>", "is no EPUB, but a web page"),
        ("a.epub", b"PK\x03\x04 cut", "damaged EPUB"),
        ("a.docx", b"PK\x03\x04 cut", "archive or an office file"),
        ("a.txt", b"\x89PNG\r\n", "a picture"),
        ("a.txt", b"", "empty"),
        ("a.mp3", b"ID3", "Supported are PDF, EPUB"),
        ("a.html", b"", "empty"),
    ],
)
def test_what_is_not_what_it_says(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InvalidInputError, match=words):
        detect_source(tmp_path / name)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("none.pdf", "does not exist"),
        (".", "is a folder"),
        ("ftp://example.com/a", "ftp:// cannot be fetched"),
        ("file:///etc/passwd", "file:// cannot be fetched"),
        ("http://", "does not name a host"),
        ("https:///page", "does not name a host"),
        ("http://:80/", "does not name a host"),
        ("http://./", "does not name a host"),
        ("http://two words/", "does not name a host"),
        ("http://example.org:99999/", "does not name a host"),
        ("http://[::1", "does not name a host"),
        ("nul\x00.txt", "'nul"),
        ("x" * 5000, "xxx"),
    ],
)
def test_what_cannot_be_read(named: str, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        detect_source(named)


def test_many_comments_before_html_take_no_time(tmp_path: Path) -> None:
    path = tmp_path / "page"
    path.write_bytes(b"<!---->" * 1000 + b"<no")
    assert detect_source(path) is SourceType.TXT
