"""One document of a book to markdown."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from lxml import etree
from lxml.html import HtmlElement

from rhizome_pipelines.extraction.epub.archive import resolve_path
from rhizome_pipelines.extraction.epub.navigation import Heading, Navigation
from rhizome_pipelines.extraction.html import clean, parse_xhtml, serialise, to_markdown
from rhizome_pipelines.lifecycle.errors import InvalidInputError

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_NOTE_TYPES = frozenset({"footnote", "endnote", "rearnote", "note", "doc-footnote", "doc-endnote"})
_REFERENCE_TYPES = frozenset({"noteref", "doc-noteref"})
_PAGE_TYPES = frozenset({"pagebreak", "doc-pagebreak"})
_NUMBER = re.compile(r"\d{1,6}")
_NOT_IN_LABEL = re.compile(r"[^A-Za-z0-9]+")
# A page's number between two private characters travels through the converter as text.
_OPEN, _CLOSE = "\ue0f1", "\ue0f2"
_PRIVATE = re.compile(f"[{_OPEN}{_CLOSE}]")
_MARK = re.compile(rf"[ \t]?{_OPEN}(\d+){_CLOSE}[ \t]?")


@dataclass(frozen=True)
class Chapter:
    """Markdown, and where pages begin in it: (number, offset in code points), in order."""

    markdown: str
    pages: Sequence[tuple[int, int]]


def read_chapter(text: str, name: str, navigation: Navigation, names: Sequence[str]) -> Chapter:
    """Convert the document `name`; `names` are all documents, for notes across them."""
    if not text.strip():
        return Chapter("", ())
    tree = parse_xhtml(_PRIVATE.sub("", text))
    clean(tree)
    body = tree.find("body")
    if body is None:
        return Chapter("", ())
    _mark_pages(body, name, navigation)
    _add_headings(body, name, navigation)
    _rewrite_notes(body, name, {other: number for number, other in enumerate(names)})
    _unlink(body)
    return _take_marks(to_markdown(serialise(body)))


def _types(element: HtmlElement) -> frozenset[str]:
    named = f"{element.get('epub:type') or element.get('type') or ''} {element.get('role') or ''}"
    return frozenset(named.lower().split())


def _mark_pages(body: HtmlElement, name: str, navigation: Navigation) -> None:
    listed = {
        target.fragment: page
        for target, page in navigation.pages.items()
        if target.document == name
    }
    if "" in listed:
        _prepend(body, f"{_OPEN}{listed['']}{_CLOSE}")
    for element in list(body.iter(etree.Element)):
        page = listed.get(element.get("id") or "") if element.get("id") else None
        is_break = not _PAGE_TYPES.isdisjoint(_types(element))
        if page is None and is_break:
            label = element.get("title") or element.get("aria-label") or element.text or ""
            number = _NUMBER.search(label)
            page = int(number[0]) if number else None
        if is_break:
            element.text = None
        if page:
            _prepend(element, f"{_OPEN}{page}{_CLOSE}")


def _prepend(element: HtmlElement, text: str) -> None:
    element.text = text + (element.text or "")


def _add_headings(body: HtmlElement, name: str, navigation: Navigation) -> None:
    """Headings from the table of contents, where the document has none of its own."""
    if next(body.iter(*_HEADINGS), None) is not None:
        return
    for target, heading in navigation.headings.items():
        if target.document != name:
            continue
        place = body
        if target.fragment:
            place = next(
                (e for e in body.iter(etree.Element) if e.get("id") == target.fragment), body
            )
        _add_heading(body, place, heading)


def _add_heading(body: HtmlElement, place: HtmlElement, heading: Heading) -> None:
    start = place if place is body else _block_of(body, place)
    titled = next((e for e in _blocks_from(body, start) if _same(_plain(e), heading.title)), None)
    if titled is not None:
        titled.tag = f"h{heading.level}"
        return
    added = etree.Element(f"h{heading.level}")
    added.text = heading.title
    if start is body:
        if body.text and body.text.strip():
            added.tail, body.text = body.text, None
        body.insert(0, added)
    else:
        start.addprevious(added)


def _block_of(body: HtmlElement, element: HtmlElement) -> HtmlElement:
    """The paragraph or the like that the element is in: a child of the body or of a section."""
    while True:
        parent = element.getparent()
        if parent is None or parent is body or parent.tag in {"section", "div", "article"}:
            return element
        element = parent


def _blocks_from(body: HtmlElement, start: HtmlElement) -> Iterator[HtmlElement]:
    """The first few paragraphs from `start` on."""
    begun = start is body
    seen = 0
    for element in body.iter(etree.Element):
        begun = begun or element is start
        if begun and element.tag in {"p", "div"} and element.find(".//p") is None:
            if not _plain(element):
                continue
            yield element
            seen += 1
            if seen == 3:
                return


def _plain(element: HtmlElement) -> str:
    return _MARK.sub("", " ".join("".join(element.itertext()).split()))


def _same(text: str, title: str) -> bool:
    return text.casefold().strip(" .:") == title.casefold().strip(" .:")


def _rewrite_notes(body: HtmlElement, name: str, numbers: Mapping[str, int]) -> None:
    """References and notes as `[^label]`, the label made of the note's document and id."""
    for link in list(body.iter("a")):
        if _REFERENCE_TYPES.isdisjoint(_types(link)):
            continue
        label = _note_label(name, link.get("href") or "", numbers)
        if label:
            tail = link.tail
            parent = link.getparent()
            link.clear()
            link.tail = tail
            link.tag = "span"
            link.text = f"[^{label}]"
            if parent is not None and parent.tag == "sup" and len(parent) == 1:
                parent.tag = "span"
    for note in list(body.iter("aside", "li", "section", "div", "p")):
        if not note.get("id") or _NOTE_TYPES.isdisjoint(_types(note)):
            continue
        label = f"{numbers.get(name, 0)}-{_NOT_IN_LABEL.sub('-', note.get('id') or '')}"
        for back in list(note.iter("a")):
            if "doc-backlink" in _types(back) or _plain(back) in {"↩", "↩︎", "^", "↑"}:
                back.drop_tree()
        text, tail = _plain(note), note.tail
        parent = note.getparent()
        note.clear()
        note.tag, note.text, note.tail = "p", f"[^{label}]: {text}", tail
        if parent is not None and parent.tag in {"ol", "ul"}:
            parent.tag = "div"


