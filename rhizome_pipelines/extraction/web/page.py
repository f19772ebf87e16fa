"""The text of a page: its main part if that can be told, otherwise the whole of it."""

import re
from dataclasses import dataclass

import trafilatura
from lxml.html import HtmlElement

from rhizome_pipelines.extraction.html import (
    clean,
    parse_html,
    serialise,
    to_markdown,
    visible_text,
)
from rhizome_pipelines.lifecycle.errors import InvalidInputError

MAX_MAIN_TEXT = 500_000
"""Bytes. The search for the main text takes time that grows faster than the page (2 s here)."""
_AROUND = ("nav", "footer", "aside", "form", "header", "dialog", "button", "select")
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
    tree = parse_html(html)
    language = _language(tree)
    title = _page_title(tree)
    whole, around = _whole_page(tree, url)
    main = _main_text(html, url) if len(html) <= MAX_MAIN_TEXT else None
    notes: tuple[str, ...] = ()
    if main is not None and len(visible_text(main.tree)) >= min_kept_share * around:
        markdown = to_markdown(serialise(main.tree))
    else:
        markdown = to_markdown(whole)
        notes = ("The whole page was taken, as its main text could not be told for sure.",)
    if not any(map(str.isalnum, markdown)):
        raise InvalidInputError(
            "The page has no text of its own: it may need scripts or a login. Open it in your "
            "browser, save or copy its text, and add that."
        )
    return PageText(
        markdown=markdown,
        title=(main.title if main else None) or title,
        author=main.author if main else None,
        language=language,
        notes=notes,
    )


@dataclass(frozen=True)
class _MainText:
    tree: HtmlElement
    title: str | None
    author: str | None


def _main_text(html: str, url: str | None) -> _MainText | None:
    document = trafilatura.extract_with_metadata(
        html,
        url=url,
        output_format="html",
        include_links=True,
        include_formatting=True,
        include_tables=True,
        include_comments=False,
    )
    if document is None or not document.text:
        return None
    tree = parse_html(document.text)
    clean(tree)
    # Code comes as <pre> in an indented <pre>.
    for inner in list(tree.iterfind(".//pre/pre")):
        outer = inner.getparent()
        if outer is not None and len(outer) == 1:
            outer.text = inner.tail = None
        inner.drop_tag()
    return _MainText(tree, document.title, document.author)


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
