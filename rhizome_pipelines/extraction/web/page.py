"""The text of a page: its main part if that can be told, otherwise the whole of it."""

import re
from dataclasses import dataclass

import trafilatura
from lxml.html import Element, HtmlElement, XHTMLParser, document_fromstring

from rhizome_pipelines.extraction.html import (
    clean,
    parse_html,
    serialise,
    to_markdown,
    visible_text,
)
from rhizome_pipelines.extraction.html_pieces import PIECE, split_html
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.markdown.titles import plain_title

MAX_MAIN_TEXT = 500_000
"""Bytes. The search for the main text takes time that grows faster than the page (2 s here)."""
MIN_MAIN_TEXT = 500
"""Visible characters. In less than this there is nothing to search; headings would be lost."""
_AROUND = ("nav", "footer", "aside", "form", "header", "dialog", "button", "select")
_INLINE = frozenset(
    {"p", "a", "i", "b", "em", "strong", "span", "h1", "h2", "h3", "h4", "h5", "h6"}
)
_LINES = frozenset({"li", "td", "th", "dt", "dd", "blockquote"})
_MARGINS = frozenset({"navigation", "banner", "contentinfo", "complementary", "search", "dialog"})
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")


@dataclass(frozen=True)
class PageText:
    """A page as markdown, with what it says of itself."""

    markdown: str
    title: str | None
    author: str | None
    language: str | None
    notes: tuple[str, ...] = ()


def read_page(html: str, url: str | None, min_kept_share: float) -> PageText:
    """Markdown of a page. Raises InvalidInputError if it has no text without scripts."""
    pieces = [html] if len(html) <= 2 * PIECE else split_html(html)
    head: _Head | None = None
    wholes: list[str] = []
    around = 0
    for piece in pieces:
        tree = parse_html(piece)
        head = head or _Head(_page_title(tree), _language(tree))
        whole, visible = _whole_page(tree, url)
        around += visible
        wholes.append(whole)
    main = _main_text(html, url) if len(html) <= MAX_MAIN_TEXT else None
    notes: tuple[str, ...] = ()
    if around < MIN_MAIN_TEXT:
        markdown = "\n".join(map(to_markdown, wholes))
    elif main is not None and len(visible_text(main.tree)) >= min_kept_share * around:
        markdown = _under_title(main.title, to_markdown(serialise(main.tree)))
    else:
        markdown = "\n".join(map(to_markdown, wholes))
        notes = ("The whole page was taken, as its main text could not be told for sure.",)
    if not any(map(str.isalnum, markdown)):
        raise InvalidInputError(
            "The page has no text of its own: it may need scripts or a login. Open it in your "
            "browser, save or copy its text, and add that."
        )
    return PageText(
        markdown=markdown,
        title=(main.title if main else None) or (head.title if head else None),
        author=main.author if main else None,
        language=head.language if head else None,
        notes=notes,
    )


def _under_title(title: str | None, markdown: str) -> str:
    """The search takes some pages' first heading for the title alone."""
    name = plain_title(title or "")
    return markdown if not name or markdown.startswith("#") else f"# {name}\n\n{markdown}"


@dataclass(frozen=True)
class _Head:
    title: str | None
    language: str | None


@dataclass(frozen=True)
class _MainText:
    tree: HtmlElement
    title: str | None
    author: str | None


def _main_text(html: str, url: str | None) -> _MainText | None:
    page = parse_html(html)
    for block in page.iter("pre"):
        _wrap_code(block)
    document = trafilatura.extract_with_metadata(
        page,
        url=url,
        output_format="html",
        include_links=True,
        include_formatting=True,
        include_tables=True,
        include_comments=False,
    )
    if document is None or not document.text:
        return None
    # It is XML, with <pre> inside of <p>: as HTML it would be read otherwise.
    parser = XHTMLParser(resolve_entities=False, no_network=True, recover=True)
    found = document_fromstring(document.text.encode("utf-8", "replace"), parser=parser)
    for code in list(found.iter("pre")):
        _mend_code(code)
    tree = parse_html(serialise(found))
    clean(tree)
    return _MainText(tree, document.title, document.author)


def _wrap_code(block: HtmlElement) -> None:
    """The search takes <pre> for a quotation unless there is <code> in it."""
    if next(block.iter("code"), None) is None:
        code = Element("code")
        code.text, block.text = block.text, None
        code.extend(list(block))
        block.append(code)


def _mend_code(code: HtmlElement) -> None:
    """The search gives all code as <pre>: a block as one in another, a word as one in a line."""
    parent = code.getparent()
    if parent is None:
        return
    if parent.tag == "pre" and len(parent) == 1 and not (parent.text or "").strip():
        parent.text = code.tail = None
    if any(ancestor.tag == "pre" for ancestor in code.iterancestors()):
        code.drop_tag()
    elif parent.tag in _INLINE or (parent.tag in _LINES and "\n" not in (code.text or "")):
        code.tag = "code"


def _whole_page(tree: HtmlElement, url: str | None) -> tuple[str, int]:
    """The page's HTML without what stands around it, and its visible characters besides links."""
    clean(tree)
    for element in list(tree.iter(*_AROUND)):
        if element.tag == "header" and next(element.iter("h1"), None) is not None:
            continue
        _drop(element)
    for element in list(tree.iterfind(".//*[@role]")):
        if element.get("role") in _MARGINS:
            _drop(element)
    for element in list(tree.iterfind(".//*[@hidden]")):
        _drop(element)
    if url is not None:
        tree.make_links_absolute(url, resolve_base_href=True, handle_failures="ignore")
    linked = sum(len(visible_text(link)) for link in tree.iter("a"))
    return serialise(tree), max(0, len(visible_text(tree)) - linked)


def _drop(element: HtmlElement) -> None:
    if element.getparent() is not None:
        element.drop_tree()


def _page_title(tree: HtmlElement) -> str | None:
    found = tree.find(".//title")
    return " ".join((found.text or "").split()) or None if found is not None else None


def _language(tree: HtmlElement) -> str | None:
    root = tree if tree.tag == "html" else next(tree.iter("html"), tree)
    named = (root.get("lang") or "").strip()
    return named if _LANGUAGE.fullmatch(named) else None
