"""A book's table of contents and page list (EPUB 3.3, section 7; EPUB 2's NCX)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from lxml import etree

from rhizome_pipelines.extraction.epub.archive import BookArchive, DamagedEntryError, resolve_path
from rhizome_pipelines.lifecycle.errors import InvalidInputError

_TYPE = "{http://www.idpf.org/2007/ops}type"
_MAX_ENTRIES = 50_000
_MAX_DEPTH = 6


@dataclass(frozen=True)
class Target:
    """A place in a document: an element's id, or "" for its beginning."""

    document: str
    fragment: str


@dataclass(frozen=True)
class Heading:
    """An entry of the table of contents; `level` from 1, at most 6."""

    level: int
    title: str


@dataclass(frozen=True)
class Navigation:
    """What stands where. `pages` are numbers; pages with other names (iv) are left out."""

    headings: Mapping[Target, Heading] = field(default_factory=dict)
    pages: Mapping[Target, int] = field(default_factory=dict)


def read_navigation(archive: BookArchive, name: str | None) -> Navigation:
    """Empty where there is none, or a damaged one: books can be read without."""
    if name is None:
        return Navigation()
    try:
        root = archive.parse(name)
    except DamagedEntryError:
        return Navigation()
    headings: dict[Target, Heading] = {}
    pages: dict[Target, int] = {}
    found = _ncx(root) if etree.QName(root).localname == "ncx" else _nav(root)
    for number, (level, title, reference) in enumerate(found):
        if number >= _MAX_ENTRIES:
            break
        target = _target(name, reference)
        if target is None or not title:
            continue
        if level:
            headings.setdefault(target, Heading(min(level, _MAX_DEPTH), title))
        elif title.isascii() and title.isdecimal() and int(title[:9]) > 0:
            pages.setdefault(target, int(title[:9]))
    return Navigation(headings, pages)


def _target(name: str, reference: str) -> Target | None:
    try:
        fragment = unquote(urlsplit(reference).fragment)
        document = resolve_path(name, reference)
    except (ValueError, InvalidInputError):
        return None
    return Target(document, fragment) if document else None


def _nav(root: etree._Element) -> Iterator[tuple[int, str, str]]:
    """(level, title, reference); level 0 for pages."""
    for nav in root.iter("{*}nav"):
        kinds = (nav.get(_TYPE) or "").split()
        if "toc" in kinds:
            for link in nav.iter("{*}a"):
                depth = sum(1 for _ in link.iterancestors("{*}ol"))
                yield max(depth, 1), _text(link), link.get("href", "")
        elif "page-list" in kinds:
            for link in nav.iter("{*}a"):
                yield 0, _text(link), link.get("href", "")


def _ncx(root: etree._Element) -> Iterator[tuple[int, str, str]]:
    for point in root.iter("{*}navPoint", "{*}pageTarget"):
        label = point.find("{*}navLabel")
        content = point.find("{*}content")
        if label is None or content is None:
            continue
        is_page = etree.QName(point).localname == "pageTarget"
        level = 0 if is_page else 1 + sum(1 for _ in point.iterancestors("{*}navPoint"))
        yield level, _text(label), content.get("src", "")


def _text(element: etree._Element) -> str:
    return " ".join("".join(map(str, element.itertext())).split())
