"""HTML to markdown, shared by all extractors that meet HTML.

html-to-markdown converts; lxml cleans the tree before. Nothing here fetches, and no entity,
DTD or external file is ever loaded.
"""

import re
from html import entities
from typing import Final

import lxml.html
from html_to_markdown import ConversionOptions, PreprocessingOptions, convert
from lxml import etree
from lxml.html import HtmlElement

from rhizome_pipelines.extraction.html_pieces import PIECE, split_html
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PermanentError

OPTIONS: Final = ConversionOptions(
    extract_metadata=False,
    inline_data_media="alt_text_only",
    preprocessing=PreprocessingOptions(enabled=False),
)
_NOT_TEXT = ("script", "style", "template", "noscript", "iframe", "object", "embed", "svg", "head")
_VERBATIM = frozenset({"pre", "code", "kbd", "samp", "textarea"})
_SAFE_LINK = re.compile(r"(?:https?:|mailto:|tel:|#|[^:]*$|[^:/?#]*[/?#])", re.IGNORECASE)
_LIKE_A_TAG = re.compile(r"<(?=[A-Za-z/!?])")
# Stands for "<" on the way through the converter, which would escape a backslash again.
_LESS_THAN = "\ue0f3"
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31});")
_XML_ENTITIES = frozenset({"amp", "lt", "gt", "quot", "apos"})
_DOCTYPE = re.compile(r"<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>", re.IGNORECASE | re.DOTALL)


class ConversionError(PermanentError):
    """The converter failed on this piece of markup; other pieces may be well."""


def to_markdown(html: str) -> str:
    """Markdown of an HTML text, large ones piece by piece.

    The converter is native code: whatever it throws, even a panic, becomes a ConversionError.
    """
    if len(html) <= 2 * PIECE:
        return _converted(html)
    return "\n".join(map(_converted, split_html(html)))


def _converted(html: str) -> str:
    try:
        markdown = convert(html, OPTIONS).content or ""
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a panic of native code is no Exception
        raise ConversionError(
            "A part of the document could not be converted: its markup is damaged."
        ) from error
    return markdown.replace(_LESS_THAN, "\\<")


def parse_html(text: str) -> HtmlElement:
    """The tree of an HTML text, mended as far as it goes. Raises InvalidInputError if empty."""
    parser = lxml.html.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False)
    data = text.replace("\x00", "").encode("utf-8", "replace")
    try:
        tree = lxml.html.document_fromstring(data, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise InvalidInputError("The page is empty; there is no text in it.") from error
    return tree


def parse_xhtml(text: str) -> HtmlElement:
    """The tree of an XHTML text, without namespaces; what is not well-formed goes as HTML.

    The DOCTYPE with all that it declares is taken off first, so that no entity can expand.
    """
    bare = _DOCTYPE.sub("", text, count=1)
    named = _ENTITY.sub(_character, bare).replace("\x00", "")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False
    )
    try:
        root = etree.fromstring(_without_declaration(named).encode("utf-8", "replace"), parser)
    except (etree.XMLSyntaxError, ValueError):
        return parse_html(_without_declaration(bare))
    for element in root.iter(etree.Element):
        element.tag = etree.QName(element).localname.lower()
    return parse_html(etree.tostring(root, method="html", encoding="unicode"))


def clean(tree: HtmlElement) -> None:
    """Take off what is no text or would not be safe as markdown, in place."""
    for element in list(tree.iter(*_NOT_TEXT)):
        if element.getparent() is not None:
            element.drop_tree()
    etree.strip_tags(tree, etree.Comment, etree.ProcessingInstruction, etree.Entity)
    for link in tree.iter("a"):
        target = link.get("href")
        if target is not None and not _SAFE_LINK.match(target.strip()):
            del link.attrib["href"]
    _escape_tags(tree)


def _escape_tags(tree: HtmlElement) -> None:
    """Text such as `<div>`, outside of code, would become a tag in markdown."""
    for element in tree.iter(etree.Element):
        if element.text and "<" in element.text and not _is_verbatim(element):
            element.text = _LIKE_A_TAG.sub(_LESS_THAN, element.text)
        parent = element.getparent()
        if element.tail and "<" in element.tail and parent is not None and not _is_verbatim(parent):
            element.tail = _LIKE_A_TAG.sub(_LESS_THAN, element.tail)


def _is_verbatim(element: HtmlElement) -> bool:
    return element.tag in _VERBATIM or any(
        ancestor.tag in _VERBATIM for ancestor in element.iterancestors()
    )


def serialise(tree: HtmlElement) -> str:
    """The tree as HTML text."""
    return etree.tostring(tree, method="html", encoding="unicode")


def visible_text(tree: HtmlElement) -> str:
    """The text of the tree, white space folded."""
    return " ".join(" ".join(tree.itertext()).split())


def _character(match: re.Match[str]) -> str:
    name = match[1]
    if name in _XML_ENTITIES:
        return match[0]
    return entities.html5.get(f"{name};", f"&amp;{name};")


def _without_declaration(text: str) -> str:
    return re.sub(r"^\s*(?:\ufeff\s*)?<\?xml[^>]*\?>", "", text, count=1)
