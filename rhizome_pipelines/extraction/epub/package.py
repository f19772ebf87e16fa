"""The package: what a book is, its documents in reading order (EPUB 3.3, sections 5 and 6)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lxml import etree

from rhizome_pipelines.extraction.epub.archive import BookArchive, DamagedEntryError, resolve_path
from rhizome_pipelines.lifecycle.errors import InvalidInputError

_CONTAINER = "META-INF/container.xml"
_DOCUMENT_TYPES = frozenset({"application/xhtml+xml", "text/html", "application/html"})
_NCX_TYPE = "application/x-dtbncx+xml"
_OPF = "{http://www.idpf.org/2007/opf}"


@dataclass(frozen=True)
class BookPackage:
    """`spine`: names of the text documents in reading order, each once.

    `navigation`: name of the EPUB 3 navigation document or else of the EPUB 2 `toc.ncx`.
    """

    title: str | None
    author: str | None
    language: str | None
    spine: Sequence[str]
    navigation: str | None
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class _Item:
    name: str
    media_type: str
    properties: frozenset[str]


def read_package(archive: BookArchive) -> BookPackage:
    """Raises InvalidInputError if there is no container, no package, or no text in it."""
    opf = _package_name(archive)
    try:
        root = archive.parse(opf)
    except DamagedEntryError as error:
        raise InvalidInputError(
            "The EPUB is damaged: its table of files (the package document) cannot be read."
        ) from error
    items = _manifest(root, opf)
    spine, notes = _spine(root, items, archive)
    if not spine:
        raise InvalidInputError("The EPUB is damaged: it lists no text in its reading order.")
    return BookPackage(
        title=_first(root, "title"),
        author=_authors(root),
        language=_first(root, "language"),
        spine=spine,
        navigation=_navigation(root, items),
        notes=notes,
    )


def _package_name(archive: BookArchive) -> str:
    try:
        container = archive.parse(_CONTAINER)
    except DamagedEntryError as error:
        raise InvalidInputError(
            "The file is no EPUB: META-INF/container.xml is missing or unreadable."
        ) from error
    for rootfile in container.iter("{*}rootfile"):
        name = resolve_path("", rootfile.get("full-path", ""))
        if name in archive:
            return name
    raise InvalidInputError("The EPUB is damaged: META-INF/container.xml names no package.")


def _manifest(root: etree._Element, opf: str) -> Mapping[str, _Item]:
    items = {}
    for item in root.iter("{*}item"):
        name = resolve_path(opf, item.get("href", ""))
        if name and item.get("id"):
            properties = frozenset(item.get("properties", "").split())
            items[item.get("id", "")] = _Item(name, item.get("media-type", ""), properties)
    return items


def _spine(
    root: etree._Element, items: Mapping[str, _Item], archive: BookArchive
) -> tuple[Sequence[str], Sequence[str]]:
    names: dict[str, None] = {}
    missing = 0
    for reference in root.iter("{*}itemref"):
        item = items.get(reference.get("idref", ""))
        if item is None or item.name not in archive:
            missing += 1
        elif item.media_type in _DOCUMENT_TYPES and "nav" not in item.properties:
            names[item.name] = None
    notes = [f"{missing} parts that the book lists are not in it."] if missing else []
    return list(names), notes


def _navigation(root: etree._Element, items: Mapping[str, _Item]) -> str | None:
    for item in items.values():
        if "nav" in item.properties:
            return item.name
    spine = root.find("{*}spine")
    named = items.get(spine.get("toc", "")) if spine is not None else None
    if named is not None:
        return named.name
    return next((item.name for item in items.values() if item.media_type == _NCX_TYPE), None)


def _authors(root: etree._Element) -> str | None:
    roles = {
        (meta.get("refines") or "").lstrip("#"): (meta.text or "").strip()
        for meta in root.iter("{*}meta")
        if meta.get("property") == "role"
    }
    creators = list(_elements(root, "creator"))
    authors = [
        text
        for element, text in creators
        if (element.get(f"{_OPF}role") or roles.get(element.get("id", ""), "aut")) == "aut"
    ]
    return ", ".join(dict.fromkeys(authors or [text for _, text in creators])) or None


def _first(root: etree._Element, name: str) -> str | None:
    return next((text for _, text in _elements(root, name)), None)


def _elements(root: etree._Element, name: str) -> Iterator[tuple[etree._Element, str]]:
    """Dublin Core elements that have a text."""
    for element in root.iter(f"{{http://purl.org/dc/elements/1.1/}}{name}"):
        text = " ".join("".join(map(str, element.itertext())).split())
        if text:
            yield element, text