def _note_label(name: str, reference: str, numbers: Mapping[str, int]) -> str | None:
    try:
        fragment = unquote(urlsplit(reference).fragment)
        number = numbers.get(resolve_path(name, reference))
    except (ValueError, InvalidInputError):
        return None
    if not fragment or number is None:
        return None
    return f"{number}-{_NOT_IN_LABEL.sub('-', fragment)}"


def _unlink(body: HtmlElement) -> None:
    """Links inside of the book lead nowhere in markdown; pictures become their description."""
    for link in body.iter("a"):
        target = (link.get("href") or "").lower()
        if not target.startswith(("http:", "https:", "mailto:")):
            link.attrib.pop("href", None)
    for image in list(body.iter("img", "image")):
        alt = " ".join((image.get("alt") or "").split())
        tail = image.tail
        image.clear()
        image.tag, image.tail = "span", tail
        image.text = f"[Image: {alt}]" if alt else None


def _take_marks(markdown: str) -> Chapter:
    pages: list[tuple[int, int]] = []
    pieces: list[str] = []
    length = begin = 0
    for mark in _MARK.finditer(markdown):
        piece = markdown[begin : mark.start()]
        gap = mark[0].startswith((" ", "\t")) or mark[0].endswith((" ", "\t"))
        pieces.append(piece)
        length += len(piece)
        if gap and piece and not piece.endswith(("\n", " ")):
            pieces.append(" ")
            length += 1
        pages.append((int(mark[1]), length))
        begin = mark.end()
    pieces.append(markdown[begin:])
    return Chapter("".join(pieces), pages)
