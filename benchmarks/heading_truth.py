"""The true headings of a manual, from the EPUB or HTML page that has the same text."""

import posixpath
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from lxml import etree, html

from benchmarks.heading_quality import Heading

HEADING = re.compile(r"h([1-6])")
SECTION_NUMBER = re.compile(r"\s*(?:(chapter|appendix)\s+)?((?:\d+|[A-Z])(?:\.\d+)*)\.?\s", re.I)
BOXES = frozenset({"caution", "important", "note", "tip", "warning", "toc", "footnote"})
"""Classes of what has headings of its own that are none of the text's."""
OUTSIDE = frozenset({"contents-heading", "settitle", "footnotes-heading"})
"""Classes of headings that are not part of the text, or are there twice."""
FRONT_MATTER = re.compile(r"(^|/)(nav|toc|bk01-toc|cover|genindex|index)\.x?html$")
"""Documents of an EPUB that the PDF does not have as such: contents, cover, index."""
CONTAINER = "{urn:oasis:names:tc:opendocument:xmlns:container}"
OPF = "{http://www.idpf.org/2007/opf}"


def true_headings(path: Path) -> list[Heading]:
    """Headings in the order of the text.

    Levels are those of the section numbers where there are any, else those of the elements:
    some books mark up every section as `h1`.
    """
    if path.suffix != ".epub":
        return list(_headings(path.read_bytes()))
    with zipfile.ZipFile(path) as book:
        return [
            heading
            for name in _spine(book)
            if not FRONT_MATTER.search(name)
            for heading in _headings(book.read(name))
        ]


def _headings(page: bytes) -> Iterator[Heading]:
    parser = html.HTMLParser(encoding="utf-8")
    for element in html.fromstring(page, parser=parser).iter():
        match = HEADING.fullmatch(element.tag) if isinstance(element.tag, str) else None
        if match is None or _outside(element):
            continue
        title = " ".join("".join(map(str, element.itertext())).replace("¶", " ").split())
        if title:
            yield _level(title, int(match[1])), title


def _outside(element: etree._Element) -> bool:
    own = set((element.get("class") or "").split())
    around = {name for one in element.iterancestors() for name in (one.get("class") or "").split()}
    return bool(own & OUTSIDE or around & BOXES)


def _level(title: str, marked: int) -> int:
    number = SECTION_NUMBER.match(f"{title} ")
    return 1 + number[2].count(".") if number else marked


def _spine(book: zipfile.ZipFile) -> Iterator[str]:
    container = etree.fromstring(book.read("META-INF/container.xml"))
    package_path = str(next(container.iter(f"{CONTAINER}rootfile")).attrib["full-path"])
    package = etree.fromstring(book.read(package_path))
    names = {item.attrib["id"]: str(item.attrib["href"]) for item in package.iter(f"{OPF}item")}
    for reference in package.iter(f"{OPF}itemref"):
        yield posixpath.join(posixpath.dirname(package_path), names[reference.attrib["idref"]])
